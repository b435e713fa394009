"""Who calls the API, and what the call may do.

Tokens are OAuth 2 bearer tokens, found by their SHA-256; the token itself is stored nowhere.
"""

import hashlib
import uuid
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission

from booking_site.api.failures import count_failure
from booking_site.api.scopes import FOR_PATIENTS, of_patient, patient_in
from booking_site.core.reach import EVERYWHERE, Reach
from booking_site.core.scope import Scope, scope_of
from booking_site.core.sql import planned
from patients.models import Patient

# For a token of a signed-in person, a scope opens no more than the person's own permissions do.
PERMISSIONS = {
    "doctors:read": ("doctors.view_doctor",),
    "patients:read": ("patients.view_patient",),
    "patients:write": ("patients.add_patient", "patients.change_patient"),
    "slots:read": ("scheduling.view_availableslot",),
    "slots:hold": ("appointments.add_appointment",),
    "appointments:read": ("appointments.view_appointment",),
    "appointments:write": ("appointments.add_appointment", "appointments.change_appointment"),
    "frontdesk:write": ("appointments.attend_appointment",),
    "audit:read": ("audit.view_auditlog",),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A valid access token: ``request.auth``."""

    client_id: str
    client_name: str
    scopes: frozenset[str]
    requests_per_minute: int | None
    username: str  # of the signed-in person, or ""
    reach: Reach
    application: int  # the client's key
    may_act_for_patients: bool

    @property
    def on_behalf_of(self) -> str:
        return self.username if self.reach.patient is None else of_patient(self.reach.patient)


class Client:
    """``request.user`` for a token that belongs to no person."""

    is_authenticated = True
    is_active = True
    pk = None


# One statement for every call of the API, so it is not put together anew each time.
FIND = """
SELECT client.id, client.client_id, client.name, client.requests_per_minute, client.scopes, client.patient_id,
    client.may_act_for_patients,
    ARRAY(SELECT department_id FROM api_clients_departments WHERE apiclient_id = client.id) AS departments,
    token.scope, token.user_id
FROM oauth2_provider_accesstoken AS token JOIN api_clients AS client ON client.id = token.application_id
WHERE token.token_checksum = %s AND token.expires > statement_timestamp()
"""


class Found(NamedTuple):
    """A row of ``FIND``."""

    application: int
    client_id: str
    client_name: str
    requests_per_minute: int | None
    registered: str
    patient_id: uuid.UUID | None
    may_act_for_patients: bool
    departments: tuple[uuid.UUID, ...]
    granted: str
    user_id: int | None


class BearerAuthentication(BaseAuthentication):
    """What is no valid token counts as a failure of the address that it came from."""

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="api"'

    def authenticate(self, request: Any) -> tuple[Any, Token] | None:
        scheme, _, credentials = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            count_failure(request)
            return None
        try:
            return _opened_by(hashlib.sha256(credentials.strip()).hexdigest())
        except AuthenticationFailed:
            count_failure(request)
            raise


def _opened_by(checksum: str) -> tuple[Any, Token]:
    rows = planned(FIND, [checksum])
    if not rows:
        raise AuthenticationFailed("The access token is unknown or has expired. Get a new one.", "invalid_token")
    *what, departments, granted, user_id = rows[0]
    found = Found._make([*what, tuple(departments), granted, user_id])
    token, named = _of_application(found)
    patient = _patient(found, named)
    if patient is None and user_id is None:
        return Client(), token
    user = _person(user_id)
    reach = replace(token.reach, person=EVERYWHERE if user_id is None else scope_of(user), patient=patient)
    return user, replace(
        token,
        scopes=token.scopes if patient is None else token.scopes & frozenset(FOR_PATIENTS),
        username="" if user_id is None else user.get_username(),
        reach=reach,
    )


@lru_cache(4096)
def _of_application(found: Found) -> tuple[Token, uuid.UUID | None]:
    """What the row says by itself, whoever it acts for, and which patient it names."""
    granted = found.granted.split()
    return Token(
        client_id=found.client_id,
        client_name=found.client_name,
        # What is taken from the client is gone from the tokens that it has already.
        scopes=frozenset(granted) & frozenset(found.registered.split()),
        requests_per_minute=found.requests_per_minute,
        username="",
        reach=Reach(
            client=Scope(departments=frozenset(found.departments)) if found.departments else EVERYWHERE,
            registrar=found.application if found.departments else None,
        ),
        application=found.application,
        may_act_for_patients=found.may_act_for_patients,
    ), patient_in(granted)


def _person(user_id: int | None) -> Any:
    if user_id is None:
        return Client()
    user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise AuthenticationFailed("The account behind this token is closed.", "invalid_token")
    return user


def _patient(found: Found, named: uuid.UUID | None) -> uuid.UUID | None:
    """The only patient that the token opens, under the id of the record that answers for them now."""
    if named is None and found.patient_id is None:
        return None
    # An application for one patient is for no other; who may no longer act for patients loses these tokens at once.
    if (named is not None and found.patient_id not in (None, named)) or (
        found.patient_id is None and not found.may_act_for_patients
    ):
        raise AuthenticationFailed("The client may not act for this patient any more.", "invalid_token")
    record = Patient.objects.filter(pk__in=[named or found.patient_id]).values_list("pk", "merged_into").first()
    if record is None:
        raise AuthenticationFailed("There is no such patient any more.", "invalid_token")
    return record[1] or record[0]


class HasScope(BasePermission):
    """Each view names the scope of each action in ``scopes``. An action without one is closed."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not isinstance(request.auth, Token):
            return False
        if view.action not in view.action_map.values():
            return True  # the method is not allowed at all: DRF answers 405
        check_scope(request, view.scopes.get(view.action))
        if request.auth.reach.patient is not None and view.action in view.not_for_patients:
            raise PermissionDenied("An app that acts for a patient may not do this.", "not_for_patients")
        return True


def check_scope(request: Any, needed: str) -> None:
    """PermissionDenied unless the token has the scope, and the person that it acts for the permissions."""
    if needed not in request.auth.scopes:
        raise PermissionDenied(f"The access token lacks the scope {needed}.", "insufficient_scope")
    if request.auth.username and not request.user.has_perms(PERMISSIONS[needed]):
        raise PermissionDenied("The signed-in person may not do this.", "not_allowed")
