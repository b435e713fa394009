"""The console's pages about the doctors' time."""

from scheduling.admin import closures, schedules, slots, visit_types  # noqa: F401 - registers the pages
