"""The page of the numbers: who gets it, what can be chosen, what it shows, and the file that leaves the house."""

import csv
from datetime import date
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments.reports.catalogue import REPORTS
from appointments.reports.choice import presets
from appointments.reports.export import as_csv
from appointments.reports.figures import Column, Ratio, Row, Table
from appointments.tests.reporting import DAY, MONDAY, visit
from audit.models import AuditLog
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, SlotFactory, staff

PAGE = "/admin/reports/"
PERIOD = f"first={MONDAY}&last={MONDAY + 6 * DAY}"
pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    return DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Cardiology"))


@pytest.fixture
def manager(client):
    client.force_login(staff("Scheduler"))
    return client


def page(client, query: str):
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return answer


def text_of(answer) -> str:
    return " ".join(answer.content.decode().replace("\u202f", " ").split())


def lines(answer) -> list[dict]:
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8"))))


def errors(answer) -> dict:
    return {name: list(texts) for name, texts in answer.context["form"].errors.items()}


# --- who -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["Scheduler", "Administrator"])
def test_managers_get_every_report_and_a_link_to_them(client, doctor, role):
    client.force_login(staff(role))
    visit(doctor)
    SlotFactory(doctor=doctor)
    assert f'href="{PAGE}"' in client.get("/admin/").content.decode()
    for key, report in REPORTS.items():
        assert f"<h1>{report.title}</h1>" in text_of(page(client, f"report={key}&{PERIOD}"))


@pytest.mark.parametrize("role", ["Reception", "Clinician", "Auditor"])
def test_others_are_refused_page_and_file(client, role):
    client.force_login(staff(role))
    assert PAGE not in client.get("/admin/").content.decode()
    for query in ("", "?report=no_shows&format=csv"):
        assert client.get(f"{PAGE}{query}").status_code == 403
    denied = AuditLog.objects.filter(action="access.denied", user_name=role.lower())
    assert [row.details["path"] for row in denied] == [PAGE, PAGE]
    assert not AuditLog.objects.filter(action="report.exported").exists()


def test_a_manager_of_a_department_sees_its_numbers_only(client, doctor):
    other = DoctorFactory(name="Dr Vale", department=DepartmentFactory(name="Oncology"))
    visit(doctor, status="no_show")
    visit(other)
    client.force_login(staff("Scheduler", other.department))
    shown = text_of(page(client, f"report=no_shows&{PERIOD}"))
    assert "Dr Vale" in shown
    assert "Dr Sena" not in shown
    assert "0 of 1" in shown
    foreign = page(client, f"report=no_shows&{PERIOD}&department={doctor.department_id}")
    assert errors(foreign) == {"department": ["Choose one from the list."]}
    assert "sections" not in foreign.context


# --- what is chosen ------------------------------------------------------------------------------------------------


def test_presets_are_whole_periods():
    found = {str(preset.label): (f"{preset.first}", f"{preset.last}") for preset in presets(date(2026, 1, 31))}
    assert found == {
        "Last 4 weeks": ("2026-01-03", "2026-01-30"),
        "This month": ("2026-01-01", "2026-01-31"),
        "Last month": ("2025-12-01", "2025-12-31"),
        "Last quarter": ("2025-10-01", "2025-12-31"),
        "This year": ("2026-01-01", "2026-01-31"),
        "Last year": ("2025-01-01", "2025-12-31"),
    }
    assert (presets(date(2024, 5, 1))[3].first, presets(date(2024, 5, 1))[3].last) == (
        date(2024, 1, 1),
        date(2024, 3, 31),
    )


def test_without_a_choice_it_is_the_first_report_of_the_last_four_weeks(manager):
    answer = page(manager, "")
    assert answer.context["report"] is next(iter(REPORTS.values()))
    assert [preset["is_chosen"] for preset in answer.context["presets"]] == [True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("first=2026-03-02&last=2026-03-01", {"first": ["The first day is after the last."]}),
        ("first=2025-03-02&last=2026-03-03", {"last": ["Choose at most 366 days."]}),
        (
            "first=0001-01-01&last=0001-01-02",
            {"first": ["Choose days from 1990 to 2190, the first not after the last."]},
        ),
        (
            "first=9999-12-31&last=9999-12-31",
            {"first": ["Choose days from 1990 to 2190, the first not after the last."]},
        ),
        ("first=tomorrow&last=2026-13-45", {"first": ["Enter a valid date."], "last": ["Enter a valid date."]}),
        ("step=century", {"step": ["Select a valid choice. century is not one of the available choices."]}),
        ("doctor=nobody", {"doctor": ["Choose one from the list."]}),
        ("department=7", {"department": ["“7” is not a valid UUID."]}),
        ("report=waiting&threshold=0", {"threshold": ["Ensure this value is greater than or equal to 1."]}),
        ("report=waiting&threshold=" + "9" * 5000, {"threshold": ["Enter a whole number."]}),
        ("report=waiting&threshold=1e9", {"threshold": ["Enter a whole number."]}),
    ],
)
def test_what_makes_no_sense_is_named_at_its_field(manager, query, found):
    for format in ("", "&format=csv"):
        answer = page(manager, query + format)
        assert errors(answer) == found
        assert "sections" not in answer.context


@pytest.mark.parametrize(
    "query",
    [
        "report=third_next&first=2026-05-01&last=2026-01-01&step=century",
        "report=third_next&first=tomorrow",
        "report=no_shows&threshold=0",
    ],
)
def test_what_a_report_makes_nothing_of_does_not_count(manager, query):
    answer = page(manager, query)
    assert errors(answer) == {}
    assert "sections" in answer.context


def test_an_unknown_report_is_the_first(manager):
    assert page(manager, "report=%F0%9F%92%A3").context["report"].key == "bookings"


def test_366_days_are_allowed_each_of_them(manager, doctor):
    visit(doctor, date(2024, 2, 29), status="no_show")
    answer = page(manager, "report=no_shows&first=2024-01-01&last=2024-12-31&step=day")
    (course,) = [section for section in answer.context["sections"] if section["table"].key == "period"]
    assert len(course["rows"]) == 366


# --- what is shown -------------------------------------------------------------------------------------------------


def test_every_figure_of_a_chart_stands_in_the_table_beside_it(manager, doctor):
    for clock, status in (("09:00", "no_show"), ("09:30", "completed"), ("10:00", "completed")):
        visit(doctor, clock=clock, status=status)
    answer = page(manager, f"report=no_shows&{PERIOD}")
    drawn = {section["table"].key: section for section in answer.context["sections"] if section["chart"]}
    assert drawn.keys() == {"period", "department", "doctor", "weekday", "lead_time", "hour"}
    hours = drawn["hour"]
    assert [(bar.label, bar.text) for bar in hours["chart"].bars] == [
        ("09:00–09:59", "50.0\u202f% *"),
        ("10:00–10:59", "0.0\u202f% *"),
    ]
    assert [(label, cells[0][1].text) for label, cells in hours["rows"]] == [
        ("09:00–09:59", "50.0\u202f%"),
        ("10:00–10:59", "0.0\u202f%"),
    ]
    shown = text_of(answer)
    assert '33.3 % <small>1 of 3</small> <span class="few">few cases</span>' in shown
    assert shown.count('<figure class="chart">') == shown.count("<title id=") == shown.count("<desc id=") == 6


def test_five_cases_are_not_few(manager, doctor):
    for _ in range(5):
        visit(doctor)
    assert "few cases" not in text_of(page(manager, f"report=no_shows&{PERIOD}"))


def test_definitions_stand_on_the_page(manager):
    for key, report in REPORTS.items():
        shown = page(manager, f"report={key}").context["report"]
        assert shown.definitions == report.definitions
        assert str(report.definitions[0][1]).split(".")[0] in page(manager, f"report={key}").content.decode()


def test_empty_hospital_has_empty_tables_and_no_charts(manager):
    for key in REPORTS:
        answer = page(manager, f"report={key}&{PERIOD}")
        assert {section["table"].key for section in answer.context["sections"] if section["chart"]} <= {"period"}
        assert "Nothing to count." in text_of(answer)


def test_names_are_text_and_never_markup(manager):
    doctor = DoctorFactory(name="<b>Dr</b> \"A\" & 'B'", department=DepartmentFactory(name="<script>alert(1)</script>"))
    visit(doctor)
    shown = page(manager, f"report=no_shows&{PERIOD}").content.decode()
    assert "<script>alert" not in shown
    assert "<b>Dr</b>" not in shown


def test_queries_do_not_grow_with_what_is_shown(manager, doctor):
    def queries(key: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            page(manager, f"report={key}&{PERIOD}")
        return len(asked)

    visit(doctor), SlotFactory(doctor=doctor)
    few = {key: queries(key) for key in REPORTS}
    for _ in range(3):
        other = DoctorFactory()
        visit(other), SlotFactory(doctor=other)
    assert {key: queries(key) for key in REPORTS} == few


# --- the file ------------------------------------------------------------------------------------------------------


def test_file_has_every_table_and_says_what_it_is(manager, doctor):
    visit(doctor, status="no_show")
    visit(doctor, MONDAY + DAY)
    answer = manager.get(f"{PAGE}?report=no_shows&{PERIOD}&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="no_shows_2026-03-02_2026-03-08.csv"'
    assert answer.content.startswith(b"breakdown,key,label,no_shows,visits,no_show_rate\r\n")  # no byte order mark
    found = {(row["breakdown"], row["label"]): row for row in lines(answer)}
    assert found["all", "Altogether"]["no_show_rate"] == "0.5000"
    assert found["doctor", "Dr Sena"] == {
        "breakdown": "doctor",
        "key": doctor.pk,
        "label": "Dr Sena",
        "no_shows": "1",
        "visits": "2",
        "no_show_rate": "0.5000",
    }
    assert {row["breakdown"] for row in lines(answer)} == {
        *("all", "period", "department", "doctor", "weekday", "lead_time", "hour")
    }


def test_each_report_has_its_file(manager, doctor):
    visit(doctor)
    SlotFactory(doctor=doctor)
    names = {}
    for key in REPORTS:
        answer = manager.get(f"{PAGE}?report={key}&{PERIOD}&format=csv")
        names[key] = answer.headers["Content-Disposition"].split('"')[1]
        assert all(None not in row and None not in row.values() for row in lines(answer)), key
    assert names["third_next"] == "third_next.csv"
    assert names["waiting"] == "waiting_2026-03-02_2026-03-08.csv"


def test_export_leaves_a_row_in_the_audit_log_and_looking_does_not(manager, doctor):
    page(manager, f"report=fill&{PERIOD}")
    assert not AuditLog.objects.filter(action="report.exported").exists()
    manager.get(f"{PAGE}?report=fill&{PERIOD}&doctor={doctor.pk}&format=csv")
    row = AuditLog.objects.get(action="report.exported")
    assert (row.user_name, row.object_type, row.object_id, row.status) == ("scheduler", "report", "fill", "success")
    assert row.details == {
        "new": {"first": "2026-03-02", "last": "2026-03-08", "department_id": None, "doctor_id": doctor.pk}
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_is_never_a_formula(start):
    table = Table(
        key="doctor",
        title="",
        head="",
        columns=[Column("", ("name",)), Column("", ("part", "whole", "rate")), Column("", ("days",))],
        rows=[
            Row(f"{start}key", f"{start}1+1", (f"{start}HYPERLINK()", Ratio(1, 3), -1)),
            Row("a=b", "x-1", ("a", Ratio(0, 0), 1.0)),
        ],
    )
    first, second = csv.DictReader(StringIO(as_csv([table]), newline=""))
    assert first == {
        "breakdown": "doctor",
        "key": f"'{start}key",
        "label": f"'{start}1+1",
        "name": f"'{start}HYPERLINK()",
        "part": "1",
        "whole": "3",
        "rate": "0.3333",
        "days": "-1",
    }
    assert second == {
        "breakdown": "doctor",
        "key": "a=b",
        "label": "x-1",
        "name": "a",
        "part": "0",
        "whole": "0",
        "rate": "",
        "days": "1.0",
    }
