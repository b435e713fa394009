"""Life changes: a doctor of the demo hospital will be ill, and the patients of that day need a new time."""

from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from booking_site.core.actor import command
from scheduling import planning
from scheduling.models import AvailableSlot, Closure


def call_in_sick() -> None:
    """Close the busiest day that a doctor has within the week after next, by the operation that a scheduler uses."""
    today = timezone.now().date()
    days = AvailableSlot.objects.filter(
        date__range=(today + timedelta(days=3), today + timedelta(days=10)), status=AvailableSlot.Status.BOOKED
    ).exclude(visit_type="walk_in")
    busiest = (
        days.order_by()
        .values("doctor_id", "date")
        .annotate(booked=Count("pk"))
        .order_by("-booked", "doctor_id", "date")
    ).first()
    if busiest is not None:
        closure = Closure(
            doctor_id=busiest["doctor_id"], first_day=busiest["date"], last_day=busiest["date"], reason="Ill"
        )
        planning.add_closures(actor=command("demo"), closures=[closure])
