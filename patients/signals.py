"""Sent inside the transaction, with ``send()``: an audit that fails stops the change.

``consents_recorded``: somebody agreed to be reminded by a channel, or does not any more. sender: Patient; actor: Actor;
    patient_id: UUID; given: ``{channel: bool}``, those that changed; source: a ``ConsentSource``
"""

from django.dispatch import Signal

consents_recorded = Signal()
