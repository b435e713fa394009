from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The reception console: roles and pages."""

    name = "booking_site.console"
    label = "console"
    verbose_name = "Console"
