"""Client applications of the API. Their tokens and codes are no business of the console."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from oauth2_provider import admin as stock

from booking_site.api.clients import revoke_tokens
from booking_site.api.models import ApiClient
from booking_site.core.actor import actor_of
from booking_site.core.admin import AnnouncedAdmin
from booking_site.core.wallclock import moment_html
from booking_site.core.widgets import Checkboxes
from doctors.models import Department

admin.site.unregister(
    [
        stock.application_model,
        stock.access_token_model,
        stock.grant_model,
        stock.id_token_model,
        stock.refresh_token_model,
    ]
)


ACCESS = ("scopes", "departments", "may_act_for_patients", "requests_per_minute")


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

    departments = forms.ModelMultipleChoiceField(
        Department.objects.all(),
        label=_("Departments"),
        required=False,
        widget=Checkboxes(_("Departments")),
        help_text=_("Sees and touches nothing outside these. None at all: no limit."),
    )

    class Meta:
        model = ApiClient
        fields = ["name", "redirect_uris", *ACCESS]
        widgets = {
            "redirect_uris": AdminTextareaWidget(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.instance.client_type = ApiClient.CLIENT_PUBLIC
            self.instance.authorization_grant_type = ApiClient.GRANT_AUTHORIZATION_CODE


@admin.register(ApiClient)
class ApiClientAdmin(AnnouncedAdmin):
    """The secret is shown nowhere. What is added here is an app that acts for a signed-in person: it has none."""

    form = ApiClientForm
    list_display = ["name", "client_id", "authorization_grant_type", "scopes", "limited_to", "requests_per_minute"]
    search_fields = ["name", "client_id"]
    actions = ["revoke_selected"]
    fields = [
        *("name", "client_id", "client_type", "authorization_grant_type", "redirect_uris"),
        *(*ACCESS, "only_patient", "registered", "changed"),
    ]
    readonly_fields = ["client_id", "client_type", "authorization_grant_type", "only_patient", "registered", "changed"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("departments")

    @admin.action(description=_("End all tokens of the selected clients"), permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> None:
        for client in queryset:
            count = revoke_tokens(actor=actor_of(request), client=client)
            text = ngettext("%(client)s: %(count)d token ended.", "%(client)s: %(count)d tokens ended.", count)
            self.message_user(request, text % {"client": client, "count": count}, messages.SUCCESS)

    @admin.display(description=_("limited to"), empty_value="-")
    def limited_to(self, client: ApiClient) -> str:
        names = [department.name for department in client.departments.all()]
        return ", ".join([*names, *([str(_("one patient"))] if client.patient_id else [])])

    @admin.display(description=_("patient"), empty_value="-")
    def only_patient(self, client: ApiClient) -> str:
        return str(client.patient_id or "")

    @admin.display(description=_("registered"))
    def registered(self, client: ApiClient) -> str:
        return moment_html(client.created)

    @admin.display(description=_("last changed"))
    def changed(self, client: ApiClient) -> str:
        return moment_html(client.updated)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Only a backend acts for patients, and not one that is for one patient alone: an app has no secret to keep."""
        is_backend = obj is not None and obj.authorization_grant_type == ApiClient.GRANT_CLIENT_CREDENTIALS
        given = [] if is_backend and obj.patient_id is None else ["may_act_for_patients"]
        return [*self.readonly_fields, *given]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        description = _(
            "An app that acts for a signed-in person (authorization code with PKCE, without a secret). "
            "A backend is registered with: manage.py create_client"
        )
        fields = ["name", "redirect_uris", "scopes", "departments", "requests_per_minute"]
        return [(None, {"fields": fields, "description": description})]
