"""What the OpenAPI document says beside the calls: introduction, tags, security, shared components, health."""

from typing import Any

from django.conf import settings

from booking_site.api.parameters import HEADERS, PARAMETERS
from booking_site.api.problems import PROBLEM_SCHEMA, UNREAD, Refusal

Json = dict[str, Any]

INTRODUCTION = """\
Search free slots, hold one while the patient fills in a form, book, move and cancel appointments.

**Access.** Every call but the health checks needs an OAuth 2 access token with the scope that the call names, sent as
`Authorization: Bearer ...`. Backends get theirs from `POST /oauth/token` with the client credentials grant:

    curl -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials -d scope="slots:read" .../oauth/token

A client may be limited to departments, and an app may act for one person or one patient. What lies outside is answered
as if it were not there: a 404, an empty list. See `Patients` for tokens of patients.

**Values.** JSON in UTF-8; instants in ISO 8601 with an offset; dates `YYYY-MM-DD` and times `HH:MM:SS` on the wall
clock of the site; names and texts come back exactly as they were sent. Unknown fields and filters are refused.

**Lists.** Small lists have pages by number, with `count`, `next`, `previous` and `results`. Slots and appointments are
paged by `cursor`: follow `next` until it is null. At most 200 rows a page. They hold what the caller may see.

**Errors** are problem documents (RFC 9457, `application/problem+json`). Programs go by `code`; `errors` names the
fields. A method that an address does not have is a 405 with `Allow`, an unknown address a 404; both are problem
documents too.

**Limits.** So many requests a minute for each client, for each patient whom it acts for, and so many failures to
authenticate for each address: beyond, 429 with `Retry-After`. A body is nested 32 levels deep at most.

**Safe repetition.** After a lost answer repeat the request with the same `Idempotency-Key`. 409 with the code `busy`,
429 and 503 carry `Retry-After`.
"""
TAGS = [
    {"name": "Doctors", "description": "Who sees patients, and in which department."},
    {
        "name": "Patients",
        "description": "Registering, finding and changing patients; tokens for apps in the hands of patients. A client "
        "that is limited to departments sees those who have or have had an appointment there and those whom it has "
        "registered itself, and gives no record numbers.",
    },
    {"name": "Slots", "description": "Kinds of visits, free seats, and holding one for a moment."},
    {"name": "Appointments", "description": "Booking, moving and cancelling."},
    {"name": "Audit", "description": "Who did what, and who was shown what."},
    {"name": "Health", "description": "For load balancers and monitoring. No token needed."},
]


def finish(result: Json, **kwargs: Any) -> Json:
    """The last hand on the document (a postprocessing hook of drf-spectacular)."""
    result["paths"] = {path.rstrip("/"): item for path, item in result["paths"].items()} | _health()
    result["info"] |= {"description": INTRODUCTION, "license": {"name": "MIT", "identifier": "MIT"}}
    result["servers"] = [{"url": "/"}]
    result["tags"] = TAGS
    components = result["components"]
    components["schemas"] |= {"Problem": PROBLEM_SCHEMA, "Health": HEALTH, "Life": LIFE}
    components["headers"] = HEADERS
    components["parameters"] = PARAMETERS
    components["securitySchemes"] = _security()
    return result


def _security() -> Json:
    token = {"tokenUrl": "/oauth/token", "scopes": settings.SCOPES}
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "`POST /oauth/token` (form-encoded, RFC 6749) gives an access token. Client credentials are "
            "for backends: authenticate with HTTP Basic, `grant_type=client_credentials`. The authorization code grant "
            "with PKCE (S256) is for apps that act for a signed-in person, whose own permissions and place of work "
            "limit the token too; its refresh tokens are good once, and one that comes twice ends all that came of it. "
            "`POST /oauth/revoke` ends a token from the next call on. After too many failures from an address: 429. "
            'Errors of this endpoint have the form that RFC 6749 asks for: `{"error": "invalid_client"}`.',
            "flows": {
                "clientCredentials": token,
                "authorizationCode": {
                    "authorizationUrl": "/oauth/authorize",
                    "refreshUrl": "/oauth/token",
                    **token,
                },
            },
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token that you have already, such as one of `manage.py create_client`.",
        },
    }


LIFE: Json = {
    "type": "object",
    "required": ["status", "version"],
    "properties": {"status": {"const": "ok"}, "version": {"type": "string"}},
}
HEALTH: Json = {
    "type": "object",
    "required": ["status", "database", "version"],
    "properties": {
        "status": {"enum": ["ok", "unavailable"]},
        "database": {"enum": ["ok", "slow", "exhausted", "unavailable"]},
        "version": {"type": "string"},
    },
}


def _health() -> Json:
    ready = {"status": "ok", "database": "ok", "version": settings.VERSION}
    away = {"status": "unavailable", "database": "unavailable", "version": settings.VERSION}
    both = {
        "200": _health_answer("OK", "Health", ready),
        "503": _health_answer("The database does not answer, or not in time", "Health", away, "Retry-After"),
    }
    alive = {"200": _health_answer("OK", "Life", {"status": "ok", "version": settings.VERSION})}
    return {
        "/health": _health_call("health", "Can it do its work?", "The database is asked too.", both),
        "/health/ready": _health_call("ready", "Can it take requests?", "The same as `/health`.", both),
        "/health/live": _health_call("live", "Does the process answer?", "Nothing else is asked.", alive),
    }


def _health_call(name: str, summary: str, description: str, responses: Json) -> Json:
    operation = {
        "operationId": name,
        "summary": summary,
        "description": description,
        "tags": ["Health"],
        "security": [],
        "responses": responses | {str(refusal.status): _unread(refusal) for refusal in UNREAD},
    }
    return {"get": operation}


def _unread(refusal: Refusal) -> Json:
    examples = {refusal.code: {"$ref": f"#/components/examples/{refusal.code}"}}
    return {
        "description": refusal.example["title"],
        "headers": {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}},
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
        },
    }


def _health_answer(description: str, schema: str, example: Json, *headers: str) -> Json:
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)},
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}},
    }
