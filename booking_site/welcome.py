"""How to get into a local installation: accounts and a token for the demo hospital, and what ``make run`` says.

Accounts are made for the demo hospital alone: fictional patients, put there by the ``demo`` command. Their passwords
are derived from the secret key, so they differ from one installation to the next and are stored nowhere in clear.
"""

import base64
import json
import shlex
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Count, Model
from django.utils import timezone
from django.utils.crypto import salted_hmac
from oauth2_provider.models import get_access_token_model

from appointments.models import LIVE, Appointment
from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient
from booking_site.core.accounts import accounts_told_of
from booking_site.core.actor import command
from booking_site.core.signals import record_saved
from doctors.models import StaffProfile
from patients.models import Patient
from scheduling.models import AvailableSlot

ROLES = ("Reception", "Scheduler", "Clinician", "Auditor", "Administrator")
CLIENT = "demo"
COMMAND = "serve"  # which makes the accounts
TOKEN_DAYS = 30


def prepare(address: str) -> str:
    """Make what is missing, and say how to get in. ``address``: of the site, without a slash at the end."""
    lines = ["", f"Console    {address}/admin/", f"API        {address}/docs"]
    if Appointment.objects.filter(source="demo").exists():
        lines += ["", "Demo accounts (user, password, role)"]
        lines += [f"  {name:<20} {password}   {role}" for name, password, role in _accounts()]
        token = _token()
        lines += ["", f"API token (client {CLIENT!r}, all scopes, {TOKEN_DAYS} days)", f"  {token}"]
        lines += _curl(address, token)
    else:
        lines += [
            "",
            "This is not the demo hospital: there are no demo accounts.",
            "An account:  manage.py createsuperuser",
            "A token:     manage.py create_client NAME --scopes 'doctors:read slots:read'",
        ]
    return "\n".join([*lines, "", "Stop with Ctrl-C.", ""])


def _accounts() -> list[tuple[str, str, str]]:
    """One account for each role: user, password, role. An account that was closed stays closed and is left out."""
    accounts = []
    for role in ROLES:
        name = f"demo-{role.lower()}"
        password = _password(name)
        with accounts_told_of(COMMAND):
            user, created = User.objects.get_or_create(username=name, defaults={"is_staff": True})
            if created:
                user.groups.set([Group.objects.get(name=role)])
                _give_place(user, role)
                _tell(user, {"groups": ([], [role])})
            if not _opens(user, password):
                user.set_password(password)
                user.save(update_fields=["password"])
        if user.is_active:
            accounts.append((name, password, role))
    return accounts


def _tell(instance: Model, changes: dict[str, tuple[Any, Any]], *, created: bool = False) -> None:
    actor = command(COMMAND)
    record_saved.send(sender=type(instance), actor=actor, instance=instance, changes=changes, created=created)


def _give_place(user: User, role: str) -> None:
    """Reception and Scheduler work everywhere; the clinician is the doctor who sees most patients today, or next: a
    person, so none of the teams with several seats at a time."""
    if role == "Clinician":
        coming = Appointment.objects.live().filter(ends_at__gt=timezone.now(), doctor__staff_profile=None)
        teams = AvailableSlot.objects.filter(seat__gt=1).values("doctor")
        by_day = coming.exclude(doctor__in=teams).order_by().values("date", "doctor").annotate(patients=Count("pk"))
        busiest = by_day.order_by("date", "-patients", "doctor").first()
        StaffProfile.objects.create(user=user, doctor_id=busiest["doctor"] if busiest else None)
    elif role in ("Reception", "Scheduler"):
        StaffProfile.objects.create(user=user, all_departments=True)


def _password(name: str) -> str:
    """20 letters and digits: 100 bits."""
    digest = salted_hmac("booking_site.welcome.password", name, algorithm="sha256").digest()
    text = base64.b32encode(digest).decode().lower()[:20]
    return "-".join(text[start : start + 5] for start in range(0, 20, 5))


def _opens(user: User, password: str) -> bool:
    """Is this the account's password? Hashing one takes half a second on purpose, so what was found once is noted:
    an HMAC of the stored hash, which tells nothing and fits no other hash and no other secret key."""
    note = settings.VAR_DIR / "demo_accounts" / user.username
    known = salted_hmac("booking_site.welcome.known", user.password, algorithm="sha256").hexdigest()
    if note.exists() and note.read_text() == known:
        return True
    opens = user.check_password(password)
    if opens:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(known)
    return opens


def _token() -> str:
    """A fresh token of the demo client, with all scopes. Its earlier tokens end."""
    client = ApiClient.objects.filter(name=CLIENT).first()
    if client is None:
        with transaction.atomic():
            client, _ = register(CLIENT, list(settings.SCOPES))
            _tell(client, {"name": (None, client.name), "scopes": (None, client.scopes)}, created=True)
    elif client.scopes != " ".join(settings.SCOPES):
        client.scopes = " ".join(settings.SCOPES)
        client.save(update_fields=["scopes"])
    get_access_token_model().objects.filter(application=client).delete()
    return issue_token(client, days=TOKEN_DAYS)[0]


def _curl(address: str, token: str) -> list[str]:
    """A command that books: the first free slot from tomorrow on, for a patient who has nothing else then."""
    seats = AvailableSlot.objects.free().filter(starts_at__gt=timezone.now() + timedelta(days=1)).order_by("starts_at")
    slot = seats.filter(department__name="General Medicine").first() or seats.first()
    if slot is None:
        return []
    busy = Appointment.objects.filter(status__in=LIVE, starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at)
    patient = Patient.objects.active().exclude(pk__in=busy.values("patient_id")).order_by("pk").first()
    if patient is None:
        return []
    body = json.dumps({"patient_id": str(patient.pk), "slot_id": str(slot.pk), "reason": "Check-up"})
    words = [
        *("curl", "-X", "POST", f"{address}/api/v1/book-appointment"),
        *("-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json", "-d", body),
    ]
    return ["", "Book an appointment", f"  {shlex.join(words)}"]
