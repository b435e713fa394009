"""OpenAPI 3.1: what each call takes, gives and refuses, with an example of everything.

Each app declares its calls in its ``schema.py`` as a table of ``Call``; ``documented`` hands the table to the viewset.
What follows from the kind of call (reads a body, pages, needs a scope) is added here, once for all calls. ``document``
adds what belongs to no call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import django_filters
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers

from booking_site.api import filters
from booking_site.api.problems import BODY, EVERY_CALL, LISTS, Refusal
from booking_site.api.serializers import NO_NUL, StrictSerializer, Text

Json = dict[str, Any]
NO_COMMA = r"^[^\u0000,]*$"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call. ``body`` is an example of the request, ``answer`` one of the response (of one row, for a list)."""

    id: str
    summary: str
    description: str = ""
    key: str = ""  # an example of the id in the address
    request: type[StrictSerializer] | None = None
    partial: bool = False  # no field of the request is required
    body: Json | None = None
    status: int = 200
    response: type[serializers.Serializer] | None = None
    answer: Json | None = None
    many: bool = False  # a list, with paging and filters
    takes: tuple[str, ...] = ()  # of parameters.PARAMETERS
    gives: tuple[str, ...] = ()  # of parameters.HEADERS, beside X-Request-ID
    refusals: tuple[Refusal, ...] = ()  # beside those of every call of its kind


def documented(tag: str, calls: dict[str, Call]) -> Callable[[Any], Any]:
    """Give a viewset the table of its calls, by action."""

    def decorate(viewset: Any) -> Any:
        viewset.tag, viewset.calls = tag, calls
        return viewset

    return decorate


class CallSchema(AutoSchema):
    """Makes an operation of the ``Call`` of a viewset's action."""

    view: Any

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Json:
        self.path, self.path_regex, self.path_prefix, self.method = path, path_regex, path_prefix, method.upper()
        self.registry = registry
        self.call: Call = self.view.calls[self.view.action]
        scope = self.view.scopes[self.view.action]
        operation: Json = {
            "operationId": self.call.id,
            "summary": self.call.summary,
            "description": f"{self.call.description}\n\nNeeds the scope `{scope}`.".strip(),
            "tags": [self.view.tag],
            "security": [{"oauth2": [scope]}, {"bearer": [scope]}],
            "parameters": self._get_parameters() + [_reference("parameters", name) for name in self.call.takes],
        }
        for parameter in operation["parameters"] if self.call.key else ():
            if parameter.get("in") == "path":
                parameter["example"] = self.call.key
        if self.call.request:
            operation["requestBody"] = self._body(self.call.request)
        operation["responses"] = {str(self.call.status): self._answer(), **self._other_answers()}
        return operation

    def _body(self, request: type[StrictSerializer]) -> Json:
        form = request(partial=self.call.partial)
        content = {"schema": self.resolve_serializer(form, "request").ref, "example": self.call.body}
        required = self.call.partial or any(field.required for field in form.fields.values())
        return {"required": required, "content": {"application/json": content}}

    def _answer(self) -> Json:
        answer: Json = {"description": HTTPStatus(self.call.status).phrase, "headers": _headers(*self.call.gives)}
        if self.call.response:
            schema, example = self.resolve_serializer(self.call.response, "response").ref, self.call.answer
            if self.call.many:
                page = self.view.paginator.get_paginated_response_schema({"type": "array", "items": schema})
                values = {"count": 1, "next": None, "previous": None, "results": [example]}
                example = {name: values[name] for name in page["properties"]}
                schema = self._page(self.call.response, page)
            answer["content"] = {"application/json": {"schema": schema, "example": example}}
        return answer

    def _page(self, row: type[serializers.Serializer], page: Json) -> Json:
        name = f"{row.__name__.removesuffix('Serializer')}{self.view.paginator.noun}"
        return self._component(ResolvedComponent.SCHEMA, name, page)

    def _component(self, kind: str, name: str, value: Json) -> Json:
        component = ResolvedComponent(name=name, type=kind, object=name, schema=value)
        self.registry.register_on_missing(component)
        return component.ref

    def _other_answers(self) -> Json:
        refusals = [*EVERY_CALL, *self.call.refusals]
        if self.call.many:
            refusals += [*LISTS, *self.view.paginator.refusals]
        if self.call.request:
            refusals += BODY
        answers: Json = {}
        if "IfNoneMatch" in self.call.takes:
            answers["304"] = {"description": "You have this version already.", "headers": _headers("ETag")}
        for status in sorted({refusal.status for refusal in refusals}):
            answers[str(status)] = self._problems(status, [each for each in refusals if each.status == status])
        return answers

    def _problems(self, status: int, refusals: list[Refusal]) -> Json:
        examples = {
            (refusal.name or refusal.code): self._component(
                ResolvedComponent.EXAMPLE,
                refusal.name or refusal.code,
                {"summary": refusal.detail.split(". ")[0].rstrip("."), "value": refusal.example},
            )
            for refusal in refusals
        }
        content = {"schema": _reference("schemas", "Problem"), "examples": examples}
        return {
            "description": HTTPStatus(status).phrase,
            "headers": _headers(*ERROR_HEADERS.get(status, ())),
            "content": {"application/problem+json": content},
        }

    def _get_filter_parameters(self) -> list[Json]:
        filterset_class = getattr(self.view, "filterset_class", None)
        if not self.call.many or filterset_class is None:
            return []
        declared = filterset_class.base_filters.items()
        return [{"name": name, "in": "query", **_filter(field)} for name, field in declared]

    def _get_pagination_parameters(self) -> list[Json]:
        return self.view.paginator.get_schema_operation_parameters(self.view) if self.call.many else []

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Json:
        schema: Json = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _insert_field_validators(self, field: Any, schema: Json) -> None:
        super()._insert_field_validators(field, schema)
        if isinstance(field, Text) and "pattern" not in schema and "oneOf" not in schema:
            schema["pattern"] = NO_NUL
            if not field.allow_blank:
                schema["minLength"] = 1


ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After-If-Busy",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _headers(*names: str) -> Json:
    return {name.removesuffix("-If-Busy"): _reference("headers", name) for name in ("X-Request-ID", *names)}


def _filter(field: Any) -> Json:
    """Description and schema of a filter."""
    if isinstance(field, django_filters.OrderingFilter):
        names = [name for name, _ in field.extra["choices"]]
        described = "Order by these, one after the other; a minus turns the order round."
        return {"description": described, **_separated_by_commas({"type": "string", "enum": names})}
    described = str(field.label)
    if isinstance(field, filters.ChoiceListFilter):
        names = [value for value, _ in field.extra["item"].choices]
        return {"description": described, **_separated_by_commas({"type": "string", "enum": names})}
    if isinstance(field, filters.TextListFilter):
        text = {"type": "string", "minLength": 1, "maxLength": field.extra["item"].max_length, "pattern": NO_COMMA}
        return {"description": described, **_separated_by_commas(text, filters.MOST_VALUES)}
    return {"description": described, "schema": _filter_schema(field)}


def _separated_by_commas(item: Json, most: int | None = None) -> Json:
    schema = {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}
    if most is not None:
        schema["maxItems"] = most
    return {"schema": schema, "style": "form", "explode": False}


def _filter_schema(field: Any) -> Json:
    if isinstance(field, filters.BooleanFilter):
        return {"type": "boolean"}
    if isinstance(field, django_filters.ChoiceFilter):
        return {"type": "string", "enum": [value for value, _ in field.extra["choices"]]}
    if isinstance(field, filters.DateFilter):
        return {"type": "string", "format": "date"}
    if isinstance(field, filters.TimeFilter):
        return {"type": "string", "pattern": filters.TIME}
    if isinstance(field, filters.IdentifierFilter):
        return {"type": "string", "format": "uuid"}
    if isinstance(field, filters.WholeNumberFilter):
        return {"type": "integer", "minimum": field.extra["min_value"], "maximum": field.extra["max_value"]}
    return {"type": "string", "minLength": 1, "maxLength": field.extra["max_length"], "pattern": NO_NUL}
