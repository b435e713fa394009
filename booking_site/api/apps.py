from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "booking_site.api"
    label = "api"
    verbose_name = "API"
