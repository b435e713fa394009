"""Public holidays, loaded as closures: a place and a year, its days to choose from, what closing them does."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from booking_site.core.actor import actor_of
from booking_site.core.admin import submitted
from booking_site.core.scope import scope_of
from booking_site.core.scoped import announce_outside
from booking_site.core.wallclock import day_label
from booking_site.core.widgets import Checkboxes
from doctors.models import Department
from scheduling import planning
from scheduling.admin.planning import NOT_YOURS, PlanAdmin, Summary
from scheduling.forms.plan import PlanForm, choice
from scheduling.generation import Difference
from scheduling.models import Closure
from scheduling.public_holidays import YEARS, Holiday, countries, days, regions, source_of

if TYPE_CHECKING:
    _Base = PlanAdmin
else:
    _Base = object


class PlaceForm(forms.Form):
    """Which list, of which year, for whom."""

    required_css_class = "required"

    country = forms.ChoiceField(label=_("Country"))
    region = forms.ChoiceField(label=_("Region"), required=False)
    year = forms.TypedChoiceField(label=_("Year"), coerce=int)

    def __init__(self, data: Any, *, site: AdminSite) -> None:
        super().__init__(data)
        self.fields["country"].choices = [  # type: ignore[attr-defined]
            ("", "---------"), *((code, f"{name} ({code})") for code, name in countries().items())
        ]  # fmt: skip
        country = (data or {}).get("country", "")
        of_country = regions(country) if country in countries() else {}
        self.fields["region"].choices = [  # type: ignore[attr-defined]
            ("", _("The whole country")), *((code, _of(code, name)) for code, name in of_country.items())
        ]  # fmt: skip
        this = timezone.now().year
        self.fields["year"].choices = [(year, str(year)) for year in range(this, this + YEARS)]  # type: ignore[attr-defined]
        self.fields["department"] = choice(
            Closure._meta.get_field("department"),
            site,
            Department.objects.all(),
            label=_("Department"),
            required=False,
            nothing=_("The whole hospital"),
            help_text=_("Which is closed on these days."),
        )
        self.order_fields(["country", "region", "year", "department"])

    def clean(self) -> None:
        if "country" in self.errors:
            self.errors.pop("region", None)  # which regions there are depends on the country


def _of(code: str, name: str) -> str:
    return name if name == code else f"{name} ({code})"


class DayBoxes(Checkboxes):
    """Days that cannot be loaded are there, and cannot be chosen."""

    closed: frozenset[str] = frozenset()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value in self.closed:
            option["attrs"]["disabled"] = True
        return option


class DaysForm(PlanForm, forms.Form):
    """The days of a list, public holidays chosen."""

    def __init__(self, data: Any, *, offered: list[tuple[Holiday, str]]) -> None:
        """``offered``: each day with why it cannot be loaded; empty where it can."""
        super().__init__(data)
        widget = DayBoxes(_("Days"))
        widget.closed = frozenset(holiday.day.isoformat() for holiday, why in offered if why)
        self.fields["days"] = forms.MultipleChoiceField(
            label=_("Days"),
            widget=widget,
            choices=[(holiday.day.isoformat(), _label(holiday, why)) for holiday, why in offered],
            initial=[holiday.day.isoformat() for holiday, why in offered if holiday.category == "public" and not why],
            error_messages={"required": _("Choose at least one day.")},
        )

    def clean_days(self) -> list[str]:
        chosen = self.cleaned_data["days"]
        closed = self.fields["days"].widget.closed
        if refused := [day for day in chosen if day in closed]:
            raise forms.ValidationError(
                _("These days are past or loaded already: %(days)s."), "closed", {"days": ", ".join(refused)}
            )
        return chosen


def _label(holiday: Holiday, why: str) -> Any:
    kind = "" if holiday.category == "public" else holiday.category.replace("_", " ")
    note = ", ".join(filter(None, [kind, why]))
    text = format_html("{}: {}", day_label(holiday.day), holiday.name)
    return format_html('{} <span class="note">({})</span>', text, note) if note else text


class HolidayPage(_Base):
    """The page, for the closures' admin."""

    def holidays_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        place = self.limited(request, PlaceForm(request.GET or None, site=self.admin_site))
        if not scope_of(request.user).everything:
            place.fields["department"].required = True
            place.fields["department"].error_messages["required"] = NOT_YOURS
        title = _("Public holidays")
        context: dict[str, Any] = {"place": place, "title": title, "errors": place.errors}
        if not place.is_valid():
            if request.method == "POST" and place.has_error("department", "required"):
                announce_outside(request)  # closes the whole hospital
            context |= {"media": self.media + place.media}
            return self.own_page(request, "console/holidays.html", **context)
        chosen = place.cleaned_data
        country, region, department = chosen["country"], chosen["region"], chosen["department"]
        source = source_of(country, region, department)
        offered = _offered(days(country, region, chosen["year"]), source)
        form = DaysForm(submitted(request), offered=offered)

        def closures() -> list[Closure]:
            picked = set(form.cleaned_data["days"])
            return [
                Closure(
                    department=department,
                    first_day=holiday.day,
                    last_day=holiday.day,
                    reason=holiday.name[: Closure._meta.get_field("reason").max_length],
                    source=source,
                )
                for holiday, _why in offered
                if holiday.day.isoformat() in picked
            ]

        def summary() -> list[Summary]:
            closed = department.name if department else _("the whole hospital")
            dates = [f"{day_label(one.first_day)}: {one.reason}" for one in closures() if one.first_day]
            return [Summary(_("Closed"), [closed]), Summary(_("Days"), dates)]

        def do() -> tuple[Difference, Any, str]:
            made = closures()
            done = planning.add_closures(actor=actor_of(request), closures=made)
            return done, _("Public holidays loaded: %d.") % len(made), f"{self.page('changelist')}?when=coming"

        return self.plan_page(
            request,
            form,
            title=title,
            preview=lambda: planning.preview_closures(closures()),
            summary=summary,
            do=do,
            template="console/holidays.html",
            place=place,
            media=self.media + place.media,
        )


def _offered(listed: tuple[Holiday, ...], source: str) -> list[tuple[Holiday, str]]:
    """Each day, with why it cannot be loaded."""
    found = Closure.objects.filter(source=source, first_day__in=[holiday.day for holiday in listed])
    loaded = dict(found.values_list("first_day", "is_active"))
    today = timezone.now().date()
    offered = []
    for holiday in listed:
        why = ""
        if holiday.day in loaded:
            why = str(_("loaded already") if loaded[holiday.day] else _("loaded before, and lifted"))
        elif holiday.day < today:
            why = str(_("past"))
        offered.append((holiday, why))
    return offered
