"""The form of the page that books, as tests send it."""

import json
import uuid
from html.parser import HTMLParser
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


class Fields(HTMLParser):
    """What a browser would send of the form on a page, without the buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.select = ""
        self.feed(page[page.index('id="book_form"') :].partition("</form>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        ticked = given.get("type") not in ("radio", "checkbox") or "checked" in given
        if tag == "select":
            self.select = given["name"]
        elif tag == "option" and ("selected" in given or self.select not in self.sent):
            self.sent[self.select] = given["value"]
        elif tag == "input" and "name" in given and ticked:
            self.sent[given["name"]] = given.get("value", "")


def times(answer) -> list[uuid.UUID]:
    return [row["id"] for day in answer.context["days"] for row in day.times]


def state(slot) -> str:
    return AvailableSlot.objects.get(pk=slot.pk).state


def offered(client, what: str, text: str) -> list[str]:
    answer = client.post(reverse("admin:booking_find"), {"what": what, "q": text})
    assert answer.status_code == 200, answer.content
    return [", ".join([one["name"], *one["about"]]) for one in json.loads(answer.content)["offered"]]
