from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from booking_site.api.filters import StrictFilterBackend
from booking_site.api.pagination import KeysetPagination, WholeList
from booking_site.api.schema import documented
from booking_site.api.viewsets import RowViewSet
from booking_site.core.actor import actor_of
from booking_site.core.reach import EVERYTHING, Reach
from booking_site.core.sql import Select, SqlCondition
from booking_site.replica import lists_may_be_stale
from doctors.models import Doctor
from scheduling import operations, overview
from scheduling.filters import CalendarFilter, FirstAvailableFilter, SlotFilter
from scheduling.models import AvailableSlot, VisitType
from scheduling.schema import CALENDAR, CALLS, FIRST_AVAILABLE, VISIT_TYPES
from scheduling.serializers import (
    CalendarDaySerializer,
    HoldRequest,
    ReleaseRequest,
    SlotSerializer,
    VisitTypeSerializer,
)


class SeatViewSet(RowViewSet):
    """Rows of available_slots."""

    def within(self, rows: Any) -> Any:
        return rows.filter(self.reach.q())


def _free_within(reach: Reach, to_staff: bool) -> Select:
    return Select.of(SlotSerializer.read(AvailableSlot.objects.free(to_staff=to_staff).filter(reach.q())))


@cache
def _free(to_staff: bool) -> Select:
    return _free_within(EVERYTHING, to_staff)


@lists_may_be_stale
@documented("Slots", CALLS)
class SlotViewSet(SeatViewSet):
    queryset = AvailableSlot.objects.all()
    serializer_class = SlotSerializer
    filterset_class = SlotFilter
    pagination_class = KeysetPagination
    scopes = {"list": "slots:read", "of_doctor": "slots:read", "hold": "slots:hold", "release": "slots:hold"}

    def rows(self) -> Select:
        to_staff = actor_of(self.request).is_staff
        free = _free(to_staff) if self.reach.is_everything else _free_within(self.reach, to_staff)
        doctor_id = self.kwargs.get("doctor_id")  # of_doctor
        return free if doctor_id is None else free.where(SqlCondition("available_slots.doctor_id = %s", doctor_id))

    def of_doctor(self, request: Any, doctor_id: str) -> HttpResponse:
        if not Doctor.objects.within(self.reach).filter(pk=doctor_id).exists():
            raise NotFound("There is no doctor with this code.", "not_found")
        return self.list(request)

    def hold(self, request: Any, pk: Any) -> Response:
        asked = HoldRequest.read(request.data)
        token, until = operations.hold(actor=actor_of(request), slot_id=UUID(pk), **asked)
        return Response({"hold_token": token, "held_until": until}, status=201)

    def release(self, request: Any, pk: Any) -> Response:
        operations.release(actor=actor_of(request), slot_id=UUID(pk), **ReleaseRequest.read(request.data))
        return Response(status=204)


@lists_may_be_stale
@documented("Slots", FIRST_AVAILABLE)
class FirstAvailableViewSet(SeatViewSet):
    queryset = AvailableSlot.objects.all()
    serializer_class = SlotSerializer
    filterset_class = FirstAvailableFilter
    pagination_class = WholeList
    scopes = {"list": "slots:read"}

    def list(self, request: Any, **kwargs: Any) -> HttpResponse:
        free = self.within(AvailableSlot.objects.free(to_staff=actor_of(request).is_staff))
        filters = StrictFilterBackend().get_filterset(request, self.serializer_class.read(free), self)
        asked = filters.form.cleaned_data
        rows = overview.first_of_each_doctor(
            filters.qs,
            doctors=filters.doctors(),
            per_doctor=asked["per_doctor"] or 1,
            in_order=bool(asked["doctor"]),
        )
        return self.get_paginated_response([self.serializer_class.finish(row) for row in rows])


@lists_may_be_stale
@documented("Slots", CALENDAR)
class CalendarViewSet(SeatViewSet):
    queryset = AvailableSlot.objects.all()
    serializer_class = CalendarDaySerializer
    filterset_class = CalendarFilter
    pagination_class = WholeList
    scopes = {"list": "slots:read"}

    def list(self, request: Any, **kwargs: Any) -> HttpResponse:
        to_staff = actor_of(request).is_staff
        filters = StrictFilterBackend().get_filterset(request, self.within(AvailableSlot.objects.all()), self)
        asked = filters.form.cleaned_data
        days = overview.calendar(
            filters.qs,
            SlotSerializer.read(filters.qs.free(to_staff=to_staff)),
            first=asked["date_from"],
            last=asked["date_to"],
            to_staff=to_staff,
            per_day=asked["per_day"] or 0,
        )
        return self.get_paginated_response([self.serializer_class.finish(day) for day in days])


@lists_may_be_stale
@documented("Slots", VISIT_TYPES)
class VisitTypeViewSet(RowViewSet):
    """Those that are offered; those for staff only to staff. They are the whole hospital's."""

    queryset = VisitType.objects.all()
    serializer_class = VisitTypeSerializer
    scopes = {"list": "slots:read", "retrieve": "slots:read"}

    def get_queryset(self) -> QuerySet:
        active = VisitType.objects.filter(is_active=True)
        return active if actor_of(self.request).is_staff else active.filter(is_public=True)

    def within(self, rows: Any) -> Any:
        return rows

    def retrieve(self, request: Any, pk: Any = None, code: str = "") -> HttpResponse:
        return self.answer(code)
