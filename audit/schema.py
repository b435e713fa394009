"""The calls about the audit log, as the OpenAPI document shows them."""

from audit.serializers import AuditLogSerializer
from booking_site.api.problems import NOT_FOUND
from booking_site.api.schema import Call

ENTRY = {
    "id": "0198c5f3-1b2c-7d4e-8f60-718293a4b5c6",
    "timestamp": "2030-05-02T07:41:09.318204Z",
    "action": "patient.updated",
    "status": "success",
    "user_id": "12",
    "user_kind": "user",
    "user_name": "eva",
    "on_behalf_of": "",
    "appointment_id": None,
    "patient_id": "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77",
    "patient_ids": None,
    "object_type": "patient",
    "object_id": "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77",
    "request_id": "0198c5f3-1b2b-7a11-b0c1-d2e3f4a5b6c7",
    "address": "203.0.113.9",
    "details": {"old": {"phone": "+***99"}, "new": {"phone": "+***00"}},
}
LISTED = ENTRY | {
    "action": "patient.listed",
    "patient_id": None,
    "patient_ids": ["0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"],
    "object_id": "",
    "details": {"page": "api", "patients": 1, "filters": {"search": "..."}},
}
READ = (
    "Reading the log is an entry itself (`audit.listed`, `audit.viewed`). A list of entries names in its own entry the "
    "patients that these are about, not all of those whom lists have shown."
)

CALLS = {
    "list": Call(
        id="listAuditLogs",
        summary="Search the audit log",
        description=f"Newest first. {READ}",
        response=AuditLogSerializer,
        answer=LISTED,
        many=True,
    ),
    "retrieve": Call(
        id="getAuditLog",
        summary="One entry of the audit log",
        description=READ,
        response=AuditLogSerializer,
        answer=ENTRY,
        refusals=(NOT_FOUND,),
    ),
}
