"""The calls about patients, as the OpenAPI document shows them."""

from booking_site.api.problems import BAD_IF_MATCH, BUSY, FIELD_NOT_ALLOWED, NOT_FOUND, STALE, Refusal
from booking_site.api.schema import Call
from patients.serializers import ConsentsSerializer, PatientRequest, PatientSerializer

NEW_PATIENT = {
    "first_name": "Nguyễn Thị",
    "last_name": "O'Connor-Łuczak",
    "email": "nguyen@mail.example",
    "phone": "+49 (0)30 5550-199",
    "dob": "1984-02-29",
    "insurance_provider": "Example Health",
    "insurance_id": "X123456789",
    "mrn": "MRN-000731",
    "preferred_language": "vi",
    "remind_by_email": True,
    "consent_source": "app",
}
PATIENT = {
    "id": "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77",
    **{name: value for name, value in NEW_PATIENT.items() if name != "consent_source"},
    "remind_by_sms": False,
    "remind_by_phone": False,
    "is_active": True,
    "erased_at": None,
    "created_at": "2030-05-02T07:41:09.318204Z",
    "updated_at": "2030-05-02T07:41:09.318204Z",
}
DUPLICATE = Refusal(409, "duplicate_mrn", "Another patient has this record number.", field="mrn")
MERGED = Refusal(
    409,
    "patient_merged",
    "The record 0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c78 has been merged into 0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77. "
    "Use that one.",
)
ERASED = Refusal(
    409,
    "patient_erased",
    "The record 0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77 has been erased. Register the person anew.",
)
CONSENT = {
    "channel": "email",
    "is_given": True,
    "recorded_at": "2030-05-02T07:41:09.318204Z",
    "recorded_by": "client:patient portal",
    "source": "app",
}

CALLS = {
    "list": Call(
        id="listPatients",
        summary="Find patients",
        description="By last name. `search` finds words of the name in any order, with or without accents.",
        response=PatientSerializer,
        answer=PATIENT,
        many=True,
    ),
    "retrieve": Call(
        id="getPatient",
        summary="One patient",
        description="The id of a record that has been merged answers with the record it was merged into, under "
        "its own `id` and with its address in `Content-Location`. A record that has been erased answers without "
        "anything that tells who it was, and with the moment in `erased_at`.",
        response=PatientSerializer,
        answer=PATIENT,
        takes=("IfNoneMatch",),
        gives=("ETag", "Content-Location"),
        refusals=(NOT_FOUND,),
    ),
    "consents": Call(
        id="listConsents",
        summary="By what a patient may be reminded, and since when",
        description="Each time that a consent was given or withdrawn, newest first: how the patient has said it, and "
        "who wrote it down.",
        response=ConsentsSerializer,
        answer={"results": [CONSENT]},
        refusals=(NOT_FOUND,),
    ),
    "create": Call(
        id="registerPatient",
        summary="Register a patient",
        description="One of the two names may be empty, not both. Everything is kept exactly as it was sent.",
        request=PatientRequest,
        body=NEW_PATIENT,
        status=201,
        response=PatientSerializer,
        answer=PATIENT,
        gives=("Location", "ETag"),
        refusals=(FIELD_NOT_ALLOWED, DUPLICATE, BUSY),
    ),
    "partial_update": Call(
        id="changePatient",
        summary="Change a patient",
        description="Only the fields that are sent. With `If-Match`, only if nobody has changed the record meanwhile. "
        "A record that has been merged is not changed any more: the error names the one to change. An app that acts "
        "for a patient may set `email`, `phone`, `preferred_language` and the reminders.",
        request=PatientRequest,
        partial=True,
        body={"phone": "+49 30 5550 200", "remind_by_sms": True},
        response=PatientSerializer,
        answer=PATIENT | {"phone": "+49 30 5550 200", "remind_by_sms": True},
        takes=("IfMatch",),
        gives=("ETag",),
        refusals=(FIELD_NOT_ALLOWED, BAD_IF_MATCH, NOT_FOUND, DUPLICATE, MERGED, ERASED, BUSY, STALE),
    ),
}
