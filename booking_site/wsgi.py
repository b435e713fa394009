"""The web entry point: ``gunicorn booking_site.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

from booking_site.chunked import Chunked

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_site.settings")
os.environ.setdefault("STATEMENT_TIMEOUT", "10s")  # a request; commands and migrations may take longer

application = Chunked(get_wsgi_application())
