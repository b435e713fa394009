from django.apps import AppConfig
from django.conf import settings


class MonitoringConfig(AppConfig):
    name = "booking_site.monitoring"
    label = "monitoring"

    def ready(self) -> None:
        if settings.SLOW_QUERY_MS:
            from booking_site.monitoring import slow_queries

            slow_queries.install()
