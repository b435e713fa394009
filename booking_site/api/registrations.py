"""A client that is limited to departments sees the patients that it has registered: kept as they are registered."""

from typing import Any

from django.dispatch import receiver

from booking_site.api.models import Registration
from booking_site.core.actor import Actor
from booking_site.core.signals import record_saved
from patients.models import Patient


@receiver(record_saved, sender=Patient)
def registered(actor: Actor, instance: Patient, created: bool, **kwargs: Any) -> None:
    if created and actor.reach.registrar is not None:
        Registration.objects.create(client_id=actor.reach.registrar, patient=instance)
