"""The page that merges: choosing the other record, the preview, the confirmation, and the way back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.admin.patient import patient_url
from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.operations import save_record, version_of
from booking_site.testing.factories import TESTER, DoctorFactory, PatientFactory, SlotFactory, booked, in_days, staff
from doctors.models import Department
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
    assert [line.name for line in answer.context["lines"] if line.differs] == ["first_name", "phone", "email"]
    chosen = {line.name: line.choice for line in answer.context["lines"] if line.differs}
    assert chosen == {"first_name": "survivor", "phone": "survivor", "email": "duplicate"}
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
    answer = confirm(reception, pair, choice_first_name="duplicate", choice_email="survivor")
    assert answer.redirect_chain == [(patient_url(pair[0].pk), 302)]
    assert said(answer) == ["Merged. 1 appointment came with the other record. This can be taken back below."]
    kept = Patient.objects.get(pk=pair[0].pk)
    assert (kept.last_name, kept.email, kept.phone) == ("Biron", "", "030 1")
    assert kept.appointments.count() == 1


def test_what_belongs_together_is_one_choice(reception, pair):
    Patient.objects.filter(pk=pair[0].pk).update(insurance_provider="North", insurance_id="N-1")
    Patient.objects.filter(pk=pair[1].pk).update(insurance_provider="South")
    page = reception.get(url(pair)).content.decode()
    assert (page.count('name="choice_insurance_provider"'), page.count('name="choice_insurance_id"')) == (2, 0)
    line = next(line for line in reception.get(url(pair)).context["lines"] if line.name == "insurance_provider")
    assert (line.survivor, line.duplicate) == ("North\nN-1", "South\n(empty)")
    answer = confirm(reception, pair, choice_insurance_provider="duplicate", choice_insurance_id="survivor")
    assert said(answer) == ["These belong together, take them from one record: insurance provider, insurance number."]
    confirm(reception, pair, choice_insurance_provider="duplicate")
    kept = Patient.objects.get(pk=pair[0].pk)
    assert (kept.insurance_provider, kept.insurance_id) == ("South", "")


def test_the_preview_says_which_record_is_open(reception, pair):
    page = reception.get(url(pair)).content.decode()
    assert (page.count("open now"), page.count("closed now")) == (2, 0)
    Patient.objects.filter(pk=pair[0].pk).update(is_active=False)
    page = reception.get(url(pair, stays=pair[1])).content.decode()
    assert (page.count("open now"), page.count("closed now"), "Merging opens it again" in page) == (1, 1, False)
    assert "Merging opens it again" in reception.get(url(pair, stays=pair[0])).content.decode()


def test_the_preview_speaks_the_language_of_who_reads_it(reception, pair):
    Patient.objects.filter(pk=pair[1].pk).update(dob="1981-03-04", preferred_language="pt-PT")
    lines = {line.name: line for line in reception.get(url(pair), headers={"Accept-Language": "de"}).context["lines"]}
    assert (lines["dob"].survivor, lines["dob"].duplicate) == ("29.02.1980", "04.03.1981")
    assert lines["preferred_language"].duplicate == "Portugiesisch (pt-PT)"


def test_names_stand_apart_from_the_sentences_about_them(reception, pair):
    assert "Stays: <bdi>Ada Byron</bdi>" in reception.get(url(pair)).content.decode()
    choosing = reception.get(reverse("admin:patient_merge", args=[pair[0].pk])).content.decode()
    assert "Merge <bdi>Ada Byron</bdi> with another record</h1>" in choosing
    page = confirm(reception, pair).content.decode()
    assert "The record of <bdi>Ada Biron</bdi> was merged" in page


def test_a_record_changed_since_the_preview_is_not_merged(reception, pair):
    versions = [version_of(record) for record in pair]
    pair[1].phone = "030 2"
    save_record(actor=TESTER, instance=pair[1], fields=["phone"])
    answer = reception.post(url(pair, stays=pair[0]), {"version": versions}, follow=True)
    assert said(answer) == ["Somebody else has changed this meanwhile. Look at it again, then repeat."]
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


def test_whom_to_call_when_the_visit_in_the_way_is_elsewhere(client, pair):
    start = in_days(9)
    own = booked(patient=pair[0], slot=SlotFactory(starts_at=start))
    other = booked(patient=pair[1], slot=SlotFactory(starts_at=start, doctor__name="Dr Hidden"))
    Department.objects.filter(pk=other.department_id).update(name="Oncology", phone="030 77")
    client.force_login(staff("Reception", own.department))
    page = client.get(url(pair, stays=pair[0])).content.decode()
    assert page.count("To have it moved, call Oncology: 030 77") == 1
    assert "Dr Hidden" not in page


def test_a_merge_is_taken_back_on_the_page_of_the_survivor(reception, pair):
    visit = booked(patient=pair[1])
    confirm(reception, pair)
    made = PatientMerge.objects.get()
    page = reception.get(patient_url(pair[0].pk)).content.decode()
    assert f'name="merge" value="{made.pk}"' in page
    answer = reception.post(reverse("admin:patient_unmerge", args=[pair[0].pk]), {"merge": made.pk}, follow=True)
    assert said(answer) == ["Taken back: the other record is its own again, with 1 appointment."]
    assert Appointment.objects.get(pk=visit.pk).patient_id == pair[1].pk


def test_what_a_merge_taken_back_leaves_to_somebody_is_said(reception, pair):
    Patient.objects.filter(pk=pair[1].pk).update(mrn="M-2")
    confirm(reception, pair)
    Patient.objects.filter(pk=pair[0].pk).update(mrn="M-9")
    PatientFactory(mrn="M-2")
    visit = booked(patient=pair[0])
    Appointment.objects.filter(pk=visit.pk).update(created_at=timezone.now())  # not as the transaction of the test
    data = {"merge": PatientMerge.objects.get().pk}
    assert said(reception.post(reverse("admin:patient_unmerge", args=[pair[0].pk]), data, follow=True)) == [
        "Taken back: the other record is its own again, with 0 appointments.",
        "Changed since, and left as it is: record number.",
        "Neither of the two records has this record number any more: M-2.",
        "1 appointment was made since the merge and stays with this record. Look below whose it is.",
    ]


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
