"""Django's command, which leaves an entry in the audit log. Found first: this app stands before Django's."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from booking_site.core.accounts import accounts_told_of


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        with accounts_told_of("createsuperuser"):
            return super().handle(*args, **options)
