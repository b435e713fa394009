"""What is counted of the tries to sign in: shared by all web processes, in an UNLOGGED table."""

from django.db import models


class SignInTries(models.Model):
    """``key`` names an account, an address, a device or all of them, names of people as a keyed digest. ``tries`` count
    until the moment ``until``; at ``most`` of them nobody gets in by this key before it. ``told``: in the audit log."""

    key = models.CharField(max_length=100, primary_key=True)
    tries = models.IntegerField()
    most = models.IntegerField()
    until = models.DateTimeField()
    told = models.BooleanField(default=False)

    class Meta:
        db_table = "sign_in_tries"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key} {self.tries}"
