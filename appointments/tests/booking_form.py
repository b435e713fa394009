"""The form of the page that books, as tests send it."""

import json
import uuid
from typing import Any

from django.urls import reverse

from scheduling.models import AvailableSlot

ADD = "/admin/appointments/appointment/add/"
KEY = "00000000-0000-7000-8000-0000000000aa"
NEW = {"is_new": "yes", "new-first_name": "Ada", "new-last_name": "Byron", "new-dob": "1980-02-29"}


def booking(patient, slot, **more) -> dict[str, Any]:
    return {"key": KEY, "patient": patient.pk, "slot": slot.pk, "reason": "Headache, since Monday"} | more


def look(client, **sent):
    """What a script is answered when something has been chosen."""
    return client.post(ADD, {"key": KEY, "look": "yes", **sent}, headers={"X-Part": "yes"})


def times(answer) -> list[uuid.UUID]:
    return [row["id"] for day in answer.context["days"] for row in day.times]


def state(slot) -> str:
    return AvailableSlot.objects.get(pk=slot.pk).state


def offered(client, what: str, text: str) -> list[str]:
    answer = client.post(reverse("admin:booking_find"), {"what": what, "q": text})
    assert answer.status_code == 200, answer.content
    return [", ".join([one["name"], *one["about"]]) for one in json.loads(answer.content)["offered"]]
