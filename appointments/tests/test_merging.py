"""Two records of one person: what becomes of their appointments, fields and numbers, and the way back."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from appointments import operations
from appointments.exceptions import (
    MergeNotFound,
    MergeNotUndoable,
    PatientDoubleBooked,
    PatientNotFound,
    PatientsDoubleBooked,
)
from appointments.merging import chosen_by_default, merge, unmerge
from appointments.models import Appointment
from audit.models import AuditLog
from booking_site.core.errors import Invalid, PreconditionFailed
from booking_site.core.operations import save_record, version_of
from booking_site.testing.constraints import accepted, refused_by
from booking_site.testing.factories import TESTER, PatientFactory, SlotFactory, booked, in_days
from patients.exceptions import PatientMerged
from patients.models import Patient, PatientMerge

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair():
    """The record that stays, and its duplicate."""
    return PatientFactory(first_name="Ada", last_name="Byron"), PatientFactory(first_name="Ada", last_name="Biron")


def joined(pair, **kwargs):
    survivor, duplicate = pair
    made = merge(actor=TESTER, survivor_id=survivor.pk, duplicate_id=duplicate.pk, **kwargs)
    for record in pair:
        record.refresh_from_db()
    return made


def taken_back(made, *records):
    undone = unmerge(actor=TESTER, merge_id=made.pk)
    for record in records:
        record.refresh_from_db()
    return undone


def visits(patient):
    return set(Appointment.objects.filter(patient=patient).values_list("pk", flat=True))


def actions(patient):
    return list(AuditLog.objects.filter(object_id=patient.pk).order_by("seq").values_list("action", flat=True))


# --- appointments and the closed record ------------------------------------------------------------------------


def test_all_appointments_go_to_the_survivor_and_the_duplicate_is_closed(pair):
    survivor, duplicate = pair
    kept, ahead, past = booked(patient=survivor), booked(patient=duplicate), booked(patient=duplicate)
    Appointment.objects.filter(pk=past.pk).update(status="completed", completed_at=in_days(-1))
    joined(pair)
    assert visits(survivor) == {kept.pk, ahead.pk, past.pk}
    assert visits(duplicate) == set()
    assert (duplicate.is_active, duplicate.merged_into) == (False, survivor)
    assert (survivor.is_active, survivor.merged_into) == (True, None)


def test_an_appointment_that_moves_has_a_new_version(pair):
    moved = booked(patient=pair[1])
    joined(pair)
    with pytest.raises(PreconditionFailed):
        operations.cancel(
            actor=TESTER, appointment_id=moved.pk, expected_versions=frozenset([version_of(moved)]), reason=""
        )


def test_visits_that_overlap_are_named_and_nothing_is_merged(pair):
    start = in_days(9)
    one = booked(patient=pair[0], slot=SlotFactory(starts_at=start, doctor__name="Dr One"))
    booked(patient=pair[1], slot=SlotFactory(starts_at=start + timedelta(minutes=15), doctor__name="Dr Other"))
    with pytest.raises(PatientsDoubleBooked, match=r"overlap: .*, Dr One, and .*, Dr Other\. Cancel or move one"):
        joined(pair)
    assert Patient.objects.surviving().count() == 2
    operations.cancel(actor=TESTER, appointment_id=one.pk)
    joined(pair)  # a visit that is off stands in nobody's way


def test_visits_that_touch_do_not_overlap(pair):
    start = in_days(9)
    booked(patient=pair[0], slot=SlotFactory(starts_at=start))
    booked(patient=pair[1], slot=SlotFactory(starts_at=start + timedelta(minutes=30)))
    assert len(joined(pair).moved) == 1


def test_every_table_that_knows_patients_is_thought_of():
    """What else comes to refer to a patient must be merged too: see ``merge``, then add it here."""
    relations = {(relation.related_model.__name__, relation.field.name) for relation in Patient._meta.related_objects}
    hidden = {("PatientMerge", "duplicate"), ("PatientMerge", "survivor"), ("Patient", "merged_into")}
    stays = {("PatientConsent", "patient")}  # what was said of a record, when it was said; the survivor gets rows anew
    stays.add(
        ("Registration", "patient")
    )  # who made the record; it counts for the survivor (``PatientQuerySet.within``)
    assert relations | hidden == hidden | stays | {("Appointment", "patient")}


# --- fields ----------------------------------------------------------------------------------------------------


def test_the_survivors_fields_stay_and_its_empty_ones_are_filled(pair):
    Patient.objects.filter(pk=pair[0].pk).update(phone="030 1", dob="1980-02-29", remind_by_sms=False)
    Patient.objects.filter(pk=pair[1].pk).update(
        phone="030 2", email="ada@mail.example", dob="1981-01-01", remind_by_sms=True
    )
    joined(pair)
    survivor = pair[0]
    assert (survivor.last_name, survivor.phone, str(survivor.dob)) == ("Byron", "030 1", "1980-02-29")
    assert survivor.email == "ada@mail.example"
    assert survivor.remind_by_sms is False  # a consent is never taken over unseen


def test_an_insurance_number_is_not_put_beside_another_company(pair):
    Patient.objects.filter(pk=pair[0].pk).update(insurance_provider="North")
    Patient.objects.filter(pk=pair[1].pk).update(insurance_provider="South", insurance_id="S-1")
    joined(pair)
    assert (pair[0].insurance_provider, pair[0].insurance_id) == ("North", "")


def test_a_field_can_be_chosen_from_the_duplicate(pair):
    joined(pair, choices={"last_name": "duplicate"})
    assert pair[0].last_name == "Biron"


@pytest.mark.parametrize("field", ["insurance_provider", "insurance_id"])
def test_what_belongs_together_is_taken_from_one_record(pair, field):
    Patient.objects.filter(pk=pair[0].pk).update(insurance_provider="North", insurance_id="N-1")
    Patient.objects.filter(pk=pair[1].pk).update(insurance_provider="South", insurance_id="S-1")
    joined(pair, choices={field: "duplicate"})
    assert (pair[0].insurance_provider, pair[0].insurance_id) == ("South", "S-1")


def test_choices_that_differ_within_what_belongs_together_are_refused(pair):
    with pytest.raises(Invalid, match="take them from one record: insurance provider, insurance number"):
        joined(pair, choices={"insurance_provider": "duplicate", "insurance_id": "survivor"})
    assert Patient.objects.surviving().count() == 2


@pytest.mark.parametrize("choices", [{"is_active": "duplicate"}, {"phone": "both"}, {"phone": "neither"}])
def test_a_choice_that_there_is_not_is_refused(pair, choices):
    with pytest.raises(Invalid):
        joined(pair, choices=choices)


def test_notes_of_both_are_kept_where_there_is_room(pair):
    Patient.objects.filter(pk=pair[0].pk).update(notes="Wheelchair")
    Patient.objects.filter(pk=pair[1].pk).update(notes="Needs an interpreter")
    joined(pair)
    assert pair[0].notes == "Wheelchair\n\nNeeds an interpreter"


def test_notes_too_long_for_one_record_stay_the_survivors_and_are_not_cut(pair):
    Patient.objects.filter(pk=pair[0].pk).update(notes="a" * 2500)
    Patient.objects.filter(pk=pair[1].pk).update(notes="b" * 2500)
    survivor, duplicate = (Patient.objects.get(pk=record.pk) for record in pair)
    assert chosen_by_default(survivor, duplicate)["notes"] == "survivor"
    with pytest.raises(Invalid, match="too long"):
        joined(pair, choices={"notes": "both"})


@pytest.mark.parametrize(
    ("mine", "other", "is_open"), [(True, True, True), (True, False, True), (False, True, True), (False, False, False)]
)
def test_the_survivor_is_open_when_either_was(pair, mine, other, is_open):
    for record, active in zip(pair, (mine, other), strict=True):
        Patient.objects.filter(pk=record.pk).update(is_active=active)
    made = joined(pair)
    assert (pair[0].is_active, pair[1].is_active) == (is_open, False)
    taken_back(made, *pair)
    assert (pair[0].is_active, pair[1].is_active) == (mine, other)


@pytest.mark.parametrize(
    ("mine", "other", "choices", "after"),
    [
        ("M-1", "M-2", {}, ("M-1", "M-2")),
        ("M-1", "M-2", {"mrn": "duplicate"}, ("M-2", "M-1")),
        (None, "M-2", {}, ("M-2", None)),
        ("M-1", None, {"mrn": "duplicate"}, (None, "M-1")),
    ],
)
def test_no_record_number_is_lost(pair, mine, other, choices, after):
    for record, mrn in zip(pair, (mine, other), strict=True):
        Patient.objects.filter(pk=record.pk).update(mrn=mrn)
    made = joined(pair, choices=choices)
    assert (pair[0].mrn, pair[1].mrn) == after
    taken_back(made, *pair)
    assert (pair[0].mrn, pair[1].mrn) == (mine, other)


@pytest.mark.parametrize(
    ("mine", "other", "choices", "holder", "after", "numbers"),
    [
        (None, "M-2", {}, False, ("M-9", "M-2"), ()),
        (None, "M-2", {}, True, ("M-9", None), ("M-2",)),
        ("M-1", "M-2", {"mrn": "duplicate"}, False, ("M-9", "M-2"), ("M-1",)),
        ("M-1", None, {"mrn": "duplicate"}, False, ("M-9", "M-1"), ()),
    ],
)
def test_a_number_corrected_since_leaves_the_duplicate_its_own(pair, mine, other, choices, holder, after, numbers):
    for record, mrn in zip(pair, (mine, other), strict=True):
        Patient.objects.filter(pk=record.pk).update(mrn=mrn)
    made = joined(pair, choices=choices)
    pair[0].mrn = "M-9"
    save_record(actor=TESTER, instance=pair[0], fields=["mrn"])
    if holder:  # somebody else has the number by now
        PatientFactory(mrn="M-2")
    undone = taken_back(made, *pair)
    assert (pair[0].mrn, pair[1].mrn) == after
    assert (undone.numbers, undone.kept) == (numbers, ("mrn",))


def test_the_record_number_of_the_duplicate_finds_the_survivor(pair):
    Patient.objects.filter(pk=pair[1].pk).update(mrn="M-2")
    joined(pair, choices={"mrn": "survivor"})
    assert pair[0] in Patient.objects.search("M-2")
    assert set(Patient.objects.search("M-2").active()) == {pair[0]}


# --- twice, in chains, and not at all ---------------------------------------------------------------------------


def test_merging_twice_is_harmless(pair):
    booked(patient=pair[1])
    made = joined(pair)
    assert joined(pair) == made
    assert PatientMerge.objects.count() == 1
    assert actions(pair[0]).count("patient.merged") == 1


def test_who_was_merged_into_the_duplicate_follows_it(pair):
    first, middle, last = PatientFactory(), *pair
    moved = booked(patient=first)
    earlier = joined((middle, first))
    later = joined((last, middle))
    first.refresh_from_db()
    assert first.merged_into == middle.merged_into == last
    assert visits(last) == {moved.pk}
    with pytest.raises(MergeNotUndoable, match=str(last.pk)):
        unmerge(actor=TESTER, merge_id=earlier.pk)
    taken_back(later, first, middle)
    assert (first.merged_into, middle.merged_into) == (middle, None)
    assert visits(middle) == {moved.pk}
    taken_back(earlier, first)
    assert (first.merged_into, first.is_active, visits(first)) == (None, True, {moved.pk})


def test_a_merged_record_is_merged_no_further_and_takes_no_others(pair):
    joined(pair)
    other = PatientFactory()
    for survivor, duplicate in ((other, pair[1]), (pair[1], other), pair[::-1]):
        with pytest.raises(PatientMerged, match=str(pair[0].pk)):
            merge(actor=TESTER, survivor_id=survivor.pk, duplicate_id=duplicate.pk)


def test_a_record_is_not_merged_with_itself_or_with_nobody(pair):
    with pytest.raises(Invalid):
        merge(actor=TESTER, survivor_id=pair[0].pk, duplicate_id=pair[0].pk)
    with pytest.raises(PatientNotFound):
        merge(actor=TESTER, survivor_id=pair[0].pk, duplicate_id=uuid.uuid4())
    assert AuditLog.objects.filter(action="patient.merged", status="failure", object_id=pair[0].pk).count() == 2


@pytest.mark.parametrize("changed", [0, 1])
def test_a_record_changed_since_it_was_shown_is_not_merged(pair, changed):
    seen = frozenset(version_of(record) for record in pair)
    save_record(actor=TESTER, instance=renamed(pair[changed]), fields=["first_name"])
    with pytest.raises(PreconditionFailed):
        joined(pair, expected_versions=seen)


def renamed(patient):
    patient.first_name = "Augusta"
    return patient


def test_the_database_refuses_chains_and_open_duplicates(pair):
    one, other, third = *pair, PatientFactory()
    into = "UPDATE patients SET merged_into_id = %s, is_active = FALSE WHERE id = %s"
    assert refused_by(into, one.pk, one.pk) == "patient_not_into_itself"
    assert refused_by("UPDATE patients SET merged_into_id = %s WHERE id = %s", one.pk, other.pk) == (
        "patient_merged_is_closed"
    )
    accepted(into, one.pk, other.pk)
    assert refused_by(into, other.pk, third.pk) == "patient_merged_once"  # onto one that is merged
    assert refused_by(into, third.pk, one.pk) == "patient_merged_once"  # from under one that is merged
    assert refused_by("UPDATE patients SET is_active = TRUE WHERE id = %s", other.pk) == "patient_merged_is_closed"


# --- the way back ------------------------------------------------------------------------------------------------


def test_what_was_merged_comes_apart_again(pair):
    Patient.objects.filter(pk=pair[1].pk).update(phone="030 2")
    mine, theirs = booked(patient=pair[0]), booked(patient=pair[1])
    made = joined(pair)
    later = booked(patient=pair[0])
    Appointment.objects.filter(pk=later.pk).update(created_at=timezone.now())  # not as the transaction of the test
    undone = taken_back(made, *pair)
    assert (undone.moved, undone.kept, undone.made_since) == (1, (), 1)
    assert (visits(pair[0]), visits(pair[1])) == ({mine.pk, later.pk}, {theirs.pk})
    assert (pair[1].is_active, pair[1].merged_into, pair[1].phone, pair[0].phone) == (True, None, "030 2", "")
    assert actions(pair[0])[-2:] == ["patient.merged", "patient.unmerged"]
    assert actions(pair[1])[-2:] == ["patient.merged_into", "patient.reopened"]


def test_the_log_tells_of_each_record_what_changed_of_it(pair):
    Patient.objects.filter(pk=pair[1].pk).update(phone="030 2", mrn="M-2")
    taken_back(joined(pair))
    rows = AuditLog.objects.filter(object_type="patient", details__has_key="old")
    assert {row.action: set(row.details["old"]) for row in rows} == {
        "patient.merged": {"mrn", "phone"},
        "patient.merged_into": {"is_active", "mrn"},
        "patient.unmerged": {"mrn", "phone"},
        "patient.reopened": {"is_active", "mrn"},
    }


def test_taking_back_twice_is_harmless(pair):
    made = joined(pair)
    first = taken_back(made)
    again = taken_back(made)
    assert again.merge.undone_at == first.merge.undone_at
    assert actions(pair[0]).count("patient.unmerged") == 1


def test_a_field_changed_since_stays_and_is_named(pair):
    Patient.objects.filter(pk=pair[1].pk).update(phone="030 2", email="ada@mail.example")
    made = joined(pair)
    pair[0].phone = "030 3"
    save_record(actor=TESTER, instance=pair[0], fields=["phone"])
    assert taken_back(made, *pair).kept == ("phone",)
    assert (pair[0].phone, pair[0].email) == ("030 3", "")


def test_a_record_closed_before_the_merge_is_closed_after_it_is_taken_back(pair):
    Patient.objects.filter(pk=pair[1].pk).update(is_active=False)
    taken_back(joined(pair), *pair)
    assert (pair[1].is_active, pair[1].merged_into) == (False, None)


def test_a_pair_can_be_merged_again_after_it_was_taken_back(pair):
    taken_back(joined(pair))
    joined(pair)
    assert PatientMerge.objects.filter(undone_at=None).count() == 1


def test_a_merge_that_there_is_not_cannot_be_taken_back():
    with pytest.raises(MergeNotFound):
        unmerge(actor=TESTER, merge_id=uuid.uuid4())


# --- what others do with the closed record -----------------------------------------------------------------------


def test_booking_for_the_duplicate_books_for_the_survivor(pair):
    joined(pair)
    assert booked(patient=pair[1]).patient_id == pair[0].pk


def test_the_survivors_other_visit_stands_in_the_way_of_a_booking_for_the_duplicate(pair):
    start = in_days(9)
    booked(patient=pair[0], slot=SlotFactory(starts_at=start))
    joined(pair)
    with pytest.raises(PatientDoubleBooked, match="already has an appointment then"):
        booked(patient=pair[1], slot=SlotFactory(starts_at=start))


def test_a_merged_record_is_not_changed_any_more(pair):
    joined(pair)
    with pytest.raises(PatientMerged):
        save_record(actor=TESTER, instance=renamed(pair[1]), fields=["first_name"])


def test_audit_tells_ids_and_counts_and_no_more_of_the_person(pair):
    Patient.objects.filter(pk=pair[1].pk).update(notes="Talks to nobody", email="ada@mail.example")
    booked(patient=pair[1])
    made = joined(pair)
    new = AuditLog.objects.get(action="patient.merged").details["new"]
    assert new == {
        "merge_id": str(made.pk),
        "survivor_id": str(pair[0].pk),
        "duplicate_id": str(pair[1].pk),
        "appointments": 1,
        "repointed": 0,
        "notes": "[15 characters]",
        "email": "a***le",
    }
