"""Who does something: named in every operation, written into every audit row."""

import os
import pwd
from dataclasses import dataclass
from typing import Any, Literal

from booking_site.core.reach import EVERYTHING, Reach


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """kind and id name the doer; ``on_behalf_of`` the signed-in person or the patient (``patient:UUID``) for whom an
    app acts, or who has started the command; ``reach`` with which rows; the rest says from where."""

    kind: Literal["user", "client", "command", "anonymous"]
    id: str
    name: str = ""
    on_behalf_of: str = ""
    request_id: str = ""
    address: str = ""
    reach: Reach = EVERYTHING

    def __str__(self) -> str:
        return f"{self.kind}:{self.name or self.id}"

    @property
    def is_staff(self) -> bool:
        """The hospital's own: in the console, by a command, or by an app that acts for one of its people."""
        return self.kind in ("user", "command") or (bool(self.on_behalf_of) and self.reach.patient is None)

    @property
    def holder(self) -> str:
        """Whose holds and Idempotency-Keys these are: what one patient's app holds is not another patient's."""
        return self.id if self.reach.patient is None else f"{self.id} {self.on_behalf_of}"


def actor_of(request: Any) -> Actor:
    """The actor of an HTTP request: the client application of an API token, or the signed-in user of the console.

    ``request.request_id`` and ``request.client_address`` are set by the request middleware.
    """
    whole = getattr(request, "_request", request)  # DRF's request stands around Django's
    where: dict[str, Any] = {
        "request_id": getattr(whole, "request_id", ""),
        "address": getattr(whole, "client_address", ""),
    }
    token = getattr(request, "auth", None)
    user = getattr(request, "user", None)
    if token is not None and hasattr(token, "client_id"):
        return Actor(
            kind="client",
            id=token.client_id,
            name=token.client_name,
            on_behalf_of=token.on_behalf_of,
            reach=token.reach,
            **where,
        )
    if user is not None and user.is_authenticated:
        return Actor(kind="user", id=str(user.pk), name=user.get_username(), **where)
    return Actor(kind="anonymous", id="", **where)


def command(name: str) -> Actor:
    """The actor of a ``manage.py`` command, on behalf of the user of the operating system who has started it."""
    return Actor(kind="command", id=name, name=name, on_behalf_of=_system_user())


def _system_user() -> str:
    """By the process itself; environment variables say what they like."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        return str(os.getuid())
