"""The console in German: every page that a role can reach answers, and none has a text of ours left in English."""

import gettext
import html
import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.translation import override
from playwright.sync_api import expect

from appointments.models import Appointment
from appointments.operations import cancel
from audit.models import AuditLog
from booking_site.api.clients import register
from booking_site.core.wallclock import moment_label
from booking_site.testing.browser import BROWSER, accessible, look, sign_in
from booking_site.testing.factories import (
    TESTER,
    ClosureFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    booked,
    staff,
)
from scheduling import planning
from scheduling.models import AvailableSlot, Closure
from scheduling.recurrence import in_words

GERMAN = {"Accept-Language": "de", "Accept": "text/html"}
KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d+\b|T-\d+")
PERMISSION = re.compile(r"Can (add|change|delete|view|see|merge|check) [^<|]*")
# Names of records, of permissions, and of roles, stay as they were written; so does what commands wrote.
WRITTEN = {"Consultation", "Feast of the city", "Morning clinic"}


@pytest.fixture
def hospital(db):
    """A week of work: seats, appointments of each kind, and patients who need a new time."""
    doctor = DoctorFactory(name="Dr Amara Sena")
    ScheduleFactory(doctor=doctor, start_time="08:00", end_time="18:00")
    planning.generate(actor=TESTER, doctor_id=doctor.pk, until=timezone.now().date() + timedelta(days=14))
    slots = list(AvailableSlot.objects.filter(starts_at__gt=timezone.now()).order_by("starts_at", "id")[:60])
    appointments = [booked(slot=slot) for slot in slots[::10]]
    cancel(actor=TESTER, appointment_id=appointments[0].pk, reason="Feels better")
    booked(slot=slots[1], patient=PatientFactory(notes="Walks slowly"))
    closed = appointments[-1].date
    planning.add_closures(actor=TESTER, closures=[Closure(first_day=closed, last_day=closed, reason="Building works")])
    ClosureFactory()
    register("Portal", ["doctors:read"])
    return doctor


def reached(client):
    """Every page that links lead to from the first one, each kind of address once: (address, its page)."""
    ahead, seen = ["/admin/", "/admin/password_change/"], set()
    while ahead:
        address = ahead.pop(0)
        answer = client.get(address, headers=GERMAN)
        if answer.status_code == 302:
            answer = client.get(answer["Location"], headers=GERMAN)
        assert answer.status_code == 200, address
        if not answer["Content-Type"].startswith("text/html"):
            continue
        page = PERMISSION.sub("", html.unescape(answer.text))
        yield address, page
        for link in re.findall(r'<a [^>]*href="(/admin/[^"#]*)"', page):
            kind = KEY.sub("*", link.partition("?")[0])
            if kind not in seen:
                seen.add(kind)
                ahead.append(link)


def english() -> list[str]:
    """The texts of ours that cannot be taken for a name or a German word: of two words or more."""
    with (settings.LOCALE_PATHS[0] / "de" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        entries = gettext.GNUTranslations(file)._catalog
    texts = [(key[0] if isinstance(key, tuple) else key).rpartition("\x04")[2] for key in entries]
    return [text for text in texts if " " in text.strip() and "%" not in text]


@pytest.mark.parametrize("role", ["Reception", "Scheduler", "Clinician", "Auditor", "Administrator"])
def test_pages_of_a_role_have_no_text_left_in_english(client, hospital, role):
    client.force_login(staff(role, doctor=hospital if role == "Clinician" else None))
    texts = english()
    left, pages = [], 0
    for address, page in reached(client):
        pages += 1
        assert '<html lang="de"' in page, address
        found = {text for text in texts if text in page and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", page)}
        left += [(address, text) for text in found - WRITTEN]
    assert left == []
    assert pages > (5 if role == "Auditor" else 12)


def test_refusals_are_told_in_the_language_of_the_person(client, hospital):
    client.force_login(staff("Reception"))
    appointment = booked()
    page = client.post(
        f"/admin/appointments/appointment/{appointment.pk}/step/",
        {"step": "undo", "version": "", "next": "/admin/"},
        headers=GERMAN | {"Accept": "application/json"},
    )
    assert page.json()["detail"] == "Mit diesem Termin ist nichts geschehen, was rückgängig gemacht werden könnte."


def test_records_are_named_by_days_as_people_write_them(hospital):
    closure = Closure(reason="Feast", first_day=date(2026, 11, 23), last_day=date(2026, 11, 24))
    moments = Closure(reason="Feast", starts_at=datetime(2026, 11, 23, 8, tzinfo=UTC), ends_at=datetime.max)
    slot = AvailableSlot(date=date(2026, 11, 23), time=time(9), doctor_id="T-1")
    whole_day, visit = Appointment(date=date(2026, 11, 23)), Appointment(date=date(2026, 11, 23), time=time(9))
    entry = AuditLog(timestamp=datetime(2026, 11, 23, 9, tzinfo=UTC), action="patient.merged")
    with override("de"):
        assert str(closure) == "Feast (23.11.2026 – 24.11.2026)"
        assert str(moments).startswith("Feast (23.11.2026 08:00 UTC – ")
        assert str(slot) == "23.11.2026 09:00 T-1"
        assert [str(whole_day), str(visit)] == ["23.11.2026", "23.11.2026 09:00"]
        assert str(entry) == f"{moment_label(entry.timestamp)} patient.merged"
        assert in_words("FREQ=DAILY;COUNT=1", date(2026, 11, 23)) == "nur am 23.11.2026"
    assert [str(slot), str(visit)] == ["2026-11-23 09:00 T-1", "2026-11-23 09:00"]


def test_words_of_two_meanings_are_two_words_in_german(client, hospital):
    client.force_login(staff("Scheduler"))
    period = client.get("/admin/reports/", headers=GERMAN).text
    assert re.findall(r'<label for="id_(?:first|last)">(\w+)</label>', period) == ["Von", "Bis"]
    schedule = client.get("/admin/scheduling/schedule/add/", headers=GERMAN).text
    assert re.findall(r'<option value="(?:1|-1)"[^>]*>(\w+)</option>', schedule)[:2] == ["Erster", "Letzter"]


class TestInABrowser:
    pytestmark = BROWSER

    def test_reception_works_in_german_without_a_script_of_ours(self, page):
        staff("Reception", first_name="Rosa")
        booked(patient=PatientFactory(first_name="Łucja", last_name="Wójcik"))
        sign_in(page)
        page.get_by_role("button", name="Deutsch").click()
        expect(page.get_by_role("button", name="Abmelden")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        accessible(page)
        look(page, "german-today")
        page.goto("/admin/appointments/appointment/?day=all")
        expect(page.locator("#result_list")).to_contain_text("Wójcik")
        expect(page.locator("#result_list")).to_contain_text("gebucht")
        accessible(page)
        look(page, "german-appointments")
        page.get_by_role("button", name="English").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
