"""What commands do that is no operation on a record."""

from typing import Any

from django.dispatch import receiver

from audit.receivers import write
from booking_site.core import signals as core
from booking_site.core.actor import Actor


@receiver(core.records_cleared)
def cleared(actor: Actor, counts: dict[str, int], **kwargs: Any) -> None:
    write(actor=actor, action="expired.cleared", details={"new": counts})
