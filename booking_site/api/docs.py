"""The OpenAPI document and its two readers, served from our own files: no network, no inline script."""

from functools import cache

import orjson
from csp.constants import SELF
from csp.decorators import csp_replace
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


ICONS = {"img-src": [SELF, "data:"]}  # in the style sheets of the two


@csp_replace(ICONS)
@read_only
def swagger(request: HttpRequest) -> HttpResponse:
    return render(request, "api/swagger.html")


# ReDoc puts its rules into an empty style element, by script. These are the hashes of the two elements that it makes:
# nothing else inline is let through.
REDOC_STYLES = [
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",  # the empty element
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",  # one rule of its own
]


@csp_replace({"style-src": [SELF, *REDOC_STYLES], **ICONS})
@read_only
def redoc(request: HttpRequest) -> HttpResponse:
    return render(request, "api/redoc.html")
