"""The calls of ``/api/v1``, with those that an app brings itself (``api_calls`` of its AppConfig). A slash at the end
works too. They are sought in this order: first what is asked most."""

from typing import Any

from django.apps import apps
from django.urls import re_path

from appointments.views import AppointmentViewSet
from booking_site.api.patient_tokens import PatientTokenViewSet
from booking_site.api.viewsets import UUID_PATTERN, RowViewSet
from doctors.models import CODE_PATTERN
from doctors.views import DoctorViewSet
from patients.views import PatientViewSet
from scheduling.models import CODE_PATTERN as VISIT_TYPE_PATTERN
from scheduling.views import CalendarViewSet, FirstAvailableViewSet, SlotViewSet, VisitTypeViewSet

CALLS: list[tuple[str, type[RowViewSet], dict[str, Any]]] = [
    ("available-slots", SlotViewSet, {"get": "list"}),
    ("book-appointment", AppointmentViewSet, {"post": "book"}),
    ("cancel-appointment", AppointmentViewSet, {"post": "cancel"}),
    ("reschedule-appointment", AppointmentViewSet, {"post": "reschedule"}),
    (f"appointments/(?P<pk>{UUID_PATTERN})", AppointmentViewSet, {"get": "retrieve"}),
    ("appointments", AppointmentViewSet, {"get": "list"}),
    ("doctors", DoctorViewSet, {"get": "list"}),
    (f"doctors/(?P<pk>{CODE_PATTERN})", DoctorViewSet, {"get": "retrieve"}),
    (f"doctors/(?P<doctor_id>{CODE_PATTERN})/available-slots", SlotViewSet, {"get": "of_doctor"}),
    ("patients", PatientViewSet, {"get": "list", "post": "create"}),
    (f"patients/(?P<pk>{UUID_PATTERN})", PatientViewSet, {"get": "retrieve", "patch": "partial_update"}),
    (f"patients/(?P<pk>{UUID_PATTERN})/consents", PatientViewSet, {"get": "consents"}),
    ("patient-tokens", PatientTokenViewSet, {"post": "create"}),
    ("visit-types", VisitTypeViewSet, {"get": "list"}),
    (f"visit-types/(?P<code>{VISIT_TYPE_PATTERN})", VisitTypeViewSet, {"get": "retrieve"}),
    ("available-slots/calendar", CalendarViewSet, {"get": "list"}),
    ("first-available", FirstAvailableViewSet, {"get": "list"}),
    (f"available-slots/(?P<pk>{UUID_PATTERN})/hold", SlotViewSet, {"post": "hold", "delete": "release"}),
    *(
        (f"appointments/(?P<pk>{UUID_PATTERN})/{step}", AppointmentViewSet, {"post": step.replace("-", "_")})
        for step in ("check-in", "start", "complete", "no-show", "undo")
    ),
    *(call for app in apps.get_app_configs() for call in getattr(app, "api_calls", list)()),
]
urlpatterns = [re_path(rf"^{pattern}/?\Z", viewset.as_view(actions)) for pattern, viewset, actions in CALLS]
