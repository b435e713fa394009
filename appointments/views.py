import hashlib
from typing import Any

import orjson
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from appointments import operations
from appointments.filters import AppointmentFilter
from appointments.idempotency import Idempotency
from appointments.models import Appointment
from appointments.schema import CALLS
from appointments.serializers import AppointmentSerializer, BookRequest, CancelRequest, RescheduleRequest
from booking_site.api.pagination import KeysetPagination
from booking_site.api.schema import documented
from booking_site.api.viewsets import RowViewSet
from booking_site.core.actor import actor_of


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
    }

    def book(self, request: Any) -> Response:
        form = BookRequest(data=request.data)
        form.is_valid(raise_exception=True)
        appointment = operations.book(
            actor=actor_of(request), idempotency=_idempotency(request, "book"), **form.validated_data
        )
        location = request.build_absolute_uri(f"/api/v1/appointments/{appointment.pk}")
        return self.answer(appointment.pk, status=201, headers={"Location": location})

    def cancel(self, request: Any) -> Response:
        return self._change(request, operations.cancel, CancelRequest)

    def reschedule(self, request: Any) -> Response:
        return self._change(request, operations.reschedule, RescheduleRequest)

    def _change(self, request: Any, operation: Any, form_class: Any) -> Response:
        form = form_class(data=request.data)
        form.is_valid(raise_exception=True)
        appointment = operation(
            actor=actor_of(request),
            expected_versions=self.expected_versions(),
            idempotency=_idempotency(request, operation.__name__),
            **form.validated_data,
        )
        return self.answer(appointment.pk)


def _idempotency(request: Any, operation: str) -> Idempotency | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError({"Idempotency-Key": ["1 to 255 printable ASCII characters."]}, code="invalid")
    body = orjson.dumps([operation, request.data], option=orjson.OPT_SORT_KEYS)
    actor = actor_of(request)
    return Idempotency(client=actor.id, key=key, fingerprint=hashlib.sha256(body).hexdigest())
