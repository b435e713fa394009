"""schemathesis, against the site as served and the document as served: what the document says is what happens."""

import subprocess
import sys
from pathlib import Path

import pytest

from appointments.models import Appointment
from appointments.schema import APPOINTMENT, CANCELLED, OTHER_SLOT_ID, PATIENT_ID
from audit.models import AuditLog
from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, booked
from booking_site.testing.fixtures import serving
from patients.models import Patient
from scheduling.models import AvailableSlot
from scheduling.schema import HELD_SLOT_ID, SLOT

SECONDS = 60
CHECKS = [
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "unsupported_method", "allow_header_conformance"),
    *("ignored_auth",),
]


@pytest.fixture
def hospital():
    """Data to find, with the very ids of the document's examples: so the fuzzer's first requests succeed."""
    doctor = DoctorFactory(id=SLOT["doctor_id"])
    slots = SlotFactory.create_batch(60, doctor=doctor)
    AvailableSlot.objects.filter(pk=slots[0].pk).update(id=SLOT["id"])
    AvailableSlot.objects.filter(pk=slots[1].pk).update(id=OTHER_SLOT_ID)
    AvailableSlot.objects.filter(pk=slots[12].pk).update(id=HELD_SLOT_ID)
    appointments = [booked(patient=PatientFactory(), slot=slot) for slot in slots[2:12]]
    Appointment.objects.filter(pk=appointments[0].pk).update(id=APPOINTMENT["id"])
    Appointment.objects.filter(pk=appointments[1].pk).update(id=CANCELLED["id"])
    PatientFactory(id=PATIENT_ID)


@pytest.fixture
def server(transactional_db):
    """The fuzzer comes without a token more often than an address may."""
    with serving(API_FAILURES_PER_MINUTE="0") as address:
        yield address


REFUSED = """\
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429, "5xx"]
"""  # the usual ones, and 414: what is wrong may also be too long


def fuzz(server, token, folder, *options) -> None:
    (folder / "schemathesis.toml").write_text(REFUSED)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server}/openapi.json"),
            *("--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS)),
            *("--max-time", str(SECONDS), "--continue-on-failure", "--warnings", "off", "--seed", "20300514"),
            *("--request-timeout", "20", "--suppress-health-check", "all"),
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS * 4,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.django_db(transaction=True)
def test_the_fuzzer_finds_no_server_error_and_no_answer_that_breaks_the_schema(server, hospital, make_token, tmp_path):
    # Moving first, as the document has it: later the fuzzer may have checked in every appointment that it knows of.
    fuzz(server, make_token(), tmp_path, "--phases", "examples", "--include-operation-id", "rescheduleAppointment")
    fuzz(server, make_token(), tmp_path)
    # It got through to the business behind the schema:
    assert Patient.objects.count() > 11
    assert set(Appointment.objects.values_list("status", flat=True)) >= {"booked", "cancelled"}
    succeeded = set(AuditLog.objects.filter(status="success").values_list("action", flat=True))
    assert {"appointment.booked", "appointment.rescheduled", "appointment.cancelled", "slot.held"} <= succeeded
    assert {"patient.created", "patient.updated"} <= succeeded
