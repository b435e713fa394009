"""What a slip says, on paper and in a calendar."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from icalendar import Calendar
from pypdf import PdfReader

from appointments import operations
from appointments.calendar_file import calendar_file
from appointments.models import Appointment
from appointments.slip_pdf import FONTS, fonts_for, slip_pdf
from appointments.slips import number_of, slip_of, with_all
from booking_site.testing.factories import (
    TESTER,
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    ScheduleFactory,
    SlotFactory,
    VisitTypeFactory,
    booked,
    in_days,
)

pytestmark = pytest.mark.django_db
NAMES = {  # family and given names of many people, put together by chance
    "Latin": "Zoë Ångström Łukasiewicz Nguyễn Đặng İpek Ṣọlá",
    "Greek": "Ελένη Παπαδοπούλου",
    "Cyrillic": "Юлия Щербакова Ґалаґан",
    "Arabic": "محمد عبد الرحمن پروین ڈار",
    "Hebrew": "דוד כהן",
    "Devanagari": "अनन्या श्रीवास्तव",
    "Thai": "สมชาย ใจดี",
    "Chinese": "王小明 張麗華",
    "Japanese": "山田 はなこ カタカナ 髙橋",
    "Korean": "김철수 뷁",
    "Armenian": "Արամ Պետրոսյան",
    "Georgian": "გიორგი ბერიძე",
    "Ethiopic": "አበበ ቢቂላ",
    "Burmese": "အောင်ဆန်း",
    "Sinhala": "නිමල් පෙරේරා",
    "Khmer": "សុខ ដារា",
    "Lao": "ສົມພອນ",
}
TORN = ("Burmese", "Sinhala")  # printed as they should be, but a reader finds one sign of a syllable twice


def made(**kwargs):
    return slip_of(with_all(Appointment.objects.all()).get(pk=booked(**kwargs).pk))


def pages_of(slip):
    return [page.extract_text() for page in PdfReader(BytesIO(slip_pdf(slip))).pages]


def event_of(slip):
    (event,) = Calendar.from_ical(calendar_file(slip)).walk("VEVENT")
    return event


@pytest.fixture
def slot():
    department = DepartmentFactory(
        name="Cardiology", site="Main building", phone="+49 30 1234", time_zone="Asia/Kolkata"
    )
    doctor = DoctorFactory(name="Dr Åsa Öberg", department=department, specialization="Heart")
    kind = VisitTypeFactory(code="stress_test", name="Stress test", instructions="Do not eat for two hours before.")
    schedule = ScheduleFactory(doctor=doctor, visit_type=kind, room="12")
    return SlotFactory(
        doctor=doctor, visit_type=kind, schedule=schedule, starts_at=datetime(2037, 3, 2, 4, 0, tzinfo=UTC)
    )


def test_slip_says_who_what_when_and_where(slot):
    appointment = booked(slot=slot, patient=PatientFactory(first_name="Ana", last_name="Sá", dob="1990-05-17", mrn="7"))
    slip = slip_of(with_all(Appointment.objects.all()).get(pk=appointment.pk))
    assert (slip.patient, slip.born, slip.record_number) == ("Ana Sá", date(1990, 5, 17), "7")
    assert (slip.doctor, slip.specialization, slip.visit_type) == ("Dr Åsa Öberg", "Heart", "Stress test")
    assert (slip.when, slip.length) == ("Mon 2 Mar 2037, 09:30 Asia/Kolkata", "30 minutes")
    assert slip.place == "Main building, Cardiology, room 12"
    assert slip.instructions == "Do not eat for two hours before."
    assert "+49 30 1234" in slip.to_change
    assert (slip.notice, slip.is_cancelled) == ("", False)
    assert slip.number == number_of(appointment.pk)
    assert slip.number.replace("-", "").lower() == str(appointment.pk)[-8:]


def test_slip_of_a_cancelled_appointment_says_so_first(slot):
    appointment = booked(slot=slot)
    operations.cancel(actor=TESTER, appointment_id=appointment.pk)
    slip = slip_of(with_all(Appointment.objects.all()).get(pk=appointment.pk))
    assert slip.notice == "This appointment has been cancelled."
    assert "This appointment has been cancelled." in pages_of(slip)[0]


def test_slip_takes_two_queries(slot, django_assert_num_queries):
    pk = booked(slot=slot).pk
    with django_assert_num_queries(2):
        slip_of(with_all(Appointment.objects.all()).get(pk=pk))


# --- the PDF -------------------------------------------------------------------------------------------------


def test_pdf_is_one_page_of_all_that_the_slip_says(slot):
    slip = made(slot=slot)
    (text,) = pages_of(slip)
    words = " ".join(text.split())
    for told in (slip.number, slip.patient, slip.doctor, "Stress test", slip.day, "09:30", "Asia/Kolkata", slip.place):
        assert told in words
    assert slip.instructions in words
    assert slip.to_change in words


@pytest.mark.parametrize("script", [script for script in NAMES if script not in TORN])
def test_pdf_gives_back_a_name_in_any_script(script):
    """Readers of PDF files differ in the order of what runs from right to left, not in the letters."""
    name = NAMES[script]
    slip = made(patient=PatientFactory(first_name="", last_name=name))
    (text,) = pages_of(slip)
    line = text.split(slip.number)[1].split("born")[0]
    assert sorted("".join(line.split())) == sorted("".join(name.split()))


@pytest.mark.parametrize("script", NAMES)
def test_fonts_hold_every_character_of_a_name(script):
    needed = fonts_for(NAMES[script])
    assert len(needed) == (0 if script in ("Latin", "Greek", "Cyrillic") else 1)


def test_only_the_small_fonts_are_opened_for_a_latin_name():
    assert fonts_for("Zoë Ångström") == []
    assert [font.stem for font in fonts_for("王")] == ["DroidSansFallback"]


def test_fonts_stay_small_and_have_their_licences():
    assert sum(font.stat().st_size for font in FONTS.glob("*.ttf")) < 6_000_000
    assert {path.name for path in FONTS.glob("LICENSE*")} == {"LICENSE-Apache-2.0.txt", "LICENSE-OFL-1.1.txt"}


def test_pdf_prints_a_name_that_no_font_has_and_texts_that_look_like_commands():
    slip = made(patient=PatientFactory(first_name="𓀀", last_name="**{nb}** __x__"))
    assert "**{nb}** __x__" in pages_of(slip)[0]


def test_pdf_with_the_longest_instructions_is_one_page():
    kind = VisitTypeFactory(code="long", instructions=("Do not eat before. " * 300)[:4000])
    (text,) = pages_of(made(slot=SlotFactory(visit_type=kind)))
    assert " ".join(text.split()).count("Do not eat before.") == 210


def test_pdf_carries_the_calendar_file(slot):
    slip = made(slot=slot)
    attached = PdfReader(BytesIO(slip_pdf(slip))).attachments
    assert attached == {f"{slip.file_name}.ics": [calendar_file(slip)]}


# --- the calendar file ---------------------------------------------------------------------------------------


def test_calendar_file_has_the_times_in_utc_and_the_place(slot):
    slip = made(slot=slot)
    event = event_of(slip)
    assert event.decoded("dtstart") == slot.starts_at
    assert event.decoded("dtend") == slot.starts_at + timedelta(minutes=30)
    assert event["dtstart"].to_ical() == b"20370302T040000Z"
    assert event["location"] == "Main building, Cardiology, room 12"
    assert event["status"] == "CONFIRMED"
    assert event["uid"] == str(slip.appointment_id)


def test_calendar_file_names_no_kind_of_visit_and_no_patient(slot):
    slip = made(slot=slot)
    text = calendar_file(slip).decode().replace("\r\n ", "")
    assert slip.instructions in text
    for private in (slip.patient, "Stress test", slip.specialization):
        assert private not in text


def test_calendar_file_is_folded_and_escaped(slot):
    slot.doctor.name = "Dr Øystein, \\ the; 4th of " + "a very long name in Ñ " * 6
    slot.doctor.save()
    slip = made(slot=slot)
    raw = calendar_file(slip)
    assert raw.endswith(b"END:VCALENDAR\r\n")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert event_of(slip)["summary"] == f"Appointment: {slip.doctor}"


def test_calendar_file_of_the_same_version_is_the_same(slot):
    pk = booked(slot=slot).pk
    once, again = (slip_of(with_all(Appointment.objects.all()).get(pk=pk)) for _ in range(2))
    assert calendar_file(once) == calendar_file(again)


def test_calendar_file_after_a_move_replaces_the_earlier_one(slot):
    appointment = booked(slot=slot)
    Appointment.objects.filter(pk=appointment.pk).update(  # a minute ago
        created_at=appointment.created_at - timedelta(minutes=1),
        updated_at=appointment.created_at - timedelta(minutes=1),
    )
    before = event_of(slip_of(with_all(Appointment.objects.all()).get(pk=appointment.pk)))
    other = SlotFactory(starts_at=in_days(30))
    operations.reschedule(actor=TESTER, appointment_id=appointment.pk, slot_id=other.pk)
    after = event_of(slip_of(with_all(Appointment.objects.all()).get(pk=appointment.pk)))
    assert after["uid"] == before["uid"]
    assert (before["sequence"], after["sequence"] >= 60) == (0, True)
    assert after.decoded("last-modified") > before.decoded("last-modified")
    assert after.decoded("dtstart") == other.starts_at


def test_calendar_file_of_a_cancelled_appointment_takes_it_off_the_calendar(slot):
    appointment = booked(slot=slot)
    operations.cancel(actor=TESTER, appointment_id=appointment.pk)
    event = event_of(slip_of(with_all(Appointment.objects.all()).get(pk=appointment.pk)))
    assert event["status"] == "CANCELLED"
    assert event.walk("VALARM") == []
