"""Bad input to the API: the calls that write, and what every refusal must look like."""

NOWHERE = "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77"
PROBLEM = {"type", "title", "status", "detail", "code", "instance", "errors"}
NEW_PATIENT = {"first_name": "Ada", "last_name": "Byron", "dob": "1980-02-29"}
WRITES = ["patients", "book-appointment", "cancel-appointment", "reschedule-appointment"]
RIGHT = {
    "patients": NEW_PATIENT,
    "book-appointment": {"patient_id": NOWHERE, "slot_id": NOWHERE},
    "cancel-appointment": {"appointment_id": NOWHERE},
    "reschedule-appointment": {"appointment_id": NOWHERE, "slot_id": NOWHERE},
}


def check(answer, status, *, code=None, field=None):
    """The answer is a problem document of this status, with this code, about this field."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json", answer["Content-Type"]
    body = answer.json()
    assert set(body) == PROBLEM
    assert body["status"] == status
    assert body["detail"]
    assert body["code"]
    if code is not None:
        assert body["code"] == code, body
    if field is not None:
        assert field in {error["field"] for error in body["errors"]}, body
    if status == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer ")
    return body


def post(api, call, body):
    return api.post(f"/api/v1/{call}", body, format="json")


def post_raw(api, call, body, content_type="application/json"):
    return api.generic("POST", f"/api/v1/{call}", body, content_type=content_type)
