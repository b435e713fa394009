"""Sessions that end by themselves: SESSION_IDLE_MINUTES after the last thing that a person did, and SESSION_COOKIE_AGE
after the sign-in at the latest. The moment is in the row of the session, and the server goes by it."""

import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django.http import HttpRequest

BEGUN, SEEN = "begun", "seen"  # seconds since the epoch
NOTED_AFTER = 60  # seconds: a session is not written more often just because somebody is there


class SessionStore(DatabaseStore):
    def create_model_instance(self, data: dict[str, Any]) -> Any:
        now = int(time.time())
        data.setdefault(BEGUN, now)
        data.setdefault(SEEN, now)
        return super().create_model_instance(data)

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        now = time.time()
        ends = self.get(BEGUN, now) + settings.SESSION_COOKIE_AGE
        idle = self.get(SEEN, now) + settings.SESSION_IDLE_MINUTES * 60
        return datetime.fromtimestamp(min(ends, idle), tz=UTC)

    def get_expiry_age(self, **kwargs: Any) -> int:
        return max(0, int(self.get_expiry_date().timestamp() - time.time()))

    @classmethod
    def get_model_class(cls) -> Any:
        return DatabaseStore.get_model_class()


def begin(request: HttpRequest) -> None:
    """Somebody has signed in."""
    request.session[BEGUN] = request.session[SEEN] = int(time.time())


def note_activity(request: HttpRequest) -> None:
    """Written at once, where an error of the database is answered like any other."""
    now, session = int(time.time()), request.session
    if SESSION_KEY in session and now - session.get(SEEN, 0) >= NOTED_AFTER:
        session[SEEN] = now
        try:
            session.save()
        except UpdateError as error:
            raise SessionInterrupted("The session was ended while this request came in.") from error
        session.modified = False


def age(request: HttpRequest) -> float:
    """Seconds since the sign-in."""
    return time.time() - request.session.get(BEGUN, 0)


def seen_at(session: Any) -> datetime:
    """When somebody last did something in a session of the list, to the minute."""
    seen = SessionStore(session.session_key).get(SEEN) or session.created_at.timestamp()
    return datetime.fromtimestamp(seen, tz=UTC)
