"""Which scopes an application may be granted: those it was registered with. And the one that names a patient.

A token that is limited to one patient says so in its own scope, as ``patient:UUID`` beside the others: no other row
has to be there for the limit to hold. Only ``patient_tokens`` writes it; the token endpoint grants no such scope.
"""

import uuid
from typing import Any

from oauth2_provider.scopes import SettingsScopes

OF_PATIENT = "patient:"
# What an app may do on behalf of a patient, whatever else its client may do.
FOR_PATIENTS = (
    *("doctors:read", "patients:read", "patients:write", "slots:read", "slots:hold"),
    *("appointments:read", "appointments:write"),
)


class ClientScopes(SettingsScopes):
    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        known = super().get_available_scopes(application, request, *args, **kwargs)
        if application is None:
            return known
        allowed = application.scopes.split()
        return [scope for scope in known if scope in allowed]

    def get_default_scopes(self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        return self.get_available_scopes(application, request)


def of_patient(patient_id: uuid.UUID) -> str:
    return f"{OF_PATIENT}{patient_id}"


def patient_in(granted: list[str]) -> uuid.UUID | None:
    """The patient that a token is limited to."""
    return next((uuid.UUID(scope.removeprefix(OF_PATIENT)) for scope in granted if scope.startswith(OF_PATIENT)), None)
