"""Headers and paging parameters of the calls, as the OpenAPI document shows them."""

from typing import Any

Json = dict[str, Any]
ETAG = '"63f2a7c1d9e40"'


def _header(name: str, description: str, schema: Json) -> Json:
    """Without ``example``: readers send it as it stands, and a key or a version is good for one request only."""
    return {"name": name, "in": "header", "description": description, "schema": schema}


PARAMETERS: dict[str, Json] = {
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "Your own name for this request, such as `0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77`. Repeated with the same key "
        "and body within 48 hours, the request gives the same answer and does nothing again; with another body it is "
        "a 422.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "IfMatch": _header(
        "If-Match",
        f"The ETag that you read, such as `{ETAG}`, or several, or `*`. When the record has changed "
        "since, nothing happens: 412.",
        {"type": "string", "pattern": '^(\\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'},
    ),
    "IfNoneMatch": _header(
        "If-None-Match",
        f"The ETag of the version that you have, such as `{ETAG}`. When it is still the latest, the "
        "answer is 304 without a body.",
        {"type": "string"},
    ),
}
HEADERS: dict[str, Json] = {
    "X-Request-ID": {
        "description": "The id of this request in the audit log and the logs: your own `X-Request-ID` "
        "(8 to 64 letters, digits and . _ -) when you sent one, else a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
        "example": "0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77",
    },
    "ETag": {
        "description": "The version of the record, for If-Match and If-None-Match.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9a-f]+"$'},
        "example": ETAG,
    },
    "Location": {
        "description": "The address of what was made.",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
        "example": "https://hospital.example/api/v1/appointments/0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77",
    },
    "Content-Location": {
        "description": "The address of this record: another one than asked for when that was merged into it.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/v1/patients/0198c5f2-7d1a-7c3e-9a51-2b6f0d8e4c77",
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 2,
    },
    "Retry-After-If-Busy": {
        "description": "Seconds to wait before trying again; only with the code `busy`.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Bearer realm="api", error="invalid_token"',
    },
}
