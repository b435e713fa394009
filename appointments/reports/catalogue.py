"""Which reports there are."""

from appointments.reports import bookings, fill, no_shows, third_next, waiting
from appointments.reports.figures import Report

REPORTS: dict[str, Report] = {
    module.REPORT.key: module.REPORT for module in (bookings, fill, no_shows, waiting, third_next)
}
