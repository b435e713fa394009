"""The OpenAPI document and its two readers, served from our own files: no network, no inline script."""

from functools import cache

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView


@cache
def _document() -> bytes:
    return orjson.dumps(SchemaGenerator().get_schema(request=None, public=True))


def openapi_json(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_document(), content_type="application/vnd.oai.openapi+json")


swagger = SpectacularSwaggerSplitView.as_view(url_name="openapi", authentication_classes=[], permission_classes=[])


def redoc(request: HttpRequest) -> HttpResponse:
    script = static("drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js")
    return render(request, "api/redoc.html", {"script": script})
