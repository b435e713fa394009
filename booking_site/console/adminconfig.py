from django.contrib.admin.apps import AdminConfig


class ConsoleAdminConfig(AdminConfig):
    """Puts our site in the place of the stock admin."""

    default_site = "booking_site.console.site.ConsoleSite"
