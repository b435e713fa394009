"""In words for people: where an appointment was made, and by whom. What is stored is for programs."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

SOURCES: dict[str, Any] = {
    "api": gettext_lazy("Client app (API)"),
    "console": gettext_lazy("Console"),
    "demo": gettext_lazy("Demo hospital"),
    "walk_in": gettext_lazy("Walk-in"),
}
DOERS: dict[str, Any] = {
    "anonymous": gettext_lazy("unknown person"),
    "client": gettext_lazy("client app"),
    "command": gettext_lazy("command"),
    "user": gettext_lazy("user"),
}


def source_label(source: str) -> str:
    """``Console`` for ``console``, ``Import (vitoria)`` for ``import:vitoria``; any other as it is."""
    kind, colon, profile = source.partition(":")
    if kind == "import" and colon:
        return _("Import (%(profile)s)") % {"profile": profile}
    return str(SOURCES.get(source, source))


def doer_label(doer: str) -> str:
    """``reception (user)`` for ``user:reception``, as ``Actor`` writes itself; any other text as it is."""
    kind, colon, name = doer.partition(":")
    if not colon or kind not in DOERS:
        return doer
    return f"{name} ({DOERS[kind]})" if name else str(DOERS[kind])
