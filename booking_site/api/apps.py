from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "booking_site.api"
    label = "api"
    verbose_name = _("API")

    def ready(self) -> None:
        from booking_site.api import registrations  # noqa: F401 - connects the receiver
