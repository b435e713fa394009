"""What we ask of credentials beyond the library: codes stored hashed too, and a secret that is being changed."""

import hashlib
from typing import Any

from django.contrib.auth.hashers import check_password
from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator

from booking_site.api.models import ApiClient


def digest(code: str) -> str:
    """What is stored of an authorization code: its SHA-256 in hex."""
    return hashlib.sha256(code.encode()).hexdigest()


class Validator(OAuth2Validator):
    def _check_secret(self, provided_secret: str, stored_secret: str) -> bool:
        """Also the secret before this one, until its time is over."""
        if super()._check_secret(provided_secret, stored_secret):
            return True
        changing = ApiClient.objects.filter(client_secret=stored_secret, previous_secret_until__gt=timezone.now())
        previous = changing.values_list("previous_secret", flat=True).first()
        return previous is not None and check_password(provided_secret, previous)

    # The library finds a code by the text that it has stored.

    def _create_authorization_code(self, request: Any, code: dict[str, str], expires: Any = None) -> Any:
        return super()._create_authorization_code(request, code | {"code": digest(code["code"])}, expires)

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        return super().validate_code(client_id, digest(code), client, request, *args, **kwargs)

    def get_code_challenge(self, code: str, request: Any) -> str | None:
        return super().get_code_challenge(digest(code), request)

    def get_code_challenge_method(self, code: str, request: Any) -> str | None:
        return super().get_code_challenge_method(digest(code), request)

    def get_authorization_code_scopes(self, client_id: str, code: str, redirect_uri: str, request: Any) -> list[str]:
        return super().get_authorization_code_scopes(client_id, digest(code), redirect_uri, request)

    def get_authorization_code_nonce(self, client_id: str, code: str, redirect_uri: str, request: Any) -> Any:
        return super().get_authorization_code_nonce(client_id, digest(code), redirect_uri, request)

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return super().confirm_redirect_uri(client_id, digest(code), redirect_uri, client, *args, **kwargs)

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> None:
        super().invalidate_authorization_code(client_id, digest(code), request, *args, **kwargs)
