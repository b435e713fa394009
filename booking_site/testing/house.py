"""A small hospital for each example of ``testing.machine``, and its doors: what is asked of the product over HTTP, by
an app, by one that acts for a receptionist and by one that acts for a patient, and what staff do at the console.

Every example has a department of its own, so that what others have left behind is nothing to it.
"""

import hashlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from oauth2_provider.models import get_access_token_model

from booking_site.api.clients import issue_token, register
from booking_site.api.scopes import FOR_PATIENTS
from booking_site.core.actor import Actor
from booking_site.core.errors import DomainError
from booking_site.core.operations import version_of
from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    in_days,
    staff,
    zone_at,
)
from booking_site.testing.model import Seat
from booking_site.testing.racing import Answer, HttpClient, race
from booking_site.testing.reference import ACTIONS, DESK, OF_VISIT, PATIENT, Call, Reference
from scheduling import operations as slots

CONSOLE = Actor(kind="user", id="0", name="console")
PATIENTS = 3
BEGINNINGS = ((0, 30, 60), (15, 45, 75))  # minutes, of the half hours of two doctors: each overlaps others
MOST_AT_ONCE = 4
IDLE = 3  # seconds after which a connection may have been closed
PATHS = {
    "book": "book-appointment",
    "cancel": "cancel-appointment",
    "move": "reschedule-appointment",
    **{
        kind: "appointments/{}/" + kind.replace("_", "-")
        for kind in ("check_in", "start", "complete", "no_show", "undo")
    },
}
SEATS = """
SELECT id::text, CASE WHEN status = 'held' AND held_until <= clock_timestamp() THEN 'available' ELSE status END,
    hold_digest
FROM available_slots WHERE department_id = %s
"""
VISITS = (
    "SELECT id::text, patient_id::text, slot_id::text, status, updated_at FROM appointments WHERE department_id = %s"
)
TOLD = """
SELECT action, status, object_id, count(*) FROM audit_logs
WHERE timestamp >= %s AND action = ANY(%s) GROUP BY 1, 2, 3
"""
KEYS = "SELECT client, key, appointment_id::text FROM idempotency_keys WHERE key LIKE %s"
SHARED = """
SELECT slot_id::text FROM appointments WHERE department_id = %s AND status NOT IN ('cancelled', 'no_show')
GROUP BY 1 HAVING count(*) > 1
"""


class Doors:
    """To a served site: the tokens of the apps, and a connection for each of those who ask at once."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.apps = [
            register("portal", list(settings.SCOPES), 0)[0],
            register("desk", list(settings.SCOPES), 0)[0],
            register("patients", list(FOR_PATIENTS), 0, may_act_for_patients=True)[0],
        ]
        self.tokens = [issue_token(app, days=1)[0] for app in self.apps]
        receptionist = User.objects.filter(username="reception").first() or staff("Reception")
        get_access_token_model().objects.filter(application=self.apps[DESK]).update(user=receptionist)
        self.asked = 0.0
        self.connections = [HttpClient(address) for _ in range(MOST_AT_ONCE)]

    def let_in(self, patient: str) -> None:
        """From now on PATIENT is an app of this one's."""
        self.tokens[PATIENT] = issue_token(
            self.apps[PATIENT], days=1, scopes=FOR_PATIENTS, patient_id=uuid.UUID(patient)
        )[0]

    def ask(self, place: int, client: int, method: str, path: str, body: Any, **headers: str) -> Answer:
        given = {"Authorization": f"Bearer {self.tokens[client]}"} | headers
        return self.connections[place].call(method, f"/api/v1/{path}", body, given)

    def refresh(self) -> None:
        """Before requests that nobody may lose because they come late."""
        if time.monotonic() - self.asked > IDLE:
            self.close()
        self.asked = time.monotonic()

    def close(self) -> None:
        for client in self.connections:
            client.connection.close()


class House:
    """Three patients, of whom the first has an app, and six seats."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        department = DepartmentFactory(name=f"Department {uuid.uuid4()}", time_zone=zone_at(12))
        self.department = department.pk
        self.patients = [str(PatientFactory().pk) for _ in range(PATIENTS)]
        self.seats: dict[str, Seat] = {}
        for minutes in BEGINNINGS:
            doctor = DoctorFactory(id=f"M-{uuid.uuid4().hex[:12]}", department=department)
            for minute in minutes:
                slot = SlotFactory(doctor=doctor, starts_at=in_days(7, 9 + minute // 60, minute % 60))
                self.seats[str(slot.pk)] = Seat(minute, minute + slot.duration_minutes)
        doors.let_in(self.patients[0])
        self.keys = uuid.uuid4().hex
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            self.began = cursor.fetchone()[0]

    def model(self) -> Reference:
        model = Reference(self.seats)
        for patient in self.patients:
            model.put("open", "patient", patient)
        model.put(self.patients[0], "own")
        return model

    # --- what is asked ---------------------------------------------------------------------------------------

    def send(self, calls: Sequence[Call]) -> list[Call]:
        """All at the same moment; as they were answered."""
        self.doors.refresh()
        if len(calls) == 1:
            return [self._sent(0, calls[0])]
        return race([lambda place=place, call=call: self._sent(place, call) for place, call in enumerate(calls)])

    def _sent(self, place: int, call: Call) -> Call:
        asked = time.monotonic()
        told = self._at_console(call) if call.kind in ("withdraw", "reinstate") else self._over_http(place, call)
        return replace(call, asked=asked, answered=time.monotonic(), **told)

    def _at_console(self, call: Call) -> dict[str, Any]:
        try:
            getattr(slots, call.kind)(actor=CONSOLE, slot_id=uuid.UUID(call.slot))
        except DomainError as error:
            return {"status": error.status_code, "code": error.code}
        finally:
            connection.close()
        return {"status": 200}

    def _over_http(self, place: int, call: Call) -> dict[str, Any]:
        answer = self.doors.ask(place, call.client, *self._request(call), **self._headers(call))
        told: dict[str, Any] = {"status": answer.status, "code": answer.code or None}
        if answer.status >= 300:
            return told
        if call.kind == "hold":
            told["got"] = answer.body["hold_token"]
        elif call.kind == "search":
            told["free"] = frozenset(seat["id"] for seat in answer.body["results"])
        elif call.kind in OF_VISIT:
            told |= {"appointment": answer.body["id"], "seen": (answer.body["status"], answer.body["slot_id"])}
            told["etag"] = answer.headers["ETag"].strip('"')
        return told

    def _request(self, call: Call) -> tuple[str, str, Any]:
        token = {"hold_token": call.token} if call.token else {}
        if call.kind == "search":
            return "GET", f"available-slots?department={self.department}", None
        if call.kind == "read":
            return "GET", f"appointments/{call.appointment}", None
        if call.kind in ("hold", "release"):
            return ("POST" if call.kind == "hold" else "DELETE"), f"available-slots/{call.slot}/hold", token
        if call.kind in ("close", "reopen"):
            return "PATCH", f"patients/{call.patient}", {"is_active": call.kind == "reopen"}
        if call.kind not in ("book", "move", "cancel"):
            return "POST", PATHS[call.kind].format(call.appointment), {}
        given = {
            "patient_id": call.patient,
            "slot_id": call.slot,
            "appointment_id": call.appointment,
            "reason": call.body,
        }
        return "POST", PATHS[call.kind], {name: value for name, value in given.items() if value} | token

    @staticmethod
    def _headers(call: Call) -> dict[str, str]:
        key = {"Idempotency_Key": call.key.partition("/")[2]} if call.key else {}
        return key | ({"If_Match": f'"{call.version}"'} if call.version else {})

    def end_hold(self, slot: str) -> None:
        """As if its time were over."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE available_slots SET held_until = clock_timestamp() - interval '1 second' WHERE id = %s", [slot]
            )

    # --- what is there ---------------------------------------------------------------------------------------

    def found(self) -> dict[str, Any]:
        """In the words of ``Reference.expected``; tokens as their digests."""
        clients = {app.client_id: place for place, app in enumerate(self.doors.apps)}
        clients[f"{self.doors.apps[PATIENT].client_id} patient:{self.patients[0]}"] = PATIENT
        return {
            "seats": {key: (status, digest if status == "held" else "") for key, status, digest in self._rows(SEATS)},
            "visits": {
                key: (patient, slot, status, version_of({"updated_at": updated_at}))
                for key, patient, slot, status, updated_at in self._rows(VISITS)
            },
            "told": {tuple(told): times for *told, times in self._rows(TOLD, self.began, sorted(ACTIONS.values()))},
            "keys": {f"{clients[client]}/{key}": made for client, key, made in self._rows(KEYS, f"{self.keys}%")},
        }

    def shared(self) -> list[str]:
        return [slot for (slot,) in self._rows(SHARED)]

    def _rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters or (self.department,))
            return list(cursor.fetchall())


def digested(expected: dict[str, Any]) -> dict[str, Any]:
    """What is expected, as it is stored."""
    seats = {
        slot: (status, hashlib.sha256(token.encode()).hexdigest() if token else "")
        for slot, (status, token) in expected["seats"].items()
    }
    return expected | {"seats": seats}
