from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit")
    months_ahead = 12  # for which there are partitions: a migration makes them, the sealer goes on with it

    def ready(self) -> None:
        from audit import (  # noqa: F401 - connects the receivers
            access,
            accounts,
            commands,
            figures,
            patients,
            privacy,
            reading,
            receivers,
        )

        post_migrate.connect(_prepare, sender=self)

    def api_calls(self) -> list[Any]:
        """For the router of the API, which knows no audit log."""
        from audit.views import CALLS

        return CALLS


def _prepare(sender: AuditConfig, using: str, **kwargs: Any) -> None:
    """What the log needs of the cluster that it is in: before anybody writes, after a restore too."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regproc('audit_begin_epoch') IS NOT NULL")
        if cursor.fetchone()[0]:
            cursor.execute("SELECT audit_begin_epoch('The database has moved to another cluster.')")
            cursor.execute("SELECT audit_make_partitions(%s)", [sender.months_ahead])
