import hashlib
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse
from rest_framework.exceptions import PermissionDenied, ValidationError

from appointments import operations
from appointments.filters import AppointmentFilter
from appointments.idempotency import Idempotency
from appointments.models import Appointment, Status
from appointments.schema import CALLS
from appointments.serializers import AppointmentSerializer, BookRequest, CancelRequest, RescheduleRequest, StepRequest
from booking_site.api.auth import check_scope
from booking_site.api.pagination import KeysetPagination
from booking_site.api.schema import documented
from booking_site.api.viewsets import RowViewSet
from booking_site.core.actor import actor_of
from booking_site.core.reach import EVERYTHING, Reach
from booking_site.core.sql import Select


def _within(reach: Reach) -> Select:
    return Select.of(AppointmentSerializer.read(Appointment.objects.within(reach)))


@cache
def _all() -> Select:
    return _within(EVERYTHING)


@documented("Appointments", CALLS)
class AppointmentViewSet(RowViewSet):
    queryset = Appointment.objects.all()
    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilter
    pagination_class = KeysetPagination
    scopes = {
        "list": "appointments:read",
        "retrieve": "appointments:read",
        "book": "appointments:write",
        "cancel": "appointments:write",
        "reschedule": "appointments:write",
        "check_in": "frontdesk:write",
        "start": "frontdesk:write",
        "complete": "frontdesk:write",
        "no_show": "frontdesk:write",
        "undo": "frontdesk:write",
    }

    def within(self, rows: Any) -> Any:
        return rows.within(self.reach)

    def rows(self) -> Select:
        return _all() if self.reach.is_everything else _within(self.reach)

    def book(self, request: Any) -> HttpResponse:
        asked = BookRequest.read(request.data)
        if self.reach.patient is not None and asked.get("is_urgent"):
            raise PermissionDenied("An app that acts for a patient cannot say what is urgent.", "field_not_allowed")
        appointment = operations.book(actor=actor_of(request), idempotency=_idempotency(request, "book"), **asked)
        location = request.build_absolute_uri(f"/api/v1/appointments/{appointment.pk}")
        return self.respond(AppointmentSerializer.row_of(appointment), 201, {"Location": location})

    def cancel(self, request: Any) -> HttpResponse:
        return self._change(request, operations.cancel, CancelRequest)

    def reschedule(self, request: Any) -> HttpResponse:
        return self._change(request, operations.reschedule, RescheduleRequest)

    def check_in(self, request: Any, pk: str) -> HttpResponse:
        return self._change(request, operations.check_in, StepRequest, appointment_id=UUID(pk))

    def start(self, request: Any, pk: str) -> HttpResponse:
        return self._change(request, operations.start, StepRequest, appointment_id=UUID(pk))

    def complete(self, request: Any, pk: str) -> HttpResponse:
        return self._change(request, operations.complete, StepRequest, appointment_id=UUID(pk))

    def no_show(self, request: Any, pk: str) -> HttpResponse:
        return self._change(request, operations.mark_no_show, StepRequest, appointment_id=UUID(pk))

    def undo(self, request: Any, pk: str) -> HttpResponse:
        if self.within(Appointment.objects.filter(pk=pk, status=Status.CANCELLED)).exists():
            check_scope(request, "appointments:write")  # it books again
        return self._change(request, operations.undo, StepRequest, appointment_id=UUID(pk))

    def _change(self, request: Any, operation: Any, form_class: Any, **of_address: Any) -> HttpResponse:
        asked = form_class.read(request.data)
        appointment = operation(
            actor=actor_of(request),
            expected_versions=self.expected_versions(),
            idempotency=_idempotency(request, operation.__name__, *of_address.values()),
            **of_address,
            **asked,
        )
        return self.respond(AppointmentSerializer.row_of(appointment))


def _idempotency(request: Any, operation: str, *of_address: UUID) -> Idempotency | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError({"Idempotency-Key": ["1 to 255 printable ASCII characters."]}, code="invalid")
    body = orjson.dumps([operation, *of_address, request.data], option=orjson.OPT_SORT_KEYS)
    return Idempotency(client=actor_of(request).holder, key=key, fingerprint=hashlib.sha256(body).hexdigest())
