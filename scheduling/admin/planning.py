"""What the pages that change a plan share: a form, then what it would do, then it is done.

The views are our own. The stock ones work inside a transaction, which would take the audit row of a refusal with it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from booking_site.core import shown
from booking_site.core.admin import ReadOnlyAdmin, version_in
from booking_site.core.errors import Conflict, DomainError
from booking_site.core.operations import check_version, in_transaction, version_of
from booking_site.core.scope import scope_of
from booking_site.core.scoped import announce_outside
from booking_site.core.wallclock import clock_html
from scheduling.generation import Difference
from scheduling.models import AvailableSlot

LISTED = 200  # appointments; more are counted only
OURS = ("csrfmiddlewaretoken", "confirmed", "back", "previewed")  # of what a page sends: not typed by anybody


NOT_YOURS = _("Choose one of your departments, or a doctor of them. For others ask somebody who sees every department.")


class Summary(NamedTuple):
    """What a preview says above its figures: a name with its value, or several."""

    name: Any
    values: Sequence[Any]


def plans_for(user: Any, record: Any) -> bool:
    """Whether the record (a schedule or closure) concerns nobody but those whom the person sees: a closure of the whole
    hospital is for those who see all of it, one of a doctor for the doctor's own department."""
    department_id = record.department_id or (record.doctor.department_id if record.doctor else None)
    return scope_of(user).allows(department_id=department_id, doctor_id=record.doctor_id or "")


class PlanAdmin(ReadOnlyAdmin):
    """Added, changed and looked at; what it changes is shown first."""

    steps: tuple[str, ...] = ()  # pages of one record, each with a method ``<name>_view``

    # --- who may do what ---------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")

    def has_plan_permission(self, request: HttpRequest) -> bool:
        """May change. (The stock change permission is refused to all: no stock page writes a plan.)"""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def _to_change(self, request: HttpRequest, object_id: str) -> Any:
        if not self.has_plan_permission(request):
            raise PermissionDenied
        found = self.get_object(request, unquote(object_id))
        if found is not None and not plans_for(request.user, found):
            raise PermissionDenied
        return self.not_found(request) if found is None else found

    def refuse_outside(self, request: HttpRequest, form: Any, records: Sequence[Any]) -> bool:
        """Whether the person may plan all of this; the form says where not."""
        if all(plans_for(request.user, record) for record in records):
            return True
        announce_outside(request)
        form.add_error("department" if "department" in form.fields else "doctor", NOT_YOURS)
        return False

    # --- addresses ---------------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        pages = [
            path(
                f"<path:object_id>/{step}/",
                self.admin_site.admin_view(getattr(self, f"{step}_view")),
                name=f"{name}_{step}",
            )
            for step in self.steps
        ]
        return [*pages, *super().get_urls()]

    def page(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def page_of(self, request: HttpRequest, pk: Any) -> str:
        return self.page("change", pk) if self.has_view_permission(request) else reverse("admin:index")

    # --- form, preview, done -------------------------------------------------------------------------------------

    def plan_page(
        self,
        request: HttpRequest,
        form: Any,
        *,
        title: Any,
        preview: Callable[[], Difference],
        summary: Callable[[], list[Summary]],
        do: Callable[[], tuple[Difference, Any, str]],
        ready: Callable[[], bool] = lambda: True,
        original: Any = None,
        template: str = "console/plan_form.html",
        **context: Any,
    ) -> HttpResponse:
        """``preview`` gives what would be done, ``summary`` what to say of it; ``do`` does it, and gives what has been
        done, the words for it, and where to go then. ``ready`` prepares both; False when the form now says why not.
        ``template`` shows the form."""
        context |= {"title": title, "original": original}
        if form.is_bound and "back" not in request.POST and form.is_valid() and ready():
            try:
                if "confirmed" in request.POST:
                    done, said, url = do()
                    self._tell(request, done, said)
                    return HttpResponseRedirect(url)
                if original is not None:
                    check_version(original, version_in(request))
                return self._preview(request, in_transaction(preview), summary(), **context)
            except DomainError as error:
                if isinstance(error, Conflict) and error.code == "duplicate" and form.cleaned_data.get("key"):
                    self.message_user(request, _("This has been added already."), messages.WARNING)
                    return HttpResponseRedirect(self.page_of(request, form.cleaned_data["key"]))
                form.refuse(error)
        return self._form(request, form, template, **context)

    def _form(
        self, request: HttpRequest, form: Any, template: str, *, original: Any = None, **context: Any
    ) -> HttpResponse:
        context = {
            "button": _("Show what it does"),
            "original_label": str(original) if original else "",
            # The version that was read: somebody else's change is never overwritten unseen.
            "version": (request.POST.get("version") or version_of(original)) if original else "",
            "original": original,
            **context,
        }
        return self.form_page(request, form, template, **context)

    def _preview(self, request: HttpRequest, found: Difference, summary: list[Summary], **context: Any) -> HttpResponse:
        typed = [(name, text) for name, texts in request.POST.lists() if name not in OURS for text in texts]
        context |= {
            "subject": context["title"],
            "title": _("What it does: %s") % str(context["title"]).lower(),
            "summary": summary,
            "counts": _counted(found),
            "changes": bool(found),
            "previewed": _signature(found),
            "typed": typed,
            "affected": self._appointments(request, found.retired),
            "restored": self._appointments(request, found.restored),
        }
        return self.own_page(request, "console/plan_preview.html", **context)

    def _appointments(self, request: HttpRequest, slot_ids: list[Any]) -> dict[str, Any]:
        """The appointments in these slots, soonest first: when, who (for those who may know), what kind."""
        all_slots = AvailableSlot.objects.filter(pk__in=slot_ids, appointments__status="booked")
        slots = all_slots.filter(scope_of(request.user).q()).order_by("starts_at", "pk")
        rows = slots.values_list(
            *(
                "appointments__pk",
                "date",
                "time",
                "department__time_zone",
                "starts_at",
                "doctor__name",
                "visit_type__name",
            ),
            *("appointments__patient__first_name", "appointments__patient__last_name", "appointments__patient"),
        )[: LISTED + 1]
        booked: Any = AvailableSlot._meta.get_field("appointments").related_model
        shown.note_patients(request, booked, [row[-1] for row in rows[:LISTED]])
        may_open = request.user.has_perm("appointments.view_appointment")
        return {
            "rows": [
                {
                    "url": reverse("admin:appointments_appointment_change", args=[pk]) if may_open else "",
                    "when": clock_html(day, clock, zone, moment),
                    "doctor": doctor,
                    "visit_type": kind,
                    "patient": f"{first} {last}",
                }
                for pk, day, clock, zone, moment, doctor, kind, first, last, _patient in rows[:LISTED]
            ],
            "more": max(slots.count() - LISTED, 0) if len(rows) > LISTED else 0,
            "elsewhere": all_slots.count() - slots.count(),
            "names": request.user.has_perm("patients.view_patient"),
        }

    def _tell(self, request: HttpRequest, done: Difference, said: Any) -> None:
        text = f"{said} {', '.join(_counted(done))}."
        level = messages.SUCCESS
        if (seen := request.POST.get("previewed", "")) and seen != _signature(done):
            text += " " + _("The plan has changed since it was shown to you: this is what has really been done.")
            level = messages.WARNING
        if done.retired:
            page = reverse("admin:appointments_appointment_worklist")
            text = format_html('{} <a href="{}">{}</a>', text, page, _("Find new times"))
        self.message_user(request, text, level)


def _counted(found: Difference) -> list[str]:
    """What changes, in words; all of it, also what does not."""
    counts = found.counts
    words = [
        ngettext("%d slot added", "%d slots added", counts["added"]) % counts["added"],
        ngettext("%d free slot withdrawn", "%d free slots withdrawn", counts["withdrawn"]) % counts["withdrawn"],
        ngettext("%d appointment needs a new time", "%d appointments need a new time", counts["affected"])
        % counts["affected"],
    ]
    if counts["restored"]:
        words.append(
            ngettext(
                "%d appointment needs a new time no longer",
                "%d appointments need a new time no longer",
                counts["restored"],
            )
            % counts["restored"]
        )
    return words


def _signature(found: Difference) -> str:
    return ",".join(str(number) for number in found.counts.values())
