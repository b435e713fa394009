"""Where an appointment comes from, in words."""

import pytest
from django.urls import reverse
from django.utils.translation import override

from appointments.models import Appointment
from appointments.origin import doer_label, source_label
from booking_site.testing.factories import SlotFactory, VisitTypeFactory, booked


@pytest.mark.parametrize(
    ("source", "english", "german"),
    [
        ("api", "Client app (API)", "Client-App (API)"),
        ("console", "Console", "Konsole"),
        ("walk_in", "Walk-in", "Ohne Termin"),
        ("import:vitoria", "Import (vitoria)", "Import (vitoria)"),
        ("importance", "importance", "importance"),
        ("kiosk", "kiosk", "kiosk"),
    ],
)
def test_source(source, english, german):
    assert source_label(source) == english
    with override("de"):
        assert source_label(source) == german


@pytest.mark.parametrize(
    ("doer", "english", "german"),
    [
        ("user:reception", "reception (user)", "reception (Benutzer)"),
        ("client:mobile app", "mobile app (client app)", "mobile app (Client-App)"),
        ("command:generate_slots", "generate_slots (command)", "generate_slots (Befehl)"),
        ("anonymous:", "unknown person", "unbekannte Person"),
        ("Sister Ann: ward 3", "Sister Ann: ward 3", "Sister Ann: ward 3"),
        ("", "", ""),
    ],
)
def test_doer(doer, english, german):
    assert doer_label(doer) == english
    with override("de"):
        assert doer_label(doer) == german


@pytest.mark.django_db
def test_page_of_an_appointment_says_it_in_words(reception):
    kind = VisitTypeFactory(code="follow_up", name="Second visit")
    appointment = booked(slot=SlotFactory(visit_type=kind), source="walk_in")
    text = reception.get(reverse("admin:appointments_appointment_change", args=[appointment.pk])).content.decode()
    for words in ("Second visit", "Walk-in", "tests (command)"):
        assert f">{words}</div>" in text
    assert "follow_up" not in text
    assert "walk_in" not in text.replace("/admin/walk-in/", "")
    Appointment.objects.filter(pk=appointment.pk).update(visit_type="gone")
    text = reception.get(reverse("admin:appointments_appointment_change", args=[appointment.pk])).content.decode()
    assert ">gone</div>" in text
