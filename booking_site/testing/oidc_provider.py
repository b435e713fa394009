"""A small OpenID Connect provider over HTTP, for tests: discovery, authorization code with PKCE, RS256, userinfo.

It lets everybody in as ``person``, without asking.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from jwcrypto.jwk import JWK

CLIENT, SECRET = "hospital", "a secret of the provider"


class Provider:
    """A context manager. ``person``: the claims of who signs in; ``refuses``: nobody gets in; ``forged``: tokens are
    signed by a key that is not published; ``claimed_issuer``, ``userinfo``: what it says instead of the truth."""

    def __init__(self) -> None:
        self.key, self.other_key = (
            JWK.generate(kty="RSA", size=2048, kid=name, use="sig", alg="RS256") for name in "ab"
        )
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.begin_anew()

    def begin_anew(self) -> None:
        self.person: dict[str, Any] = {"sub": "person-1", "preferred_username": "reception"}
        self.refuses = self.forged = self.is_down = False
        self.claimed_issuer = ""
        self.userinfo: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []

    def __enter__(self) -> "Provider":
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self)

            do_POST = do_GET

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """Of a site that this is the provider of."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET": SECRET,
            "OIDC_NAME": "Hospital <ID>",
        }

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        address = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        if self.is_down:
            return _say(request, 503, {})
        if address.path == "/authorize":
            return self.authorize(request, dict(parse_qsl(address.query)))
        says = {
            "/.well-known/openid-configuration": self.discovery,
            "/jwks": lambda *_: (200, {"keys": [json.loads(self.key.export_public())]}),
            "/token": self.token,
            "/userinfo": self.user,
        }[address.path]
        return _say(request, *says(request, {name: values[0] for name, values in parse_qs(body).items()}))

    def discovery(self, *_: Any) -> tuple[int, dict[str, Any]]:
        return 200, {
            "issuer": self.claimed_issuer or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        self.asked.append(asked)
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        said = {"error": "access_denied"} if self.refuses else {"code": code}
        request.send_response(302)
        request.send_header("Location", f"{asked['redirect_uri']}?{urlencode(said | {'state': asked['state']})}")
        request.end_headers()

    def token(self, request: Any, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(sent.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or (sent.get("client_id"), sent.get("client_secret")) != (CLIENT, SECRET)
            or asked["redirect_uri"] != sent.get("redirect_uri")
            or asked["code_challenge"] != proof.decode()
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, **self.person}
        key = self.other_key if self.forged else self.key
        access = secrets.token_urlsafe()
        self.tokens[access] = self.userinfo or self.person
        signed = jwt.encode(claims, key.export_to_pem(private_key=True, password=None), "RS256", {"kid": "a"})
        return 200, {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def user(self, request: Any, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        known = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return (401, {"error": "invalid_token"}) if known is None else (200, known)


def _say(request: BaseHTTPRequestHandler, status: int, said: dict[str, Any]) -> None:
    content = json.dumps(said).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
