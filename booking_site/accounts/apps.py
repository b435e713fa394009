from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """How staff sign in: second factors, lock-outs, sessions, the hospital's own provider."""

    name = "booking_site.accounts"
    label = "accounts"
    verbose_name = _("Signing in")

    def ready(self) -> None:
        from booking_site.accounts import receivers  # noqa: F401 - connects the receivers
