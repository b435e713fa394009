"""How far each reader must find a replica: see ``replica``."""

from django.db import models


class ReadPosition(models.Model):
    """``holder``: a client of the API or a user. ``position``: in the primary's log, in bytes, when they last wrote."""

    holder = models.CharField(max_length=300, primary_key=True)
    position = models.BigIntegerField()

    class Meta:
        db_table = "read_positions"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.holder} {self.position}"
