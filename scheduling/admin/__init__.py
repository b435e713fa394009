"""The console's pages about the doctors' time."""

from scheduling.admin import schedules, slots  # noqa: F401 - registers the pages
