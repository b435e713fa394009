from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from booking_site.api.pagination import KeysetPagination
from booking_site.api.schema import documented
from booking_site.api.viewsets import RowViewSet
from booking_site.core.actor import actor_of
from doctors.models import Doctor
from scheduling import operations
from scheduling.filters import SlotFilter
from scheduling.models import AvailableSlot
from scheduling.schema import CALLS
from scheduling.serializers import HoldRequest, ReleaseRequest, SlotSerializer


@documented("Slots", CALLS)
class SlotViewSet(RowViewSet):
    queryset = AvailableSlot.objects.all()
    serializer_class = SlotSerializer
    filterset_class = SlotFilter
    pagination_class = KeysetPagination
    scopes = {"list": "slots:read", "of_doctor": "slots:read", "hold": "slots:hold", "release": "slots:hold"}

    def get_queryset(self) -> QuerySet:
        free = AvailableSlot.objects.free()
        doctor_id = self.kwargs.get("doctor_id")  # of_doctor
        return free if doctor_id is None else free.filter(doctor_id=doctor_id)

    def of_doctor(self, request: Any, doctor_id: str) -> Response:
        if not Doctor.objects.filter(pk=doctor_id).exists():
            raise NotFound("There is no doctor with this code.", "not_found")
        return self.list(request)

    def hold(self, request: Any, pk: Any) -> Response:
        form = HoldRequest(data=request.data)
        form.is_valid(raise_exception=True)
        token, until = operations.hold(actor=actor_of(request), slot_id=pk, **form.validated_data)
        return Response({"hold_token": token, "held_until": until}, status=201)

    def release(self, request: Any, pk: Any) -> Response:
        form = ReleaseRequest(data=request.data)
        form.is_valid(raise_exception=True)
        operations.release(actor=actor_of(request), slot_id=pk, **form.validated_data)
        return Response(status=204)
