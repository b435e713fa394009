"""How far behind the sealer is, for whoever watches."""

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from audit import sealing
from booking_site.core.signals import figures_wanted


@receiver(figures_wanted)
def tell(**kwargs: Any) -> dict[str, tuple[str, float]]:
    rows, oldest = sealing.unsealed()
    lag = (timezone.now() - oldest).total_seconds() if oldest is not None else 0.0
    return {
        "hospital_audit_unsealed_rows": ("That no seal covers yet.", rows),
        "hospital_audit_unsealed_seconds": ("Since the oldest of them was written.", lag),
    }
