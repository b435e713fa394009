"""import_csv: generated files for each rule; the real files are in test_import_real_files.py."""

import csv
import gzip
import hashlib
import re
from datetime import UTC, date, datetime, time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, PatientFactory
from doctors.models import Department, Doctor
from patients.models import Patient

pytestmark = pytest.mark.django_db

PATIENTS = """
[patients.fields]
mrn = "id"
first_name = "first"
last_name = "last"
phone = "phone"
dob = { column = "born", format = ["%d.%m.%Y", "%Y-%m-%d"] }
"""
HEADER = "id,first,last,phone,born\n"


@pytest.fixture
def importing(tmp_path):
    """``importing(entity, content, profile, *options)`` writes both files and runs the command; gives its output."""

    def run(entity, content, profile, *options, name="file.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "own.toml").write_text(profile)
        out, err = StringIO(), StringIO()
        call_command(
            "import_csv", entity, file, "--profile", str(tmp_path / "own.toml"), *options, stdout=out, stderr=err
        )
        return Output(out.getvalue(), err.getvalue())

    return run


class Output:
    def __init__(self, out, err):
        self.out, self.err = out, err

    @property
    def counts(self):
        """(read, created, already there, repeated, rejected)"""
        lines = self.out.splitlines()[1:6]
        assert [line[2:24].strip() for line in lines] == [
            *("read", "created", "already there", "repeated in the file", "rejected")
        ]
        counts = tuple(int(line[24:].replace(",", "")) for line in lines)
        assert counts[0] == sum(counts[1:])
        return counts


def reasons(output):
    return [line for line in output.err.splitlines() if line.startswith("line ")]


# --- rows ----------------------------------------------------------------------------------------------------


def test_rows_become_records_exactly_as_written(importing):
    output = importing(
        "patients", HEADER + "A-1, José,O'Hara248,0170 1,29.02.2000\nA-2,,张无忌,,2001-01-31\n", PATIENTS
    )
    assert output.counts == (2, 2, 0, 0, 0)
    rows = Patient.objects.order_by("mrn").values_list("mrn", "first_name", "last_name", "phone", "dob", "is_active")
    assert list(rows) == [
        ("A-1", " José", "O'Hara248", "0170 1", date(2000, 2, 29), True),
        ("A-2", "", "张无忌", "", date(2001, 1, 31), True),
    ]


def test_a_second_run_changes_nothing(importing):
    content = HEADER + "A-1,Ann,Lee,,\nA-1,Ann,Lee,,\nA-2,Bo,Lee,,\n"
    assert importing("patients", content, PATIENTS).counts == (3, 2, 0, 1, 0)
    before = list(Patient.objects.order_by("mrn").values())
    assert importing("patients", content, PATIENTS).counts == (3, 0, 2, 1, 0)
    assert list(Patient.objects.order_by("mrn").values()) == before


def test_a_row_that_contradicts_an_earlier_one_is_rejected_naming_it(importing):
    output = importing("patients", HEADER + "A-1,Ann,Lee,,\nA-2,Bo,Lee,,\nA-1,Ann,Li,123456,\n", PATIENTS)
    assert output.counts == (3, 2, 0, 0, 1)
    assert reasons(output) == ["line 4: line 2 has the same mrn with other values: last_name, phone"]
    assert Patient.objects.get(mrn="A-1").last_name == "Lee"


def test_what_staff_changed_is_never_overwritten(importing):
    content = HEADER + "A-1,Ann,Lee,123456,\nA-1,Ann,Lee,123456,\n"
    importing("patients", content, PATIENTS)
    Patient.objects.filter(mrn="A-1").update(phone="999999", email="ann@example.org")
    output = importing("patients", content, PATIENTS)
    assert output.counts == (2, 0, 0, 0, 2)
    assert reasons(output) == [
        "line 2: already registered with other values: phone",
        "line 3: as line 2: already registered with other values: phone",
    ]
    assert Patient.objects.get(mrn="A-1").phone == "999999"


def test_fields_that_the_profile_does_not_map_are_left_alone(importing):
    PatientFactory(mrn="A-1", first_name="Ann", last_name="Lee", dob=None, is_active=False, email="ann@example.org")
    assert importing("patients", HEADER + "A-1,Ann,Lee,,\n", PATIENTS).counts == (1, 0, 1, 0, 0)
    assert not Patient.objects.get(mrn="A-1").is_active


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Ann,Lee,,", "mrn: is blank; without it the record could not be found again"),
        ("A-1, , ,,", "first_name, last_name: both are blank; a patient needs one of them"),
        ("A-1,Ann,Lee,,31.02.2000", "dob: '31.02.2000' is not of the form %d.%m.%Y or %Y-%m-%d"),
        ("A-1,Ann,Lee,,01.01.1849", "dob: A date of birth cannot lie before 1850."),
        ("A-1,Ann,Lee,,01.01.2999", "dob: A date of birth cannot lie in the future."),
        ("A-1,Ann,Lee,call me,", "phone: Enter a phone number: digits, spaces and + ( ) - . / only."),
        (f"A-1,Ann,{'x' * 201},,", "last_name: has 201 characters; at most 200 fit"),
        ("A-1,A\0nn,Lee,,", "first_name: holds a NUL or another character that no text may hold"),
        ("A-1,Ann,Lee,", "4 columns where the table has 5"),
        ("A-1,Ann,Lee,,,", "6 columns where the table has 5"),
        ('A-1,"Ann"x,Lee,,', "not readable as CSV (',' expected after '\"')"),
        ("A-1,Ann," + "x" * 140_000 + ",,", "not readable as CSV (field larger than field limit (131072))"),
        (",Ann,Lee,a,b", "phone: Enter a phone number: digits, spaces and + ( ) - . / only.; "
         "dob: 'b' is not of the form %d.%m.%Y or %Y-%m-%d; "
         "mrn: is blank; without it the record could not be found again"),
    ],
)  # fmt: skip
def test_a_bad_row_is_rejected_with_its_reason_and_the_others_are_kept(importing, row, reason):
    output = importing("patients", HEADER + f"A-0,Zoe,Lee,,\n{row}\nA-9,Bo,Lee,,\n", PATIENTS)
    assert output.counts == (3, 2, 0, 0, 1)
    assert reasons(output) == [f"line 3: {reason}"]


def test_an_open_quotation_mark_costs_its_own_line_only(importing):
    content = HEADER + 'A-1,"Ann,Lee,,\nA-2,Bo,Lee,,\nA-3,"Cy",Lee,,\nA-4,Di,Lee,,\n'
    output = importing("patients", content, PATIENTS)
    assert output.counts == (4, 3, 0, 0, 1)
    assert reasons(output) == ["line 2: a quotation mark is opened and not closed where a value ends"]


def test_values_of_several_lines_and_blank_lines_keep_the_count_of_lines(importing):
    content = HEADER + '\r\nA-1,"Ann\r\nMary",Lee,,\r\n\r\nA-2,Bo,Lee,x,\r\n'
    output = importing("patients", content, PATIENTS)
    assert output.counts == (2, 1, 0, 0, 1)
    assert Patient.objects.get().first_name == "Ann\r\nMary"
    assert reasons(output)[0].startswith("line 6: phone:")
    assert "Blank lines: 2" in output.out


def test_rejects_come_as_a_file_that_can_be_mended_and_imported(importing, tmp_path):
    rejects = tmp_path / "rejects.csv"
    content = HEADER + 'A-2,"Bo, ""B""",Lee,call me,\nA-1,Ann,Lee,,\nA-3,Cy\n'
    output = importing("patients", content, PATIENTS, "--rejects", rejects)
    assert output.err == ""
    with open(rejects, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "reason", "id", "first", "last", "phone", "born"]
    assert [row[0] for row in rows[1:]] == ["2", "4"]
    assert rows[1][2:] == ["A-2", 'Bo, "B"', "Lee", "call me", ""]
    assert rows[2][1:] == ["2 columns where the table has 5", "A-3", "Cy"]
    mended = "\n".join(rejects.read_text(encoding="utf-8-sig").replace("call me", "123456").splitlines()[:2])
    assert importing("patients", mended, PATIENTS).counts == (1, 1, 0, 0, 0)
    assert Patient.objects.get(mrn="A-2").first_name == 'Bo, "B"'


def test_no_cell_of_the_rejects_is_a_formula_and_each_comes_back_as_it_was(importing, tmp_path):
    rejects = tmp_path / "rejects.csv"
    importing("patients", HEADER + 'A-2,=1+1,"\'@Lee",+49 call,\n', PATIENTS, "--rejects", rejects)
    with open(rejects, encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1][2:] == ["A-2", "'=1+1", "''@Lee", "'+49 call", ""]
    mended = rejects.read_text(encoding="utf-8-sig").replace("call", "30 5550")
    assert importing("patients", mended, PATIENTS).counts == (1, 1, 0, 0, 0)
    patient = Patient.objects.get(mrn="A-2")
    assert (patient.first_name, patient.last_name, patient.phone) == ("=1+1", "'@Lee", "+49 30 5550")


def test_the_first_rejects_are_shown_and_the_rest_counted(importing):
    output = importing("patients", HEADER + "".join(f"A-{n},,,,\n" for n in range(25)), PATIENTS)
    assert len(reasons(output)) == 20
    assert "... and 5 more rejected rows" in output.err


def test_columns_that_are_not_used_are_named(importing):
    output = importing("patients", "id,notes,first,last,phone,born,\nA-1,n,Ann,Lee,,,u\n", PATIENTS)
    assert "Columns that this import does not use: notes, (unnamed 7)" in output.out


def test_a_dry_run_reports_all_and_keeps_nothing(importing, tmp_path):
    rejects = tmp_path / "rejects.csv"
    output = importing("patients", HEADER + "A-1,Ann,Lee,,\nA-2,,,,\n", PATIENTS, "--dry-run", "--rejects", rejects)
    assert output.out.startswith("Dry run, nothing was kept")
    assert output.counts == (2, 1, 0, 0, 1)
    assert len(rejects.read_text().splitlines()) == 2
    assert not Patient.objects.exists()
    assert not AuditLog.objects.exists()


def test_an_import_is_one_row_of_the_audit_log(importing):
    content = HEADER + "A-1,Ann,Lee,,\nA-2,,,,\n"
    importing("patients", content, PATIENTS)
    row = AuditLog.objects.get()
    assert (row.action, row.status, row.user_kind, row.user_id) == (
        *("patients.imported", "success", "command", "import_csv"),
    )
    assert row.details["new"] == {
        "profile": "own",
        "file": "file.csv",
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "counts": {"read": 2, "created": 1, "there": 0, "repeated": 0, "rejected": 1},
    }


# --- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encode", "settings"),
    [
        (lambda text: text.encode("utf-8-sig"), ""),
        (lambda text: gzip.compress(text.encode(), mtime=0), ""),
        (lambda text: text.replace("\n", "\r\n").encode(), ""),
        (lambda text: text.replace("\n", "\r").encode(), ""),
        (lambda text: text.encode("cp1252"), 'encoding = "cp1252"'),
        (lambda text: text.encode("utf-16"), 'encoding = "utf-16"'),
        (lambda text: text.replace(",", ";").encode(), 'delimiter = ";"'),
        (lambda text: text.replace(",", "\t").encode(), 'delimiter = "\\t"'),
        (lambda text: text.replace(",", ", ", 4).encode(), ""),  # header names with leading spaces
        (lambda text: ('"id","first","last","phone","born"' + text[len(HEADER) - 1 :]).encode(), ""),
        (lambda text: text[len(HEADER) :].encode(), 'columns = ["id", "first", "last", "phone", "born"]'),
    ],
    ids=["bom", "gzip", "crlf", "cr", "cp1252", "utf-16", "semicolon", "tab", "spaces", "quoted", "headerless"],
)
def test_files_come_in_many_shapes(importing, encode, settings):
    content = encode(HEADER + "A-1,Zoë,Müller,,\n")
    assert importing("patients", content, f"[file]\n{settings}\n{PATIENTS}").counts == (1, 1, 0, 0, 0)
    assert Patient.objects.get().last_name == "Müller"


@pytest.mark.parametrize(
    ("content", "profile", "message"),
    [
        (b"", PATIENTS, "is empty"),
        (HEADER.encode() + "A-1,Zoë,Lee,,\n".encode("cp1252"), PATIENTS, "is not utf-8-sig: byte 0xeb"),
        (gzip.compress(HEADER.encode() * 9, mtime=0)[:40], PATIENTS, "is damaged after line"),
        (b"\x1f\x8bnot gzip at all", PATIENTS, "is damaged after line 1"),
        (b"id,first\nA-1,Ann\n", PATIENTS, "fields.last_name reads the column last, which the file does not have"),
        (b"id,first,last,phone,born,last\n", PATIENTS, "reads the column last, which the file has more than once"),
        (b"id\n", "[patients.fields", "cannot be read"),
        (b"id\n", '[patients.fields]\nmrn = "id"\nnickname = "id"', "patients have no nickname. Known fields: mrn"),
        (b"id\n", '[patients.fields]\nfirst_name = "id"', "map mrn, by which a second import knows the record"),
        (b"id\n", '[patients]\nmode = "fast"\n[patients.fields]\nmrn = "id"', "unknown mode"),
        (b"id\n", '[doctors.fields]\nid = "id"', "has no [patients]: it describes doctors"),
        (b"id\n", '[nurses]\n', "unknown nurses"),
        (b"id\n", 'patients = 3', "[patients] must be a table"),
        (b"id\n", '[file]\nencoding = "klingon"', "there is no encoding 'klingon'"),
        (b"id\n", '[file]\nencoding = "hex"', "there is no encoding 'hex'"),
        (b"id\n", '[file]\ndelimiter = ";;"', "delimiter is one character"),
        (b"id\n", '[file]\nskip = 3', "unknown skip"),
        (b"id\n", '[file]\ncolumns = ["id", "id"]', "each column needs a name of its own"),
        (b"id\n", '[patients.fields]\nmrn = 3', "must be a column's name in quotes"),
        (b"id\n", '[patients.fields]\nmrn = { column = "id", constant = "x" }', "needs exactly one of column"),
        (b"id\n", '[patients.fields]\nmrn = { column = "id", upper = true }', "unknown upper"),
        (b"id\n", '[patients.fields]\nmrn = { column = "id", otherwise = "x" }', "otherwise needs values"),
        (b"id\n", '[patients.fields]\nmrn = { column = "id", values = 3 }', "values is a table"),
        (b"id\n", '[patients.fields]\nmrn = { column = "id", blank = "x" }', "blank is a list of texts"),
        (b"id\n", '[patients.fields]\nmrn = { column = "id", format = 3 }', "format is a text such as"),
        (b"id\n", '[patients.fields]\nmrn = { template = "MRN" }', "names at least one column in {braces}"),
        (b"id\n", '[patients.fields]\nmrn = { join = [] }', "join is a list of columns"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_at_all_is_said_on_one_line(importing, content, profile, message):
    with pytest.raises(CommandError) as caught:
        importing("patients", content, profile)
    assert message in str(caught.value)
    assert str(caught.value).endswith("Nothing was imported.")
    assert not Patient.objects.exists()
    assert AuditLog.objects.get().status == "failure"


def test_a_file_or_profile_that_is_not_there_is_said_on_one_line(importing, tmp_path):
    with pytest.raises(CommandError, match=r"absent\.csv cannot be read: No such file"):
        call_command("import_csv", "patients", tmp_path / "absent.csv", "--profile", "vitoria")
    with pytest.raises(
        CommandError, match=r"There is no profile vitorai .*Known: cms, hospitals, nhs, synthea, vitoria"
    ):
        call_command("import_csv", "patients", tmp_path / "absent.csv", "--profile", "vitorai")
    with pytest.raises(CommandError, match=r"cannot be written: No such file"):
        importing("patients", HEADER, PATIENTS, "--rejects", tmp_path / "no" / "rejects.csv")
    with pytest.raises(CommandError, match="--rejects names the file that is being imported"):
        importing("patients", HEADER, PATIENTS, "--rejects", tmp_path / "file.csv")
    assert (tmp_path / "file.csv").read_text() == HEADER


# --- the language of profiles --------------------------------------------------------------------------------


def test_mappings_make_values_of_columns(importing):
    profile = """
    [departments.derived]
    region = { column = "@file", values = { north = "N" }, otherwise = "?" }
    [departments.fields]
    code = { template = "{region}-{id}" }
    name = { column = "name", remove = "*." }
    site = { join = ["street", "town"], with = ", " }
    phone = { column = "phone", blank = ["-", "none"] }
    time_zone = { constant = "Europe/Lisbon" }
    is_active = { column = "closed", values = { "" = true }, otherwise = false }
    """
    rows = "1,*Cardio.*,Elm St 1,Porto,-,\n2,Dental,,Faro,12;34,2020\n,Lost,,,,\n"
    output = importing("departments", "id,name,street,town,phone,closed\n" + rows, profile, name="north.csv.gz")
    assert output.counts == (3, 2, 0, 0, 1)
    assert reasons(output) == ["line 4: code: is blank; without it the record could not be found again"]
    made = Department.objects.order_by("code").values_list("code", "name", "site", "phone", "time_zone", "is_active")
    assert list(made) == [
        ("N-1", "Cardio", "Elm St 1, Porto", "", "Europe/Lisbon", True),
        ("N-2", "Dental", "Faro", "12;34", "Europe/Lisbon", False),
    ]


def test_a_code_that_the_profile_does_not_know_rejects_the_row(importing):
    profile = '[departments.fields]\nname = "n"\nis_active = { column = "s", values = { A = true, C = false } }'
    output = importing("departments", "n,s\nOne,A\nTwo,X\nThree,\n", profile)
    assert output.counts == (3, 1, 0, 0, 2)
    assert reasons(output) == [
        "line 3: is_active: 'X' is none of the values that the profile knows: A, C",
        "line 4: is_active: is blank",
    ]


# --- departments and doctors ---------------------------------------------------------------------------------


def test_a_department_name_that_is_taken_rejects_the_row(importing):
    DepartmentFactory(name="Old", code="X")
    profile = '[departments.fields]\ncode = "c"\nname = "n"\n'
    output = importing("departments", "c,n\n1,New\n2,New\n3,Old\n4, \n5,Zone\n", profile)
    assert output.counts == (5, 2, 0, 0, 3)
    assert reasons(output) == [
        "line 3: name: line 2 has it already",
        "line 4: name: another of the departments has it already",
        "line 5: name: is blank",
    ]


def test_a_department_without_code_is_known_by_its_name(importing):
    profile = '[departments.fields]\nname = "n"\ntime_zone = "z"'
    content = "n,z\nEye clinic,Europe/Rome\nEye clinic,Europe/Rome\nSkin clinic,Mars/Base\n"
    output = importing("departments", content, profile)
    assert output.counts == (3, 1, 0, 1, 1)
    assert "Mars/Base is no IANA time zone" in reasons(output)[0]
    assert importing("departments", content, profile).counts == (3, 0, 1, 1, 1)


def test_doctors_open_the_departments_that_the_profile_allows(importing):
    DepartmentFactory(name="EYES")
    profile = """
    [doctors]
    new_departments = { time_zone = "America/New_York" }
    [doctors.fields]
    id = { template = "N-{id}" }
    name = "name"
    department = "spec"
    experience = "years"
    """
    content = "id,name,spec,years\n1,A,EYES,\n2,B,SKIN,80\n3,C,BONES,81\n4,D,SKIN,-1\n5,E,,\n6,,SKIN,\n2,B,FEET,80\n"
    output = importing("doctors", content, profile)
    assert output.counts == (7, 2, 0, 0, 5)
    assert reasons(output)[0] == "line 4: experience: 81 years; at most 80 are possible"
    assert reasons(output)[-1] == "line 8: line 3 has the same id with other values: department"
    assert list(Doctor.objects.order_by("id").values_list("id", "department__name", "department__time_zone")) == [
        ("N-1", "EYES", "Europe/Berlin"),
        ("N-2", "SKIN", "America/New_York"),
    ]
    assert sorted(Department.objects.values_list("name", flat=True)) == ["EYES", "SKIN"]  # none for a rejected row
    assert importing("doctors", content, profile).counts == (7, 0, 2, 0, 5)


@pytest.mark.parametrize(("field", "value"), [("department", "Heart"), ("department_code", "H")])
def test_doctors_are_rejected_when_their_department_is_not_known(importing, field, value):
    heart = DepartmentFactory(name="Heart", code="H")
    profile = f'[doctors.fields]\nid = "id"\nname = "name"\n{field} = "dep"'
    output = importing("doctors", f"id,name,dep\nD1,A,{value}\nD2,B,Nowhere\n", profile)
    assert output.counts == (2, 1, 0, 0, 1)
    assert reasons(output)[0].startswith(f"line 3: {field}: no department ")
    assert Doctor.objects.get().department == heart


@pytest.mark.parametrize("code", ["a b", "x" * 33, "-x", "D/1", "Ä"])
def test_a_doctor_code_of_another_shape_is_rejected(importing, code):
    DepartmentFactory(name="Heart")
    profile = '[doctors.fields]\nid = "id"\nname = "id"\ndepartment = { constant = "Heart" }'
    assert importing("doctors", f"id\n{code}\n", profile).counts == (1, 0, 0, 0, 1)


# --- appointments --------------------------------------------------------------------------------------------

VISITS = """
[appointments.fields]
external_id = "no"
patient = "patient"
doctor = "doctor"
status = "status"
date = "date"
time = "time"
duration_minutes = "minutes"
booked_at = "booked"
reason = "reason"
"""
VISIT_COLUMNS = "no,patient,doctor,status,date,time,minutes,booked,reason\n"


@pytest.fixture
def clinic():
    """A doctor in Berlin, D1, and a patient, P1."""
    DoctorFactory(id="D1", department=DepartmentFactory(time_zone="Europe/Berlin"))
    return PatientFactory(mrn="P1")


def test_a_visit_is_dated_by_the_clock_of_its_department(importing, clinic):
    row = "1,P1,D1,completed,2024-07-01,09:30,20,2024-03-31 01:59:00,Knee; left\n"
    assert importing("appointments", VISIT_COLUMNS + row, VISITS).counts == (1, 1, 0, 0, 0)
    made = Appointment.objects.get()
    assert (made.date, made.time, made.reason) == (date(2024, 7, 1), time(9, 30), "Knee; left")
    assert made.starts_at == datetime(2024, 7, 1, 7, 30, tzinfo=UTC)
    assert made.ends_at == made.completed_at == datetime(2024, 7, 1, 7, 50, tzinfo=UTC)
    assert made.booked_at == datetime(2024, 3, 31, 0, 59, tzinfo=UTC)
    assert (made.patient, made.doctor_id, made.slot_id, made.source) == (clinic, "D1", None, "import:own")
    assert (made.no_show_at, made.cancelled_at, made.external_id) == (None, None, "1")


def test_a_visit_without_a_time_has_the_whole_local_day(importing, clinic):
    rows = (
        "1,P1,D1,no_show,2024-03-31,,,2024-03-01T08:00:00+0500,\n2,P1,D1,cancelled,2999-10-27,,,2024-03-01 08:00:00,\n"
    )
    assert importing("appointments", VISIT_COLUMNS + rows, VISITS).counts == (2, 2, 0, 0, 0)
    short = Appointment.objects.get(external_id="1")  # the day on which clocks go forward: 23 hours
    assert (short.time, short.status, short.no_show_at) == (None, "no_show", short.ends_at)
    assert short.starts_at == datetime(2024, 3, 30, 23, tzinfo=UTC)
    assert short.ends_at == datetime(2024, 3, 31, 22, tzinfo=UTC)
    assert short.booked_at == datetime(2024, 3, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,P2,D1,completed,2024-07-01,,,2024-07-01 08:00:00,", "patient: no patient has the record number P2"),
        ("1,,D1,completed,2024-07-01,,,2024-07-01 08:00:00,", "patient: is blank"),
        ("1,P1,D2,completed,2024-07-01,,,2024-07-01 08:00:00,", "doctor: no doctor has the code D2"),
        ("1,P1,D1,booked,2024-07-01,,,2024-07-01 08:00:00,",
         "status: booked is not finished; what is past is one of completed, cancelled, no_show"),
        ("1,P1,D1,done,2024-07-01,,,2024-07-01 08:00:00,", "status: Value 'done' is not a valid choice."),
        ("1,P1,D1,completed,2999-07-01,,,2024-07-01 08:00:00,",
         "status: completed, although the appointment lies ahead"),
        ("1,P1,D1,completed,2024-03-31,02:30,20,2024-03-01 08:00:00,",
         "date: clocks in Europe/Berlin never showed 2024-03-31 02:30:00"),
        ("1,P1,D1,completed,2024-03-31,,,2024-03-31 02:30:00,",
         "booked_at: clocks in Europe/Berlin never showed 2024-03-31 02:30:00"),
        ("1,P1,D1,completed,2024-07-01,09:30,,2024-07-01 08:00:00,",
         "duration_minutes: is needed with a time, and more than 0"),
        ("1,P1,D1,completed,2024-07-01,,,,", "booked_at: is blank"),
        ("1,P1,D1,completed,9999-12-31,,,2024-07-01 08:00:00,", "date: 9999-12-31 lies outside the calendar"),
        ("1,P1,D1,completed,2024-07-01,,,2024-07-01 08:00:00," + "x" * 2001,
         "reason: has 2001 characters; at most 2000 fit"),
    ],
)  # fmt: skip
def test_a_visit_that_cannot_have_been_is_rejected(importing, clinic, row, reason):
    output = importing("appointments", VISIT_COLUMNS + row + "\n", VISITS)
    assert output.counts == (1, 0, 0, 0, 1)
    assert reasons(output) == [f"line 2: {reason}"]


def test_visits_are_known_by_their_number_and_the_profile(importing, clinic):
    row = "1,P1,D1,completed,2024-07-01,09:30,20,2024-03-31 01:59:00,Knee\n"
    importing("appointments", VISIT_COLUMNS + row, VISITS)
    assert importing("appointments", VISIT_COLUMNS + row, VISITS).counts == (1, 0, 1, 0, 0)
    output = importing("appointments", VISIT_COLUMNS + row.replace(",20,", ",30,").replace("Knee", "Hip"), VISITS)
    assert reasons(output) == ["line 2: already registered with other values: duration_minutes, reason"]
    Appointment.objects.update(source="import:other")
    assert importing("appointments", VISIT_COLUMNS + row, VISITS).counts == (1, 1, 0, 0, 0)


def test_the_moment_of_finishing_may_come_from_the_file(importing, clinic):
    profile = VISITS + 'finished_at = "end"\n'
    content = VISIT_COLUMNS.replace("\n", ",end\n") + "1,P1,D1,completed,2024-07-01,09:30,20,2024-06-01 08:00:00,,{}\n"
    first = content.format("2024-07-01 09:45:00")
    assert importing("appointments", first, profile).counts == (1, 1, 0, 0, 0)
    assert Appointment.objects.get().completed_at == datetime(2024, 7, 1, 7, 45, tzinfo=UTC)
    assert importing("appointments", first, profile).counts == (1, 0, 1, 0, 0)
    output = importing("appointments", content.format(""), profile)
    assert reasons(output) == ["line 2: already registered with other values: finished_at"]


def test_a_placeholder_doctor_is_made_once(importing, clinic):
    profile = """
    [appointments.placeholder]
    department = { name = "Archive", time_zone = "America/Sao_Paulo" }
    doctor = { id = "ARCHIVE", name = "Archive" }
    [appointments.fields]
    external_id = "no"
    patient = { constant = "P1" }
    doctor = { constant = "ARCHIVE" }
    status = { constant = "completed" }
    date = "day"
    booked_at = { column = "day", format = "%Y-%m-%d" }
    """
    importing("appointments", "no,day\n1,2024-01-01\n", profile)
    assert importing("appointments", "no,day\n1,2024-01-01\n2,2024-01-02\n", profile).counts == (2, 1, 1, 0, 0)
    assert Department.objects.filter(name="Archive").count() == Doctor.objects.filter(id="ARCHIVE").count() == 1


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (VISITS.replace('duration_minutes = "minutes"\n', ""), "map duration_minutes as well"),
        (VISITS.replace('status = "status"\n', ""), "map status as well"),
        ("[appointments.placeholder]\ndoctor = { id = 'A' }\n" + VISITS, "placeholder is a table of two"),
        ("[appointments.placeholder]\ndoctor = { name = 'A' }\ndepartment = { name = 'B' }\n" + VISITS,
         "the doctor needs an id and a name"),
        ("[appointments.placeholder]\ndoctor = { id = 'A B', name = 'A' }\ndepartment = { name = 'B' }\n" + VISITS,
         "Letters, digits and . _ - only."),
    ],
)  # fmt: skip
def test_a_profile_of_visits_that_does_not_hold_together_is_refused(importing, profile, message):
    with pytest.raises(CommandError, match=message):
        importing("appointments", VISIT_COLUMNS, profile)


def test_the_example_of_the_manual_gives_what_it_says(tmp_path, monkeypatch, settings):
    manual = (settings.BASE_DIR / "docs" / "importing.md").read_text()
    blocks = {kind: re.search(rf"```{kind}\n(.*?)```", manual, re.S)[1] for kind in ("csv", "toml", "text")}
    (tmp_path / "people.csv").write_text(blocks["csv"])
    (tmp_path / "practice.toml").write_text(blocks["toml"])
    monkeypatch.chdir(tmp_path)
    both = StringIO()
    options = ("--profile", "practice.toml", "--dry-run")
    call_command("import_csv", "patients", Path("people.csv"), *options, stdout=both, stderr=both, no_color=True)
    assert both.getvalue() == blocks["text"]
