from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from booking_site.api.schema import documented
from booking_site.api.viewsets import RowViewSet
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.operations import save_record
from booking_site.replica import lists_may_be_stale
from patients.filters import PatientFilter
from patients.models import Patient, PatientConsent, PatientQuerySet, answering
from patients.schema import CALLS
from patients.serializers import PatientRequest, PatientSerializer

CONTACT = frozenset(
    {"email", "phone", "preferred_language", "remind_by_email", "remind_by_sms", "remind_by_phone"}
)  # what an app that acts for a patient may change


@lists_may_be_stale
@documented("Patients", CALLS)
class PatientViewSet(RowViewSet):
    queryset = Patient.objects.all()
    serializer_class = PatientSerializer
    filterset_class = PatientFilter
    scopes = {
        "list": "patients:read",
        "retrieve": "patients:read",
        "consents": "patients:read",
        "create": "patients:write",
        "partial_update": "patients:write",
    }

    not_for_patients = frozenset({"create"})

    def within(self, rows: Any) -> Any:
        return rows.within(self.reach)

    def get_queryset(self) -> PatientQuerySet:
        """A list holds no record that another one answers for."""
        return Patient.objects.surviving() if self.action == "list" else Patient.objects.all()

    def retrieve(self, request: Any, pk: Any = None) -> HttpResponse:
        """The id of a record that has been merged answers with the one it was merged into."""
        row = self.row(answering(pk))
        return self.respond(row, headers={"Content-Location": f"/api/v1/patients/{row['id']}"})

    def get_object(self) -> Patient:
        """The record of the address itself: changing one that has been merged is refused by name. Whether it is within
        reach is asked of the one that answers for it."""
        key = self.kwargs["pk"]
        within = Patient.objects.within(self.reach)
        if not self.reach.is_every_patient and not within.filter(pk=answering(key)).exists():
            raise self.not_found()
        found = self.filter_queryset(self.get_queryset()).filter(pk=key).first()
        if found is None:
            raise self.not_found()
        return found

    def consents(self, request: Any, pk: Any) -> HttpResponse:
        """The history of a record's own consents."""
        row = self.row(answering(pk))
        shown.note_record(request, Patient, row)
        history = PatientConsent.objects.filter(patient=row["id"])
        columns = ("channel", "is_given", "recorded_at", "recorded_by", "source")
        return Response({"results": list(history.values(*columns))})

    def create(self, request: Any) -> HttpResponse:
        form = PatientRequest(data=request.data)
        form.is_valid(raise_exception=True)
        if self.reach.person.is_own_only or self.reach.person.is_nothing:
            raise PermissionDenied("The signed-in person sees no patients but their own.", "not_allowed")
        self._check_fields(form.validated_data)
        patient = form.build()
        save_record(actor=actor_of(request), instance=patient)
        location = request.build_absolute_uri(f"/api/v1/patients/{patient.pk}")
        return self.answer(patient.pk, status=201, headers={"Location": location})

    def partial_update(self, request: Any, pk: Any) -> HttpResponse:
        patient = self.get_object()
        form = PatientRequest(patient, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        self._check_fields(form.validated_data)
        save_record(
            actor=actor_of(request),
            instance=form.build(patient),
            fields=[name for name in form.validated_data if name != "consent_source"],
            expected_versions=self.expected_versions(),
        )
        return self.answer(pk)

    def _check_fields(self, given: Iterable[str]) -> None:
        """An app that acts for a patient changes how to reach them. Record numbers are given by those who see all
        patients: to others a number that is taken would tell of a patient whom they may not see."""
        if self.reach.patient is not None:
            refused = sorted(set(given) - CONTACT)
        else:
            refused = [] if self.reach.is_every_patient else sorted({"mrn"} & set(given))
        if refused:
            raise PermissionDenied(f"This access token may not set {', '.join(refused)}.", "field_not_allowed")
