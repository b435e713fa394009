"""Slots in the console: finding the free ones, withdrawing them, offering them again."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from booking_site.testing.factories import TESTER, DoctorFactory, SlotFactory, booked, in_days, staff
from scheduling import operations
from scheduling.models import AvailableSlot

LIST = "/admin/scheduling/availableslot/"
pytestmark = pytest.mark.django_db


def step(client, name: str, slot: AvailableSlot) -> list[str]:
    answer = client.post(reverse(f"admin:scheduling_availableslot_{name}", args=[slot.pk]), follow=True)
    return [str(message) for message in answer.context["messages"]]


def status(slot: AvailableSlot) -> str:
    slot.refresh_from_db()
    return slot.status


def test_a_free_slot_is_withdrawn_and_offered_again_and_both_are_audited(scheduler):
    slot = SlotFactory()
    assert step(scheduler, "withdraw", slot) == ["1 now withdrawn."]
    assert status(slot) == "withdrawn"
    assert step(scheduler, "withdraw", slot) == ["1 now withdrawn."]
    assert step(scheduler, "reinstate", slot) == ["1 now available."]
    assert status(slot) == "available"
    rows = AuditLog.objects.filter(object_type="slot").order_by("timestamp")
    assert [(row.action, row.status, row.user_name) for row in rows] == [
        ("slot.withdrawn", "success", "scheduler"),
        ("slot.reinstated", "success", "scheduler"),
    ]
    assert (rows[0].details["old"], rows[0].details["new"]["status"]) == ({"status": "available"}, "withdrawn")


@pytest.mark.django_db(transaction=True)
def test_a_booked_or_held_slot_is_not_withdrawn_and_the_refusal_is_audited(scheduler):
    taken, held = booked().slot, SlotFactory()
    operations.hold(actor=TESTER, slot_id=held.pk)
    assert "This seat is booked. Move or cancel the appointment first" in step(scheduler, "withdraw", taken)[0]
    assert "Somebody is holding this seat" in step(scheduler, "withdraw", held)[0]
    assert (status(taken), status(held)) == ("booked", "held")
    failures = AuditLog.objects.filter(action="slot.withdrawn", status="failure")
    assert {row.object_id for row in failures} == {str(taken.pk), str(held.pk)}


def test_a_hold_that_has_ended_does_not_keep_a_slot(scheduler):
    slot = SlotFactory()
    operations.hold(actor=TESTER, slot_id=slot.pk)
    AvailableSlot.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert step(scheduler, "withdraw", slot) == ["1 now withdrawn."]
    assert status(slot) == "withdrawn"


def test_a_slot_does_not_come_back_over_another_of_its_doctor(scheduler):
    slot = SlotFactory()
    step(scheduler, "withdraw", slot)
    SlotFactory(doctor=slot.doctor, starts_at=slot.starts_at)
    assert "The doctor already has a slot at that time" in step(scheduler, "reinstate", slot)[0]
    assert status(slot) == "withdrawn"


def test_a_link_alone_withdraws_nothing(scheduler):
    slot = SlotFactory()
    assert scheduler.get(reverse("admin:scheduling_availableslot_withdraw", args=[slot.pk])).status_code == 405
    assert status(slot) == "available"


def test_several_are_withdrawn_and_those_refused_are_named(scheduler):
    free, taken = SlotFactory(), booked().slot
    answer = scheduler.post(
        f"{LIST}?day=all", {"action": "withdraw_selected", "_selected_action": [free.pk, taken.pk]}, follow=True
    )
    said = [str(message) for message in answer.context["messages"]]
    assert said[1] == "1 now withdrawn."
    assert taken.doctor.name in said[0]
    assert (status(free), status(taken)) == ("withdrawn", "booked")


def test_reception_sees_slots_and_withdraws_none(client):
    client.force_login(staff("Reception"))
    slot = SlotFactory()
    text = client.get(f"{LIST}{slot.pk}/change/").content.decode()
    assert "Withdraw" not in text
    assert f"appointment/add/?slot={slot.pk}" in text
    client.post(f"{LIST}?day=all", {"action": "withdraw_selected", "_selected_action": [slot.pk]})
    assert client.post(f"{LIST}{slot.pk}/change/", {"status": "withdrawn"}).status_code == 403
    assert status(slot) == "available"


def test_free_means_what_can_be_booked(scheduler):
    free, ended = SlotFactory(), SlotFactory()
    operations.hold(actor=TESTER, slot_id=ended.pk)
    AvailableSlot.objects.filter(pk=ended.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    held = SlotFactory()
    operations.hold(actor=TESTER, slot_id=held.pk)
    SlotFactory(starts_at=in_days(-1)), SlotFactory(doctor=DoctorFactory(is_active=False))
    booked()

    def listed(query: str) -> set:
        return {row.pk for row in scheduler.get(f"{LIST}?day=all&{query}").context["cl"].result_list}

    assert listed("status=free") == {free.pk, ended.pk}
    assert listed("status=held") == {held.pk, ended.pk}
    assert listed(f"status=free&doctor__id__exact={free.doctor_id}") == {free.pk}
    assert listed(f"status=free&q={free.doctor.name.split()[-1]}+{free.time:%H:%M}") == {free.pk}
    assert listed(f"status=free&department__id__exact={ended.department_id}") == {ended.pk}
