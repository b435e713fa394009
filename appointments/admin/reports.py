"""The page of the manager's numbers: one report at a time, of a period, perhaps of one department or doctor."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from appointments.models import Appointment
from appointments.reports.catalogue import REPORTS
from appointments.reports.charts import chart_of
from appointments.reports.choice import MOST_DAYS, YEARS, Choice, Preset, Step, period_label, presets
from appointments.reports.export import export
from appointments.reports.figures import Report, Table, shown
from booking_site.core.actor import actor_of
from booking_site.core.admin import ChoiceByAutocomplete
from booking_site.core.scope import scope_of
from booking_site.replica import may_be_stale
from doctors.models import Department, Doctor

LONG_WAIT = 30  # minutes, unless another number is chosen


def may_report(user: Any) -> bool:
    return user.has_perm("appointments.report_appointment")


def unused_by(report: Report) -> set[str]:
    """The fields of the form that the report makes nothing of: they are not shown, and what is given for them does not
    count."""
    used = {"first": report.has_period, "last": report.has_period, "step": report.has_step}
    used["threshold"] = report.has_threshold
    return {name for name, is_used in used.items() if not is_used}


class ChoiceForm(forms.Form):
    """What is not given is that of the first preset, and of the whole hospital."""

    report = forms.CharField(required=False, widget=forms.HiddenInput)
    first = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(
        label=pgettext_lazy("a period", "To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    step = forms.ChoiceField(label=_("By"), choices=Step.choices, required=False)
    threshold = forms.IntegerField(label=_("Long is over (minutes)"), required=False, min_value=1, max_value=1440)

    def __init__(self, *args: Any, site: Any, user: Any, report: Report, usual: Preset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope, self.usual = scope_of(user), usual
        chosen = {
            "department": (Department.objects.filter(self.scope.q("pk", "doctors")).distinct(), _("Department")),
            "doctor": (Doctor.objects.filter(self.scope.q("department", "pk")), _("Doctor")),
        }
        for name, (queryset, label) in chosen.items():
            field = Appointment._meta.get_field(name)
            self.fields[name] = ChoiceByAutocomplete(field, site, queryset, required=False, label=label)
        for name in unused_by(report):
            self.fields[name].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors:
            first, last = found["first"] or self.usual.first, found["last"] or self.usual.last
            if not YEARS[0] <= first.year <= last.year <= YEARS[1]:
                self.add_error("first", _("Choose days from %d to %d, the first not after the last.") % YEARS)
            elif first > last:
                self.add_error("first", _("The first day is after the last."))
            elif (last - first).days >= MOST_DAYS:
                self.add_error("last", _("Choose at most %d days.") % MOST_DAYS)
            found |= {"first": first, "last": last}
        return found

    def choice(self) -> Choice:
        """Of a form without errors."""
        found = self.cleaned_data
        return Choice(
            first=found["first"],
            last=found["last"],
            step=Step(found["step"] or Step.WEEK),
            department=found["department"].pk if found["department"] else None,
            doctor=found["doctor"].pk if found["doctor"] else None,
            threshold=found["threshold"] or LONG_WAIT,
            seen=self.scope.q,
        )


@may_be_stale
def reports_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Query: ``report`` and what else ``ChoiceForm`` has; ``format=csv`` for the file."""
    if not may_report(request.user):
        raise PermissionDenied
    report = REPORTS.get(request.GET.get("report", ""), next(iter(REPORTS.values())))
    usual = presets(timezone.localdate())
    site = model_admin.admin_site
    given = {name: value for name, value in request.GET.items() if value and name not in unused_by(report)}
    form = ChoiceForm(
        {
            "first": f"{usual[0].first}",
            "last": f"{usual[0].last}",
            "step": Step.WEEK,
            "threshold": LONG_WAIT,
            **given,
            "report": report.key,
        },
        site=site,
        user=request.user,
        report=report,
        usual=usual[0],
    )
    context: dict[str, Any] = {
        "is_nav_sidebar_enabled": False,  # charts and tables side by side need the room
        "title": report.title,
        "report": report,
        "reports": [(one, _query(request, report=one.key)) for one in REPORTS.values()],
        "form": form,
        "media": model_admin.media + form.media,
    }
    if form.is_valid():
        choice = form.choice()
        if request.GET.get("format") == "csv":
            return _file(request, report, choice)
        context |= {
            "period": period_label(choice.first, choice.last),
            "presets": [_preset(request, preset, choice) for preset in usual],
            "sections": [_section(table) for table in report.tables(choice)],
            "file": _query(request, report=report.key, format="csv"),
        }
    return model_admin.own_page(request, "console/reports.html", **context)


def _file(request: HttpRequest, report: Report, choice: Choice) -> HttpResponse:
    name, text = export(actor=actor_of(request), report=report, choice=choice)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


def _query(request: HttpRequest, **changed: Any) -> str:
    """The query of the page with other values in it."""
    kept = {name: value for name, value in request.GET.items() if value and name != "format"}
    return f"?{urlencode(kept | changed)}"


def _preset(request: HttpRequest, preset: Preset, choice: Choice) -> dict[str, Any]:
    return {
        "label": preset.label,
        "query": _query(request, first=f"{preset.first}", last=f"{preset.last}"),
        "is_chosen": (preset.first, preset.last) == (choice.first, choice.last),
    }


def _section(table: Table) -> dict[str, Any]:
    rows = [
        (
            row.label,
            [(column, shown(value, column.nothing)) for value, column in zip(row.values, table.columns, strict=True)],
        )
        for row in table.rows
    ]
    return {"table": table, "rows": rows, "chart": chart_of(table)}
