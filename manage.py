#!/usr/bin/env python
"""The command line of the hospital. What cannot run says why on one line and ends with status 1."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_site.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db.utils import NotSupportedError, OperationalError
    except ImportError as error:
        sys.exit(f"{error}. Install the packages of requirements.txt first: make run does it.")
    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, NotSupportedError, OperationalError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
