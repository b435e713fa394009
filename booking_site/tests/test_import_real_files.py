"""import_csv on real files, whole: exact totals, and a second run that changes nothing."""

import csv
import json
import re
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import Count, F

from appointments.models import Appointment
from doctors.models import Department, Doctor
from patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def totals(shared_data):
    """``totals(entity, file, profile)`` imports a real file: (read, created, already there, repeated, rejected)."""

    def run(entity, file, profile):
        out = StringIO()
        call_command("import_csv", entity, shared_data / file, "--profile", profile, stdout=out, stderr=StringIO())
        return tuple(int(line.split()[-1].replace(",", "")) for line in out.getvalue().splitlines()[1:6])

    return run


def test_vitoria_complete_and_twice(totals):
    file = "noshow/appointments_2016-04-29_to_2016-05-25.csv.gz"
    assert totals("patients", file, "vitoria") == (75_283, 47_827, 0, 27_456, 0)
    assert totals("appointments", file, "vitoria") == (75_283, 75_283, 0, 0, 0)

    assert dict(Appointment.objects.order_by().values_list("status").annotate(Count("pk"))) == {
        "no_show": 15_782,
        "completed": 59_501,
    }
    odd = ["9377952927E-5", "53761528476E-5", "14172416655E-5"]
    assert Patient.objects.filter(mrn__in=odd, first_name="Patient", last_name=F("mrn"), dob=None).count() == 3
    visit = Appointment.objects.get(external_id="5642903")
    assert (visit.patient.mrn, visit.doctor_id, visit.time) == ("29872499824296", "VITORIA-CLINIC", None)
    assert visit.date == date(2016, 4, 29)  # as written, wherever the clock stands
    assert visit.starts_at == datetime(2016, 4, 29, 3, tzinfo=UTC)
    assert visit.completed_at == visit.ends_at == datetime(2016, 4, 30, 3, tzinfo=UTC)
    assert visit.booked_at == datetime(2016, 4, 29, 21, 38, 8, tzinfo=UTC)  # 18:38:08 by the clock there
    late = Appointment.objects.filter(booked_at__gte=F("ends_at"))
    assert {row.external_id for row in late} == {"5679978", "5715660", "5664962", "5686628", "5655637"}
    assert {row.status for row in late} == {"no_show"}
    assert Appointment.objects.aggregate(first=Count("date", distinct=True))["first"] == 19

    newest = Appointment.objects.latest("updated_at").updated_at, Patient.objects.latest("updated_at").updated_at
    assert totals("patients", file, "vitoria") == (75_283, 0, 47_827, 27_456, 0)
    assert totals("appointments", file, "vitoria") == (75_283, 0, 75_283, 0, 0)
    assert Appointment.objects.count() == 75_283
    assert Patient.objects.count() == 47_827
    assert newest == (
        Appointment.objects.latest("updated_at").updated_at,
        Patient.objects.latest("updated_at").updated_at,
    )


def test_cms_clinicians(totals):
    file = "registries/cms_clinicians_raw_slice.csv"
    assert totals("doctors", file, "cms") == (386, 371, 0, 12, 3)
    doctor = Doctor.objects.get(pk="NPI-1215911011")
    assert (doctor.name, doctor.specialization) == ("SOCRATES PEREZ-RODRIGUEZ", "INTERNAL MEDICINE")
    assert (doctor.department.name, doctor.phone, doctor.experience) == ("INTERNAL MEDICINE", "", None)
    assert Department.objects.count() == Doctor.objects.values("specialization").distinct().count()
    assert totals("doctors", file, "cms") == (386, 0, 371, 12, 3)


def test_nhs_practices(totals):
    file = "registries/nhs-ods_epraccur_2019.csv.gz"
    assert totals("departments", file, "nhs") == (14_303, 14_303, 0, 0, 0)
    assert Department.objects.filter(is_active=False).count() == 2_427 + 389 + 5
    assert Department.objects.filter(phone="").count() == 269
    assert Department.objects.filter(name__regex=r"^THE SURGERY \([A-Z0-9]+\)$").count() == 28
    assert Department.objects.filter(name__contains="'").exists()
    practice = Department.objects.get(code="A81001")
    assert (practice.name, practice.phone) == ("THE DENSHAM SURGERY (A81001)", "01642 672351")
    assert practice.site == "THE HEALTH CENTRE, LAWSON STREET, STOCKTON-ON-TEES, CLEVELAND, TS18 1HU"
    assert totals("departments", file, "nhs") == (14_303, 0, 14_303, 0, 0)


def test_hospitals_of_three_countries(totals):
    for country, rows in {"AT": 527, "BG": 304, "PT": 420}.items():
        assert totals("departments", f"registries/hospitals_{country}.csv", "hospitals") == (rows, rows, 0, 0, 0)
    first = Department.objects.get(code="BG-10000")
    assert first.name == '"МБАЛ-Дулово" ЕООД (Болница) (BG-10000)'
    assert first.phone == "+359 855 3029;+359 855 3200;+359 864 23200"
    assert (first.site, first.time_zone) == ('ул. "Розова долина" 37, 7650, Дулово, Силистра', "Europe/Sofia")
    assert Department.objects.filter(name__startswith="Centro de Saúde (PT-").count() == 29
    for country, rows in {"AT": 527, "BG": 304, "PT": 420}.items():
        assert totals("departments", f"registries/hospitals_{country}.csv", "hospitals") == (rows, 0, rows, 0, 0)


@pytest.mark.parametrize(
    ("folder", "patients", "dead", "organizations", "providers"),
    [("massachusetts-1171", 1_171, 171, 1_119, 5_855), ("nebraska-111", 111, 11, 215, 215)],
)
def test_synthea(totals, folder, patients, dead, organizations, providers):
    files = {
        "patients": (f"synthea/{folder}/patients.csv", patients),
        "departments": (f"synthea/{folder}/organizations.csv", organizations),
        "doctors": (f"synthea/{folder}/providers.csv", providers),
    }
    for entity, (file, rows) in files.items():
        assert totals(entity, file, "synthea") == (rows, rows, 0, 0, 0)
    assert Patient.objects.filter(is_active=False).count() == dead
    if patients == 1_171:
        assert Patient.objects.filter(first_name="José Eduardo181", last_name="Gómez206", dob="1989-05-25").exists()
        assert Patient.objects.filter(last_name="O'Hara248").exists()
    for entity, (file, rows) in files.items():
        assert totals(entity, file, "synthea") == (rows, 0, rows, 0, 0)


def test_naughty_strings_come_in_exactly_as_they_are(shared_data, tmp_path):
    """Markup, shell, SQL, format strings, right-to-left, emoji: every one a name, read back character by character; but
    for those with characters that turn the order of letters around, which are rejected, each by its line."""
    texts = [text[:200] for text in json.loads((shared_data / "names" / "blns.json").read_text()) if text.strip()]
    with open(tmp_path / "names.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "name"], *enumerate(texts)])
    (tmp_path / "names.toml").write_text('[patients.fields]\nmrn = "id"\nfirst_name = "name"\n')
    arguments = ("import_csv", "patients", tmp_path / "names.csv", "--profile", str(tmp_path / "names.toml"))
    call_command(*arguments, stdout=StringIO(), stderr=StringIO())
    stored = dict(Patient.objects.values_list("mrn", "first_name"))
    turning = {number for number, text in enumerate(texts) if re.search(r"[\u202a-\u202e\u2066-\u2069]", text)}
    assert 0 < len(turning) < 10
    assert stored == {str(number): text for number, text in enumerate(texts) if number not in turning}
    assert len(stored) > 500
