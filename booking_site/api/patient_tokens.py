"""Tokens for one patient alone, which a trusted backend (a patient portal) gets for the app in the patient's hands.

The backend has identified the patient; the hospital trusts it to (``ApiClient.may_act_for_patients``). The token opens
what is the patient's own, for some minutes, and is ended like any other at ``/oauth/revoke``.
"""

import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.response import Response

from booking_site.api import signals
from booking_site.api.clients import issue_token
from booking_site.api.models import ApiClient
from booking_site.api.problems import PATIENT_NOT_FOUND, Refusal
from booking_site.api.schema import Call, documented
from booking_site.api.scopes import FOR_PATIENTS
from booking_site.api.serializers import Identifier, StrictSerializer, WholeNumber
from booking_site.api.viewsets import RowViewSet
from booking_site.core.actor import actor_of
from booking_site.core.errors import Conflict
from patients.models import Patient, answering

PATIENT_ID = "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"
NOT_TRUSTED = Refusal(403, "may_not_act_for_patients", "This client may not act for patients.")
CLOSED = Refusal(409, "patient_inactive", "This patient's record is closed.")


class PatientTokenRequest(StrictSerializer):
    patient_id = Identifier(help_text="Whom the backend has identified.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(FOR_PATIENTS),
        min_length=1,
        max_length=len(FOR_PATIENTS),
        help_text="What the app needs, of what the backend has itself.",
    )
    minutes = WholeNumber(
        required=False,
        min_value=1,
        max_value=settings.PATIENT_TOKEN_MINUTES,
        help_text=f"How long it is good; {settings.PATIENT_TOKEN_MINUTES} when not given.",
    )


class PatientTokenSerializer(serializers.Serializer):
    """A token for one patient. It is shown only now."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(["Bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField(help_text="Separated by spaces.")
    patient_id = serializers.UUIDField(help_text="The record that answers for the patient: merged ones are followed.")


CALLS = {
    "create": Call(
        id="issuePatientToken",
        summary="A token that opens one patient's own records only",
        description="For the app in the hands of a patient whom your backend has identified. It may read and book for "
        "that patient and nobody else; of the record it may change how the patient is reached. Only clients that may "
        "act for patients, with a token of their own, get one; its scopes are some of their own.",
        request=PatientTokenRequest,
        body={"patient_id": PATIENT_ID, "scopes": ["slots:read", "appointments:read", "appointments:write"]},
        status=201,
        response=PatientTokenSerializer,
        answer={
            "access_token": "W8d3vJ0oQx5yT1nKpZ7sLr2hFbCgMe4u",
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": "slots:read appointments:read appointments:write",
            "patient_id": PATIENT_ID,
        },
        refusals=(NOT_TRUSTED, PATIENT_NOT_FOUND, CLOSED),
    )
}


@documented("Patients", CALLS)
class PatientTokenViewSet(RowViewSet):
    queryset = Patient.objects.all()
    scopes = {"create": "patients:read"}
    not_for_patients = frozenset({"create"})

    def create(self, request: Any) -> Response:
        form = PatientTokenRequest(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        self._check_trust(request.auth, asked["scopes"])
        patient = self._patient(asked["patient_id"])
        minutes = asked.get("minutes", settings.PATIENT_TOKEN_MINUTES)
        client = ApiClient.objects.get(pk=request.auth.application)
        scopes = list(dict.fromkeys(asked["scopes"]))
        with transaction.atomic():
            token, expires = issue_token(client, days=minutes / (24 * 60), scopes=scopes, patient_id=patient)
            signals.patient_token_issued.send(
                sender=type(self), actor=actor_of(request), patient_id=patient, scope=" ".join(scopes), expires=expires
            )
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": minutes * 60,
            "scope": " ".join(scopes),
            "patient_id": patient,
        }
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})

    @staticmethod
    def _check_trust(token: Any, scopes: list[str]) -> None:
        """A token of the client itself, trusted, and no scope that it has not got."""
        if not token.may_act_for_patients or token.username:
            raise PermissionDenied(NOT_TRUSTED.detail, NOT_TRUSTED.code)
        beyond = [scope for scope in scopes if scope not in token.scopes]
        if beyond:
            raise PermissionDenied(f"The access token lacks the scope {beyond[0]}.", "insufficient_scope")

    def _patient(self, patient_id: uuid.UUID) -> uuid.UUID:
        """The record that answers for the patient."""
        within = Patient.objects.within(self.reach)
        found = within.filter(pk=answering(patient_id)).values_list("pk", "is_active").first()
        if found is None:
            raise NotFound(PATIENT_NOT_FOUND.detail, PATIENT_NOT_FOUND.code)
        if not found[1]:
            raise Conflict(CLOSED.detail, code=CLOSED.code)
        return found[0]
