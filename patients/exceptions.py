import uuid

from booking_site.core.errors import Conflict


class PatientMerged(Conflict):
    """The record has been merged into another one, whose id ``errors`` names: ``{"field": "survivor_id", ...}``."""

    code = "patient_merged"

    def __init__(self, patient_id: uuid.UUID, survivor_id: uuid.UUID) -> None:
        super().__init__(
            f"The record {patient_id} has been merged into {survivor_id}. Use that one.",
            errors=[{"field": "survivor_id", "code": self.code, "detail": str(survivor_id)}],
        )
