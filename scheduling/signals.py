"""Sent by ``scheduling.operations`` and ``scheduling.planning`` inside the transaction, with ``send()``.

``slot_held``: a seat is kept for somebody. sender: hold; actor: Actor; slot: AvailableSlot
``slot_released``: a hold was given up before its end. sender: release; actor: Actor; slot: AvailableSlot
``slot_withdrawn``: a free seat is offered no longer. sender: withdraw; actor: Actor; slot: AvailableSlot;
    old: {field: value}
``slot_reinstated``: it is offered again. sender: reinstate; actor: Actor; slot: AvailableSlot; old: {field: value}
``seat_added``: a single seat was added by hand. sender: add_seat; actor: Actor; slot: AvailableSlot; overbooked: bool
``plan_applied``: the slots were made to agree with a plan. sender: the model of what changed; actor: Actor; cause: the
    Schedule, Closure or Doctor; counts: see ``Difference.counts``
``slots_retired``: booked slots that lie in no session any more, or in a closure: their patients need a new time.
    actor: Actor; slot_ids: [UUID]; because: str, for people
``slots_restored``: retired slots that are fine again. actor: Actor; slot_ids: [UUID]
"""

from django.dispatch import Signal

slot_held = Signal()
slot_released = Signal()
slot_withdrawn = Signal()
slot_reinstated = Signal()
seat_added = Signal()
plan_applied = Signal()
slots_retired = Signal()
slots_restored = Signal()
