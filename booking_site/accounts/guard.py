"""Who may try to sign in: so many failures for each account, each address, each device and all together, then nobody.

A try is counted before its password or code is looked at, and given back when it was right: however many come at once,
no more are looked at than the limit. What is refused by a limit is not counted, so a run against many names locks none
of them. From a device on which the person has signed in before, tries are counted for that device alone; from an
address from which somebody has signed in today, they do not depend on what fails elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from booking_site.accounts import signals
from booking_site.accounts.devices import known_device, name_key
from booking_site.accounts.models import SignInTries
from booking_site.core.actor import actor_of
from booking_site.core.addresses import counted_as


@dataclass(frozen=True, slots=True)
class Limit:
    """``most`` failures within ``minutes`` of the first; the last of them closes the way for as many minutes."""

    most: int
    minutes: int


LIMITS = {
    "account": Limit(5, 15),
    "code": Limit(5, 15),  # of the second factor, by somebody who knows the password
    "device": Limit(10, 15),
    "address": Limit(15, 15),
    "overall": Limit(100, 10),
}
GOOD_FOR = timedelta(hours=24)  # an address from which somebody has signed in

COUNT = """
INSERT INTO sign_in_tries AS counted (key, tries, most, until, told)
SELECT key, 1, most, until, false FROM unnest(%s::text[], %s::int[], %s::timestamptz[]) AS asked (key, most, until)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN counted.until <= %s THEN 1 ELSE counted.tries + 1 END,
    told = counted.told AND counted.until > %s,
    most = excluded.most,
    until = CASE WHEN counted.until <= %s OR counted.tries + 1 = excluded.most
                 THEN excluded.until ELSE counted.until END
RETURNING key, tries, most, until
"""
GIVE_BACK = """
UPDATE sign_in_tries SET tries = tries - 1
WHERE key IN (SELECT key FROM sign_in_tries WHERE key = ANY(%s) AND tries > 0 ORDER BY key FOR UPDATE)
"""
TELL = """
UPDATE sign_in_tries SET told = true
WHERE key IN (
    SELECT key FROM sign_in_tries WHERE key = ANY(%s) AND tries >= most AND until > %s AND NOT told
    ORDER BY key FOR UPDATE
)
RETURNING key, until
"""
GOOD = """
INSERT INTO sign_in_tries (key, tries, most, until, told) VALUES (%s, 0, 0, %s, true)
ON CONFLICT (key) DO UPDATE SET until = excluded.until
"""


class LockedOut(Exception):
    """``scope``: which limit; ``until``: when it ends."""

    def __init__(self, scope: str, until: datetime) -> None:
        self.scope = scope
        self.seconds = max(1, round((until - timezone.now()).total_seconds()))
        super().__init__(_message(scope, -(-self.seconds // 60)))


class Try:
    """One try, counted. ``failed()`` or ``succeeded()`` must follow."""

    def __init__(self, request: HttpRequest, username: str, keys: dict[str, str]) -> None:
        self.request = request
        self.username = username
        self.keys = keys  # scope: key

    def failed(self) -> None:
        """It stays counted. Where it was the last that is looked at, this is announced."""
        told: dict[str, datetime] = dict(_rows(TELL, [list(self.keys.values()), timezone.now()]))
        for scope, key in self.keys.items():
            if key in told:
                signals.locked_out.send(
                    sender=Try,
                    actor=actor_of(self.request),
                    scope=scope,
                    username=self.username,
                    until=told[key],
                )

    def succeeded(self) -> None:
        _do(GIVE_BACK, [list(self.keys.values())])


def begin(request: HttpRequest, username: str, code_of: Any = None) -> Try:
    """Count a try with the password of ``username``, or with a second factor of the user ``code_of``; or raise
    LockedOut."""
    now, address = timezone.now(), address_key(request)
    keys = {
        "code" if code_of else "account": f"code:{code_of.pk}" if code_of else f"account:{name_key(username)}",
        "address": f"address:{address}",
        "overall": "overall",
    }
    if device := known_device(request, username):
        of_device = f"device:{device}:{name_key(username)}"
        if of_device not in _closed([of_device], now):
            keys = {"device": of_device}
    closed = _closed([*keys.values(), f"good:{address}"], now)
    if f"good:{address}" in closed:
        keys.pop("overall", None)
    for scope, key in keys.items():
        if key in closed:
            raise LockedOut(scope, closed[key])
    return _count(request, username, keys, now)


def _count(request: HttpRequest, username: str, keys: dict[str, str], now: datetime) -> Try:
    limits = [LIMITS[scope] for scope in keys]
    ends = [now + timedelta(minutes=limit.minutes) for limit in limits]
    asked = [list(keys.values()), [limit.most for limit in limits], ends]
    counted = {key: (tries, most, until) for key, tries, most, until in _rows(COUNT, [*asked, now, now, now])}
    one = Try(request, username, keys)
    for scope, key in keys.items():
        tries, most, until = counted[key]
        if tries > most:  # others were looked at since
            one.succeeded()
            raise LockedOut(scope, until)
    return one


def signed_in(request: HttpRequest, user: Any) -> None:
    """After all steps: what failed before is forgotten for this account, and the address is a good one."""
    forget(user)
    _do(GOOD, [f"good:{address_key(request)}", timezone.now() + GOOD_FOR])


def forget(user: Any) -> None:
    SignInTries.objects.filter(key__in=[f"account:{name_key(user.get_username())}", f"code:{user.pk}"]).delete()


def take_once(key: str, seconds: int) -> bool:
    """Whether nobody has taken this key within so many seconds."""
    now = timezone.now()
    [(_key, tries, _most, _until)] = _rows(COUNT, [[key], [2], [now + timedelta(seconds=seconds)], now, now, now])
    return tries == 1


def address_key(request: HttpRequest) -> str:
    return counted_as(getattr(request, "client_address", ""))


def _closed(keys: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Of these, those at their limit, and until when."""
    query = "SELECT key, until FROM sign_in_tries WHERE key = ANY(%s) AND tries >= most AND until > %s"
    return dict(_rows(query, [list(keys), now]))


def _rows(query: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def _do(query: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)


def _message(scope: str, minutes: int) -> str:
    """What happened, and what to do."""
    again = ngettext("Try again in %d minute.", "Try again in %d minutes.", minutes) % minutes
    elsewhere = _("On devices on which you have signed in before, signing in goes on as usual.")
    if scope == "overall":
        return " ".join([_("Too many tries to sign in are failing at the moment."), again, elsewhere])
    if scope == "address":
        return " ".join([_("Too many tries to sign in from your network have failed."), again, elsewhere])
    ask = _("If it was not you, or if you do not know your password any more, tell an administrator.")
    return " ".join([_("Too many tries to sign in with this name have failed."), again, ask])
