"""What every table shares."""

from django.conf import settings
from django.db import models

from booking_site.core.ids import uuid7


class Record(models.Model):
    """A row with the moments of its making and of its last change."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def check_changeable(self) -> None:
        """Raise the domain error for a record that must not be changed any more. Asked under the row's lock."""


class IdentifiedRecord(Record):
    """A record keyed by a UUID version 7."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


def default_time_zone() -> str:
    """The zone of a new department: ``TIME_ZONE`` of the environment."""
    return settings.TIME_ZONE
