"""The site's own settings, with the app whose migrations are tried."""

from booking_site.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "booking_site.testing.rollout"]  # noqa: F405
