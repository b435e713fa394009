"""The OpenAPI document: complete, valid, and true to the calls it describes."""

import json

import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator, FormatChecker

from booking_site.api.docs import document
from booking_site.api.router import CALLS
from booking_site.testing.factories import PatientFactory, SlotFactory, booked

NAMES = {"(?P<pk": "{id}", "(?P<doctor_id": "{doctor_id}", "(?P<code": "{code}"}
METHODS = ("get", "post", "patch", "put", "delete")


@pytest.fixture(scope="module")
def openapi():
    return json.loads(document())


def operations(openapi):
    for path, item in openapi["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def resolve(openapi, node):
    """A node with its own ``$ref`` followed."""
    while "$ref" in node:
        target = openapi
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def validator(openapi, schema):
    return Draft202012Validator(
        {**schema, "components": openapi["components"]}, format_checker=FormatChecker(["date", "uuid", "regex"])
    )


def test_the_document_is_valid_openapi(openapi):
    assert openapi["openapi"] == "3.1.1"
    validate_schema(openapi)


def test_every_schema_is_a_valid_json_schema(openapi):
    for schema in openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_call_of_the_router_is_described(openapi):
    described = {(path, method) for path, method, _ in operations(openapi)}
    expected = {("/health", "get"), ("/health/live", "get"), ("/health/ready", "get")}
    for pattern, _, actions in CALLS:
        path = "/".join(NAMES.get(part.partition(">")[0], part) for part in pattern.split("/"))
        expected |= {(f"/api/v1/{path}", method) for method in actions if method != "head"}
    assert described == expected


def test_every_operation_says_all_that_a_client_needs(openapi):
    seen = set()
    for path, method, operation in operations(openapi):
        where = f"{method} {path}"
        assert operation["operationId"] not in seen, where
        seen.add(operation["operationId"])
        assert operation["summary"], where
        assert operation["tags"], where
        for parameter in operation.get("parameters", ()):
            parameter = resolve(openapi, parameter)
            assert parameter["in"] == "path" or parameter["description"], (where, parameter["name"])
            assert parameter["schema"], where
        if path.startswith("/health"):
            assert operation["security"] == []
            continue
        (scope,) = operation["security"][0]["oauth2"]
        assert scope in openapi["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
        assert {"400", "401", "403", "406", "414", "429", "431", "503"} <= set(operation["responses"]), where
        if "requestBody" in operation:
            assert {"413", "415"} <= set(operation["responses"]), where


def test_unknown_fields_are_refused_by_the_schemas_of_requests(openapi):
    for _, _, operation in operations(openapi):
        if "requestBody" in operation:
            schema = resolve(openapi, operation["requestBody"]["content"]["application/json"]["schema"])
            assert schema["additionalProperties"] is False


def test_every_request_and_answer_has_an_example_that_fits_its_schema(openapi):
    checked = 0
    for path, method, operation in operations(openapi):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        if "requestBody" in operation:
            contents.append(operation["requestBody"]["content"])
        for content in contents:
            for media_type, medium in content.items():
                if media_type == "application/json":
                    examples = [medium["example"]]
                else:
                    assert media_type == "application/problem+json"
                    examples = [resolve(openapi, example)["value"] for example in medium["examples"].values()]
                assert examples, (path, method)
                for example in examples:
                    validator(openapi, medium["schema"]).validate(example)
                    checked += 1
        for parameter in operation.get("parameters", ()):
            parameter = resolve(openapi, parameter)
            if "example" in parameter:
                validator(openapi, parameter["schema"]).validate(parameter["example"])
    assert checked > 100


def test_errors_are_documented_under_their_own_status(openapi):
    codes, in_the_way = {}, set()
    for _, _, operation in operations(openapi):
        for status, answer in operation["responses"].items():
            for example in answer.get("content", {}).get("application/problem+json", {}).get("examples", {}).values():
                value = resolve(openapi, example)["value"]
                assert value["status"] == int(status)
                codes[value["code"]] = value
                if value["code"] == "slot_unavailable":
                    in_the_way |= {error["code"] for error in value["errors"]}
    assert in_the_way == {
        *("past", "withdrawn", "taken", "held", "doctor_inactive", "department_inactive", "visit_type_inactive"),
        *("too_late", "too_early", "day_full", "staff_only"),
    }
    assert {"too_many_holds", "patient_limit_reached"} <= set(codes)
    assert {"slot_unavailable", "patient_double_booked", "stale", "idempotency_key_reused", "throttled"} <= set(codes)


@pytest.mark.django_db
def test_answers_have_the_very_fields_that_the_document_names(api, openapi):
    appointment = booked(patient=PatientFactory(mrn="A-1"))
    SlotFactory()
    doctor = appointment.doctor_id
    for address, template in {
        "doctors": "/api/v1/doctors",
        f"doctors/{doctor}": "/api/v1/doctors/{id}",
        "patients": "/api/v1/patients",
        f"patients/{appointment.patient_id}": "/api/v1/patients/{id}",
        "available-slots": "/api/v1/available-slots",
        f"doctors/{SlotFactory().doctor_id}/available-slots": "/api/v1/doctors/{doctor_id}/available-slots",
        f"first-available?doctor={SlotFactory().doctor_id}": "/api/v1/first-available",
        "available-slots/calendar?per_day=1": "/api/v1/available-slots/calendar",
        "visit-types": "/api/v1/visit-types",
        "visit-types/consultation": "/api/v1/visit-types/{code}",
        "appointments?count=true": "/api/v1/appointments",
        f"appointments/{appointment.pk}": "/api/v1/appointments/{id}",
    }.items():
        answer = api.get(f"/api/v1/{address}")
        described = openapi["paths"][template]["get"]["responses"]["200"]
        schema = described["content"]["application/json"]["schema"]
        validator(openapi, schema).validate(answer.json())
        properties = resolve(openapi, schema)["properties"]
        row = answer.json()
        if "results" in properties:
            (row, *_) = row["results"]
            properties = resolve(openapi, properties["results"]["items"])["properties"]
        assert set(row) == set(properties), address
        assert set(described["headers"]) <= set(answer.headers), address


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/openapi.json", "/api/v1/openapi.json"])
def test_the_document_is_served_at_both_places(address):
    answer = Client().get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json;version=3.1"
    assert answer.content == document()


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/openapi.json", "/docs", "/redoc", "/health", "/health/live", "/health/ready"])
def test_pages_are_only_ever_read(address):
    answer = Client(enforce_csrf_checks=True).post(address, "{}", content_type="application/json")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "method_not_allowed"
