"""The state of the log in words, for the top of its list."""

from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.status import Status, status
from booking_site.core.wallclock import duration_label, moment_html

LATE = 60  # seconds that a row may wait for its seal before it is worth a warning
SIGNS = {"good": "✓", "warning": "!", "bad": "✕"}


@dataclass(frozen=True, slots=True)
class Line:
    """``state``: good, warning or bad; ``sign`` stands beside its colour."""

    state: str
    label: str
    text: Any

    @property
    def sign(self) -> str:
        return SIGNS[self.state]


def at_a_glance() -> list[Line]:
    found = status()
    return [_sealed(found), _waiting(found), _verified(found)]


def _sealed(found: Status) -> Line:
    if found.last_seal_at is None:
        return Line("warning", _("Sealed"), _("nothing yet"))
    rows = ngettext("%(rows)s entry, last", "%(rows)s entries, last", found.sealed_rows)
    return Line(
        "good", _("Sealed"), format_html("{} {}", rows % _counted(found.sealed_rows), moment_html(found.last_seal_at))
    )


def _waiting(found: Status) -> Line:
    if not found.unsealed_rows:
        return Line("good", _("Not sealed yet"), _("nothing"))
    rows = ngettext("%(rows)s entry", "%(rows)s entries", found.unsealed_rows) % _counted(found.unsealed_rows)
    lag = found.lag_seconds or 0
    if lag < LATE:
        return Line("good", _("Not sealed yet"), rows)
    late = _("the oldest has waited %(time)s. Is the sealing running?") % {"time": duration_label(int(lag // 60))}
    return Line("warning", _("Not sealed yet"), f"{rows}; {late}")


def _verified(found: Status) -> Line:
    if found.last_verified_at is None:
        return Line("warning", _("Verified"), _("never"))
    if found.last_verified_ok:
        said, state = _("nothing was changed, removed or added"), "good"
    else:
        findings, state = found.last_findings or 0, "bad"
        said = ngettext("%d finding: look into it at once", "%d findings: look into them at once", findings) % findings
    return Line(state, _("Verified"), format_html("{}: {}", moment_html(found.last_verified_at), said))


def _counted(rows: int) -> dict[str, str]:
    return {"rows": number_format(rows, force_grouping=True)}
