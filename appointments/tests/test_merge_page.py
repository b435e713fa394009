"""The page that merges: choosing the other record, the preview, the confirmation, and the way back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appointments.admin.patient import patient_url
from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.operations import save_record, version_of
from booking_site.testing.factories import TESTER, DoctorFactory, PatientFactory, SlotFactory, booked, in_days, staff
from patients.models import Patient, PatientMerge

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair():
    return (
        PatientFactory(first_name="Ada", last_name="Byron", phone="030 1"),
        PatientFactory(first_name="Ada", last_name="Biron", email="ada@mail.example"),
    )


def url(pair, stays=None):
    chosen = f"&stays={stays.pk}" if stays else ""
    return f"{reverse('admin:patient_merge', args=[pair[0].pk])}?other={pair[1].pk}{chosen}"


def confirm(client, pair, **choices):
    versions = [version_of(Patient.objects.get(pk=record.pk)) for record in pair]
    return client.post(url(pair, stays=pair[0]), {"version": versions} | choices, follow=True)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_without_another_record_likely_ones_are_offered(reception, pair):
    twin = PatientFactory(first_name="Ada", last_name="Byron", dob=pair[0].dob)
    answer = reception.get(reverse("admin:patient_merge", args=[pair[0].pk]))
    assert f"?other={twin.pk}" in answer.content.decode()


@pytest.mark.parametrize("other", ["", "x", "00000000-0000-7000-8000-000000000000", "self"])
def test_a_record_that_cannot_be_the_other_is_refused(reception, pair, other):
    chosen = pair[0].pk if other == "self" else other
    answer = reception.get(reverse("admin:patient_merge", args=[pair[0].pk]), {"other": chosen})
    assert answer.context["form"].errors


def test_the_preview_shows_where_they_differ_and_changes_nothing(reception, pair):
    answer = reception.get(url(pair))
    assert [line.name for line in answer.context["lines"] if line.differs] == ["last_name", "phone", "email"]
    chosen = {line.name: line.choice for line in answer.context["lines"] if line.differs}
    assert chosen == {"last_name": "survivor", "phone": "survivor", "email": "duplicate"}
    assert PatientMerge.objects.count() == 0
    viewed = AuditLog.objects.filter(action="patient.viewed").values_list("object_id", flat=True)
    assert set(viewed) == {str(record.pk) for record in pair}


def test_the_record_with_more_appointments_stays_then_the_older(reception, pair):
    assert reception.get(url(pair)).context["survivor"] == pair[0]
    assert reception.get(url(pair[::-1])).context["survivor"] == pair[0]
    booked(patient=pair[1])
    assert reception.get(url(pair)).context["survivor"] == pair[1]
    assert reception.get(url(pair, stays=pair[0])).context["survivor"] == pair[0]


def test_what_is_confirmed_is_merged_as_chosen(reception, pair):
    booked(patient=pair[1])
    answer = confirm(reception, pair, choice_last_name="duplicate", choice_email="survivor")
    assert answer.redirect_chain == [(patient_url(pair[0].pk), 302)]
    assert said(answer) == ["Merged. 1 appointment came with the other record. This can be taken back below."]
    kept = Patient.objects.get(pk=pair[0].pk)
    assert (kept.last_name, kept.email, kept.phone) == ("Biron", "", "030 1")
    assert kept.appointments.count() == 1


def test_a_record_changed_since_the_preview_is_not_merged(reception, pair):
    versions = [version_of(record) for record in pair]
    pair[1].phone = "030 2"
    save_record(actor=TESTER, instance=pair[1], fields=["phone"])
    answer = reception.post(url(pair, stays=pair[0]), {"version": versions}, follow=True)
    assert said(answer) == ["It has changed since you read it. Read it again, then repeat your change."]
    assert PatientMerge.objects.count() == 0


def test_visits_that_overlap_are_shown_and_cannot_be_confirmed(reception, pair):
    start = in_days(9)
    booked(patient=pair[0], slot=SlotFactory(starts_at=start))
    booked(patient=pair[1], slot=SlotFactory(starts_at=start + timedelta(minutes=15)))
    page = reception.get(url(pair)).content.decode()
    assert "These two appointments overlap" in page
    assert "Merge the records" not in page
    assert "These appointments overlap" in said(confirm(reception, pair))[0]
    assert PatientMerge.objects.count() == 0


def test_an_appointment_elsewhere_moves_unseen(client, pair):
    own = booked(patient=pair[1])
    hidden = booked(patient=pair[1], slot=SlotFactory(doctor__name="Dr Hidden"))
    client.force_login(staff("Reception", own.department))
    page = client.get(url(pair, stays=pair[0])).content.decode()
    assert ("Dr Hidden" in page, str(hidden.pk) in page, "Appointment in another department" in page) == (
        *(False, False),
        True,
    )


def test_a_merge_is_taken_back_on_the_page_of_the_survivor(reception, pair):
    visit = booked(patient=pair[1])
    confirm(reception, pair)
    made = PatientMerge.objects.get()
    page = reception.get(patient_url(pair[0].pk)).content.decode()
    assert f'name="merge" value="{made.pk}"' in page
    answer = reception.post(reverse("admin:patient_unmerge", args=[pair[0].pk]), {"merge": made.pk}, follow=True)
    assert said(answer) == ["Taken back: the other record is its own again, with 1 appointment."]
    assert Appointment.objects.get(pk=visit.pk).patient_id == pair[1].pk


@pytest.mark.parametrize("merge", ["", "x", "00000000-0000-7000-8000-000000000000"])
def test_a_merge_that_there_is_not_is_not_taken_back(reception, pair, merge):
    answer = reception.post(reverse("admin:patient_unmerge", args=[pair[0].pk]), {"merge": merge}, follow=True)
    assert said(answer) == ["There is no such merge of this record."]


@pytest.mark.parametrize(
    ("role", "status"),
    [("Reception", 200), ("Administrator", 200), ("Scheduler", 403), ("Clinician", 403), ("Auditor", 403)],
)
def test_who_may_merge(client, pair, role, status):
    client.force_login(staff(role))
    assert client.get(url(pair)).status_code == status
    posted = client.post(reverse("admin:patient_unmerge", args=[pair[0].pk]), {"merge": ""})
    assert posted.status_code == (302 if status == 200 else 403)


def test_the_preview_takes_the_same_queries_however_much_there_is(reception, pair):
    counts, doctor = [], DoctorFactory()
    for _ in range(3):
        booked(patient=pair[1], slot=SlotFactory(doctor=doctor))
        with CaptureQueriesContext(connection) as queries:
            reception.get(url(pair, stays=pair[0]))
        counts.append(len(queries))
    assert counts[1] == counts[2], counts
