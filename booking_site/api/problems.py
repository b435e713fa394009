"""The errors that calls share, as the OpenAPI document shows them. Errors are made in ``errors``."""

from dataclasses import dataclass
from typing import Any

from booking_site.api.errors import STALE as STALE_DETAIL
from booking_site.api.errors import problem


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error that a call can give; ``field`` when it is about one field."""

    status: int
    code: str
    detail: str
    field: str = ""
    field_code: str = ""
    name: str = ""  # of the example, when there is another one with this code

    @property
    def example(self) -> dict[str, Any]:
        errors = []
        if self.field:
            code = self.field_code or self.code
            errors.append({"field": self.field, "code": code, "detail": self.detail.removeprefix(f"{self.field}: ")})
        return problem(status=self.status, code=self.code, detail=self.detail, instance="/api/v1/...", errors=errors)


UNREAD = (  # what the server refuses before the site has seen it
    Refusal(400, "bad_request", "The request cannot be understood."),
    Refusal(414, "address_too_long", "The address is longer than 8190 bytes. Ask for less at once."),
    Refusal(431, "headers_too_large", "A header of the request is too long, or there are too many."),
)
EVERY_CALL = (
    *UNREAD,
    Refusal(401, "not_authenticated", "Authentication credentials were not provided."),
    Refusal(401, "invalid_token", "The access token is unknown or has expired. Get a new one."),
    Refusal(403, "insufficient_scope", "The access token lacks the scope appointments:write."),
    Refusal(403, "not_allowed", "The signed-in person may not do this."),
    Refusal(403, "not_for_patients", "An app that acts for a patient may not do this."),
    Refusal(406, "not_acceptable", "Could not satisfy the request Accept header."),
    Refusal(429, "throttled", "Request was throttled. Expected available in 12 seconds."),
    Refusal(503, "unavailable", "The database cannot be reached right now. Try again in a moment."),
)
BODY = (
    Refusal(400, "malformed_json", "The body is not valid JSON: unexpected end of data: line 1 column 15 (char 14)."),
    Refusal(400, "malformed_json", "The body is nested deeper than 32 levels.", name="nested_too_deep"),
    Refusal(400, "not_an_object", "The body must be a JSON object."),
    Refusal(400, "repeated_key", "The body repeats a key."),
    Refusal(400, "invalid", "slot: There is no such field.", field="slot", field_code="unknown_field"),
    Refusal(413, "body_too_large", "The body is larger than the 1048576 bytes that are accepted."),
    Refusal(415, "unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
)
LISTS = (Refusal(400, "invalid", "dat: There is no such filter.", "dat", "unknown_filter", name="invalid_filter"),)
PAGES = (Refusal(404, "invalid_page", "The list ends before this page."),)
CURSORS = (
    Refusal(
        400,
        "invalid",
        "cursor: This cursor is not one of ours. Start again without it.",
        field="cursor",
        field_code="invalid_cursor",
        name="invalid_cursor",
    ),
)
NOT_FOUND = Refusal(404, "not_found", "There is no doctor with this id.")
PATIENT_NOT_FOUND = Refusal(404, "patient_not_found", "There is no patient with this id.")
FIELD_NOT_ALLOWED = Refusal(403, "field_not_allowed", "This access token may not set mrn.")
BAD_IDEMPOTENCY_KEY = Refusal(
    400,
    "invalid",
    "Idempotency-Key: 1 to 255 printable ASCII characters.",
    field="Idempotency-Key",
    field_code="invalid",
    name="invalid_idempotency_key",
)
BAD_IF_MATCH = Refusal(
    400,
    "invalid",
    'If-Match: Give ETags in quotation marks, as in "63f2a7c1d9e40", or *.',
    field="If-Match",
    field_code="invalid",
    name="invalid_if_match",
)
BUSY = Refusal(409, "busy", "Somebody else is changing this right now. Try again in a moment.")
STALE = Refusal(412, "stale", STALE_DETAIL)
KEY_REUSED = Refusal(
    422,
    "idempotency_key_reused",
    "This Idempotency-Key was used for a different request. Use a new key for a new request.",
)

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong and what to do next (RFC 9457). Programs go by `code`.",
    "required": ["type", "title", "status", "detail", "code", "instance", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Always about:blank."},
        "title": {"type": "string", "description": "The phrase of the HTTP status."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For people."},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "For programs."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The path that was asked for."},
        "errors": {
            "type": "array",
            "description": "What is wrong with single fields, filters or headers.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
