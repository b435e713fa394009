"""Periods: who has been kept long enough is forgotten, a patient at a time, and a run that was stopped goes on."""

import os
import re
from datetime import timedelta

import pytest
from dateutil.relativedelta import relativedelta
from django.core.management import CommandError, call_command
from django.utils import timezone

from appointments import retention
from appointments.models import Appointment
from appointments.tests.test_erasing import completed
from audit.models import AuditLog
from booking_site.testing.factories import PatientFactory, booked
from patients.models import Patient

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_mail(settings, tmp_path):
    settings.EMAIL_FILE_PATH = tmp_path


def registered(years: float, **kwargs) -> Patient:
    patient = PatientFactory(**kwargs)
    Patient.objects.filter(pk=patient.pk).update(created_at=timezone.now() - relativedelta(months=int(years * 12)))
    return patient


def erased() -> set:
    return set(Patient.objects.filter(erased_at__isnull=False).values_list("pk", flat=True))


def test_who_was_treated_is_kept_for_ten_years_and_who_never_came_for_three(capsys):
    kept = [registered(20), registered(20), registered(20), registered(2.9), registered(20)]
    completed(kept[0], years=9)
    completed(kept[1], years=11), completed(kept[1], years=1)
    completed(kept[2], years=11), booked(patient=kept[2])
    recent = completed(kept[4], years=2)
    Appointment.objects.filter(pk=recent.pk).update(status="no_show", no_show_at=timezone.now())
    gone = [registered(11), registered(3.1), registered(20)]
    completed(gone[0], years=11)
    long_ago = completed(gone[2], years=4)
    Appointment.objects.filter(pk=long_ago.pk).update(status="no_show", no_show_at=timezone.now())
    call_command("apply_retention", dry_run=True)
    assert "3 patients would be erased" in capsys.readouterr().out
    assert erased() == set()
    call_command("apply_retention")
    assert erased() == {patient.pk for patient in gone}
    assert "Erased 3 patients of 3" in capsys.readouterr().out
    call_command("apply_retention")
    assert "Erased 0 patients of 0" in capsys.readouterr().out


def test_each_patient_and_the_run_are_in_the_log():
    patient = registered(4)
    call_command("apply_retention")
    row = AuditLog.objects.get(action="patient.erased")
    assert (row.object_id, row.user_id, row.details["new"]["because"]) == (
        str(patient.pk), "apply_retention", "retention",
    )  # fmt: skip
    summary = AuditLog.objects.get(action="retention.applied").details["new"]
    assert (summary["patients"], summary["left"], summary["mails"]) == (1, 0, 0)
    assert summary["periods"] == retention.periods()


def test_the_periods_are_settings(settings):
    settings.RETENTION_PATIENT_YEARS, settings.RETENTION_MINIMUM_YEARS, settings.RETENTION_UNSEEN_YEARS = 2, 1, 1
    treated, unseen = registered(9), registered(1.5)
    completed(treated, years=3)
    call_command("apply_retention")
    assert erased() == {treated.pk, unseen.pk}


def test_it_goes_in_batches_and_on_where_it_was_stopped(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    patients = {registered(4).pk for _ in range(5)}
    found = retention.batches(retention.overdue())
    assert [len(keys) for keys in found] == [2, 2, 1]
    first = next(retention.batches(retention.overdue()))
    for key in first:
        retention.forget(actor=_actor(), patient_id=key)
    rest = [key for keys in retention.batches(retention.overdue()) for key in keys]
    assert set(rest) == patients - set(first)


def test_who_is_booked_meanwhile_is_left_and_the_command_says_so(monkeypatch, capsys):
    patient, other = registered(4), registered(4)
    listed = list(retention.batches(retention.overdue()))
    booked(patient=patient)
    monkeypatch.setattr("booking_site.management.commands.apply_retention.batches", lambda rows: iter(listed))
    with pytest.raises(CommandError, match="1 were left as they were"):
        call_command("apply_retention")
    assert erased() == {other.pk}


def test_a_merged_record_goes_with_the_one_that_answers_for_it():
    patient = registered(2)
    twin = registered(9, is_active=False, merged_into=patient)
    call_command("apply_retention")
    assert erased() == set()
    Patient.objects.filter(pk=patient.pk).update(created_at=timezone.now() - timedelta(days=4 * 366))
    call_command("apply_retention")
    assert erased() == {patient.pk, twin.pk}


def test_old_mail_in_files_is_deleted(tmp_path, capsys):
    for name, days in (("old.log", 31), ("new.log", 29), ("other.txt", 99)):
        (tmp_path / name).write_text("x")
        moment = (timezone.now() - timedelta(days=days)).timestamp()
        os.utime(tmp_path / name, (moment, moment))
    call_command("apply_retention", dry_run=True)
    assert re.search("0 patients would be erased and 1 mails deleted", capsys.readouterr().out)
    call_command("apply_retention")
    assert {path.name for path in tmp_path.iterdir()} == {"new.log", "other.txt"}


def _actor():
    from booking_site.core.actor import command

    return command("tests")
