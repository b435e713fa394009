"""What the matrix of the API needs: the operations of a served document, callers of each kind, one call at a time."""

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from oauth2_provider.models import get_access_token_model
from rest_framework.test import APIClient

from booking_site.api.clients import issue_token, register
from booking_site.api.models import ApiClient
from booking_site.core.operations import version_of
from booking_site.testing.fixtures import api_client
from booking_site.testing.world import World

METHODS = ("get", "post", "patch", "put", "delete")
UNKNOWN = uuid.UUID(int=7)


@dataclass(frozen=True, slots=True)
class Operation:
    """``given``: the names of all that a caller may send, by where it goes: path, query, header or body."""

    id: str
    method: str
    path: str
    scope: str  # empty: open to all
    given: dict[str, frozenset[str]]
    success: int


def operations(document: dict[str, Any]) -> dict[str, Operation]:
    found = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = _operation(document, path, method, item)
                found[operation.id] = operation
    return found


def _operation(document: dict[str, Any], path: str, method: str, item: dict[str, Any]) -> Operation:
    described = item[method]
    given: dict[str, set[str]] = {"path": set(), "query": set(), "header": set(), "body": set()}
    for parameter in (*item.get("parameters", ()), *described.get("parameters", ())):
        parameter = _resolved(document, parameter)
        given[parameter["in"]].add(parameter["name"])
    for content in described.get("requestBody", {}).get("content", {}).values():
        given["body"] |= set(_resolved(document, content["schema"]).get("properties", {}))
    scopes = described["security"][0]["oauth2"] if described["security"] else [""]
    assert len(scopes) == 1, path
    return Operation(
        id=described["operationId"],
        method=method,
        path=path,
        scope=scopes[0],
        given={where: frozenset(names) for where, names in given.items()},
        success=min(int(status) for status in described["responses"] if status.startswith("2")),
    )


def _resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


# --- callers -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Caller:
    """An application in the world of ``testing.world``, whose one token is given other scopes at will."""

    application: ApiClient
    api: APIClient
    bound: str = ""  # what the token's scope says beside, of a patient

    def allow(self, scopes: Iterable[str]) -> None:
        granted = " ".join([*scopes, *([self.bound] if self.bound else [])])
        get_access_token_model().objects.filter(application=self.application).update(scope=granted)


def callers(world: World) -> dict[str, Caller]:
    """U unlimited, D limited to the first department, P for the patient of the first doctor, R for the receptionist of
    the first department, C for the clinician who is the first doctor."""
    own = world.sides["own"]
    found = {
        "U": _caller(),
        "D": _caller(departments=[own.department]),
        "P": _caller(patient=own.patient.pk),
        "R": _caller(),
        "C": _caller(),
    }
    for letter, role in (("R", "Reception"), ("C", "Clinician")):
        tokens = get_access_token_model().objects.filter(application=found[letter].application)
        tokens.update(user=world.users[role])
    return found


def _caller(*, departments: Iterable[Any] = (), patient: Any = None) -> Caller:
    application, _secret = register(
        "matrix", list(settings.SCOPES), 0, departments=departments, may_act_for_patients=True
    )
    token, _expires = issue_token(application, days=1, patient_id=patient)
    return Caller(application, api_client(token), f"patient:{patient}" if patient else "")


# --- calls ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the matrix: ``who`` may call the operation at all, by letter; ``objects``: the kind of each id in the
    address or the body, and under which name a side of the world has it; ``filters``: the kind of object by which a
    list may be asked for, and the value that asks for a side's; ``lists``: the kind of the rows of a list; ``sends``:
    what else is in the body."""

    who: str
    objects: dict[str, tuple[str, str]] = field(default_factory=dict)
    filters: dict[str, tuple[str, Callable[[Any], str]]] = field(default_factory=dict)
    lists: str = ""
    sends: dict[str, Any] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)  # what a list cannot do without


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    code: str
    told: Any  # all else that the caller learns: the document without the address, the names of the headers
    queries: int
    body: Any


def send(
    caller: Caller,
    operation: Operation,
    row: Row,
    objects: dict[str, str],
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One call; whatever it does is taken back."""
    path = operation.path.format(**{name: objects[name] for name in operation.given["path"]})
    body = row.sends | {name: value for name, value in objects.items() if name not in operation.given["path"]}
    if operation.method == "get":
        call = lambda: caller.api.get(path, row.asks | (query or {}), headers=headers)  # noqa: E731
    else:
        call = lambda: getattr(caller.api, operation.method)(path, body, format="json", headers=headers)  # noqa: E731
    with transaction.atomic():
        with CaptureQueriesContext(connection) as queries:
            response = call()
        transaction.set_rollback(True)
    found = json.loads(response.content) if response.content else None
    problem = found if response.headers.get("Content-Type") == "application/problem+json" else None
    learned = {name: value for name, value in problem.items() if name != "instance"} if problem else found
    told = (learned, sorted(name for name in response.headers if name != "Content-Length"))
    return Answer(response.status_code, problem["code"] if problem else "", told, len(queries), found)


def nothing_of(kind: str) -> str:
    """An id of this kind that is nowhere."""
    return {"doctor": "T-NOBODY", "visit_type": "nothing_of_the_kind"}.get(kind, str(UNKNOWN))


def etag(record: Any) -> str:
    return f'"{version_of(record)}"'
