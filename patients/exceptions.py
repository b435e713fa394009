import uuid

from django.utils.translation import gettext as _

from booking_site.core.errors import Conflict


class PatientMerged(Conflict):
    """The record has been merged into another one, whose id ``errors`` names: ``{"field": "survivor_id", ...}``."""

    code = "patient_merged"

    def __init__(self, patient_id: uuid.UUID, survivor_id: uuid.UUID) -> None:
        super().__init__(
            _("The record %(closed)s has been merged into %(survivor)s. Use that one.")
            % {"closed": patient_id, "survivor": survivor_id},
            errors=[{"field": "survivor_id", "code": self.code, "detail": str(survivor_id)}],
        )


class PatientErased(Conflict):
    """What was kept of the person is gone; the record only counts."""

    code = "patient_erased"

    def __init__(self, patient_id: uuid.UUID) -> None:
        super().__init__(_("The record %(record)s has been erased. Register the person anew.") % {"record": patient_id})
