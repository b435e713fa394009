"""The OpenAPI document and its two readers, served from our own files: no network, no inline script."""

from functools import cache

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator

from booking_site.api.methods import read_only


@cache
def document() -> bytes:
    return orjson.dumps(SchemaGenerator().get_schema(request=None, public=True))


@read_only
def openapi_json(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document(), content_type="application/vnd.oai.openapi+json;version=3.1")


@read_only
def swagger(request: HttpRequest) -> HttpResponse:
    return render(request, "api/swagger.html")


@read_only
def redoc(request: HttpRequest) -> HttpResponse:
    return render(request, "api/redoc.html")
