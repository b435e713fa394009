"""Forms that no page of ours sends: too much, too deep, or with files. A 4xx, at once, and nothing is written."""

import time

import pytest
from django.conf import settings as own_settings
from django.test import Client
from django.urls import reverse

from booking_site.testing.factories import staff
from patients.models import Patient

pytestmark = pytest.mark.django_db
PAGES = ["admin:login", "admin:patients_patient_add", "admin:patients_patient_changelist", "set_language"]
NEW = {"last_name": "Byron", "dob": "1980-02-29"}
FORM = "application/x-www-form-urlencoded"
END = b"--x--\r\n"


def part(name: bytes, value: bytes = b"v", more: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + value + b"\r\n"


FIELDS = own_settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 10
REFUSED = {
    "too many fields": (b"&".join(b"a%d=1" % n for n in range(FIELDS)), FORM),
    "too many empty fields": (b"&" * FIELDS, FORM),
    "too many parts": (b"".join(part(b"a%d" % n) for n in range(FIELDS)) + END, "multipart/form-data; boundary=x"),
    "a file": (part(b"f", b"x", b'; filename="a.txt"') + END, "multipart/form-data; boundary=x"),
    "a file of a path": (part(b"f", b"x", b'; filename="../../etc/passwd"') + END, "multipart/form-data; boundary=x"),
    "files": (part(b"f", b"x", b'; filename="a"') * 5_000 + END, "multipart/form-data; boundary=x"),
    "no boundary": (b"--x", "multipart/form-data"),
    "a long boundary": (b"--" + b"x" * 9000, "multipart/form-data; boundary=" + "x" * 9000),
    "a part with a long header": (part(b"a" * 100_000) + END, "multipart/form-data; boundary=x"),
    "a body over the limit": (b"a=" + b"x" * own_settings.API_MAX_BODY, FORM),
    "a part over the limit": (part(b"a", b"x" * own_settings.API_MAX_BODY), "multipart/form-data; boundary=x"),
}
TAKEN = {  # odd, but harmless: read as far as it goes, in no time
    "a file without a name": (part(b"f", b"x", b'; filename=""') + END, "multipart/form-data; boundary=x"),
    "an unknown charset": (b"a=1", f"{FORM}; charset=none"),
    "names in names": (b"&".join(b"[a" * 300 + b"%d=1" % n for n in range(500)), FORM),
    "a name of brackets": (b"a" + b"[b]" * 100_000 + b"=1", FORM),
    "percent signs": (b"a=" + b"%" * 900_000, FORM),
    "base64 in a part": (
        part(b"a", b"=" * 500_000, b"\r\nContent-Transfer-Encoding: base64") + END, "multipart/form-data; boundary=x",
    ),
    "only boundaries": (b"--x\r\n" * 150_000, "multipart/form-data; boundary=x"),
    "line ends": (b"\r\n" * 400_000, "multipart/form-data; boundary=x"),
    "parameters of a part": (
        b"--x\r\nContent-Disposition: form-data" + b"; a=b" * 180 + b"\r\n\r\nv\r\n" + END,
        "multipart/form-data; boundary=x",
    ),
    "quotation marks": (
        b'--x\r\nContent-Disposition: form-data; name="' + b'\\"' * 450 + b"\r\n\r\n" + END,
        "multipart/form-data; boundary=x",
    ),
}  # fmt: skip


@pytest.fixture
def client():
    client = Client(raise_request_exception=False)
    client.force_login(staff("Administrator"))
    return client


@pytest.mark.parametrize("name", [*REFUSED, *TAKEN])
def test_a_form_that_is_none(client, name):
    body, content_type = (REFUSED | TAKEN)[name]
    for page in PAGES:
        started = time.monotonic()
        answer = client.generic("POST", reverse(page), body, content_type=content_type)
        assert time.monotonic() - started < 5, page  # of a hundredth
        assert answer.status_code < 500, (page, answer.content[:300])
        if name in REFUSED and page != "admin:patients_patient_changelist":
            assert answer.status_code in (400, 413), (page, answer.status_code)
    assert Patient.objects.count() == 0


def test_a_form_that_is_one(client):
    """The control: urlencoded and in parts."""
    assert client.post(reverse("admin:patients_patient_add"), NEW).status_code == 302
    parts = (
        b"".join(part(name.encode(), value.encode()) for name, value in (NEW | {"last_name": "Curie"}).items()) + END
    )
    answer = client.generic("POST", reverse("admin:patients_patient_add"), parts, "multipart/form-data; boundary=x")
    assert answer.status_code == 302
    assert Patient.objects.count() == 2


@pytest.mark.parametrize("many", ["1000000000", "-1", "9" * 400, "x", "1001"])
def test_a_form_that_claims_many_rows(client, many):
    form = {"username": "new", "staff_profile-TOTAL_FORMS": many, "staff_profile-INITIAL_FORMS": many}
    started = time.monotonic()
    answer = client.post(reverse("admin:auth_user_add"), form)
    assert answer.status_code == 200
    assert time.monotonic() - started < 5
