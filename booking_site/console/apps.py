from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConsoleConfig(AppConfig):
    """The reception console: roles and pages."""

    name = "booking_site.console"
    label = "console"
    verbose_name = _("Console")
