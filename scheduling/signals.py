"""Sent by ``scheduling.operations`` inside the transaction, with ``send()``.

``slot_held``: a seat is kept for somebody. sender: hold; actor: Actor; slot: AvailableSlot
``slot_released``: a hold was given up before its end. sender: release; actor: Actor; slot: AvailableSlot
``slot_withdrawn``: a free seat is offered no longer. sender: withdraw; actor: Actor; slot: AvailableSlot;
    old: {field: value}
``slot_reinstated``: it is offered again. sender: reinstate; actor: Actor; slot: AvailableSlot; old: {field: value}
"""

from django.dispatch import Signal

slot_held = Signal()
slot_released = Signal()
slot_withdrawn = Signal()
slot_reinstated = Signal()
