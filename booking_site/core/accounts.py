"""Accounts that are made or changed by Django's own commands, told of to the audit log in the same transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import post_save

from booking_site.core.actor import command
from booking_site.core.signals import record_saved

TOLD = ("username", "email", "is_active", "is_staff", "is_superuser")  # of a new account; no password, hashed or not


@contextmanager
def accounts_told_of(name: str) -> Iterator[None]:
    """While the command ``name`` does its work: each account that it saves is announced, all or nothing."""

    def announce(instance: User, created: bool, **kwargs: Any) -> None:
        changes: dict[str, tuple[Any, Any]] = {"password": ("***", "***")}
        if created:
            changes = {field: (None, getattr(instance, field)) for field in TOLD} | {"password": (None, "***")}
        record_saved.send(sender=User, actor=command(name), instance=instance, changes=changes, created=created)

    post_save.connect(announce, sender=User, weak=False)
    try:
        with transaction.atomic():
            yield
    finally:
        post_save.disconnect(announce, sender=User)
