"""Client applications of the API. Their tokens and codes are no business of the console."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from oauth2_provider import admin as stock

from booking_site.api.models import ApiClient
from booking_site.core.admin import AnnouncedAdmin
from booking_site.core.wallclock import moment_html

admin.site.unregister(
    [
        stock.application_model,
        stock.access_token_model,
        stock.grant_model,
        stock.id_token_model,
        stock.refresh_token_model,
    ]
)


class ScopesField(forms.MultipleChoiceField):
    """The scopes as boxes to tick; kept as one text."""

    widget = forms.CheckboxSelectMultiple

    def prepare_value(self, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    def clean(self, value: Any) -> str:
        return " ".join(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed((initial or "").split(), data)


class ApiClientForm(forms.ModelForm):
    scopes = ScopesField(
        label=_("Scopes"),
        required=False,
        choices=[(scope, format_lazy("{}: {}", scope, meaning)) for scope, meaning in settings.SCOPES.items()],
        help_text=_("All that the client may ever be granted. None at all shuts it out at once."),
    )

    class Meta:
        model = ApiClient
        fields = ["name", "redirect_uris", "scopes", "requests_per_minute"]
        widgets = {"redirect_uris": AdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.instance.client_type = ApiClient.CLIENT_PUBLIC
            self.instance.authorization_grant_type = ApiClient.GRANT_AUTHORIZATION_CODE


@admin.register(ApiClient)
class ApiClientAdmin(AnnouncedAdmin):
    """The secret is shown nowhere. What is added here is an app that acts for a signed-in person: it has none."""

    form = ApiClientForm
    list_display = ["name", "client_id", "authorization_grant_type", "scopes", "requests_per_minute"]
    search_fields = ["name", "client_id"]
    fields = [
        *("name", "client_id", "client_type", "authorization_grant_type"),
        *("redirect_uris", "scopes", "requests_per_minute", "registered", "changed"),
    ]
    readonly_fields = ["client_id", "client_type", "authorization_grant_type", "registered", "changed"]

    @admin.display(description=_("registered"))
    def registered(self, client: ApiClient) -> str:
        return moment_html(client.created)

    @admin.display(description=_("last changed"))
    def changed(self, client: ApiClient) -> str:
        return moment_html(client.updated)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        description = _(
            "An app that acts for a signed-in person (authorization code with PKCE, without a secret). "
            "A backend is registered with: manage.py create_client"
        )
        fields = ["name", "redirect_uris", "scopes", "requests_per_minute"]
        return [(None, {"fields": fields, "description": description})]
