"""Sent by ``scheduling.operations`` inside the transaction, with ``send()``.

``slot_held``: a seat is kept for somebody. sender: hold; actor: Actor; slot: AvailableSlot
``slot_released``: a hold was given up before its end. sender: release; actor: Actor; slot: AvailableSlot
"""

from django.dispatch import Signal

slot_held = Signal()
slot_released = Signal()
