"""The home page of the console: its context, what its script asks for afterwards, and moving by dragging."""

import uuid
from datetime import timedelta
from typing import Any

import orjson
from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotModified, JsonResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from appointments import operations
from appointments.exceptions import AppointmentNotFound
from appointments.models import Appointment
from appointments.steps import CHANGE
from appointments.today.board import KINDS, Board, board_of, frame_of
from appointments.today.choosing import FILTERS, REMEMBERED, Choice, Chosen, Person, asked_for, chosen_by, people_in
from appointments.today.day_sheet import day_sheet_page
from appointments.today.listing import PASSED, list_of, queue_of
from appointments.today.rows import Day, day_of, stamp_of
from booking_site.core import shown
from booking_site.core.actor import actor_of
from booking_site.core.errors import DomainError, Invalid, NotAllowed
from booking_site.core.operations import version_of
from booking_site.core.scope import scope_of
from booking_site.core.scoped import announce_outside
from booking_site.core.wallclock import clock_label, day_label
from patients.models import Patient
from scheduling.exceptions import SlotNotFound
from scheduling.models import AvailableSlot, VisitType

VIEW = "appointments.view_appointment"
NAMES = "patients.view_patient"
REFRESH = 5  # seconds
DAY = timedelta(days=1)
VISIBLE = ("booked", "arrived", "with_doctor", "done", "no_show", "free", "held", "shut", "past", "withdrawn")


def may_see(user: Any) -> bool:
    return user.has_perm(VIEW)


def today_context(request: HttpRequest) -> dict[str, Any]:
    """The home page of somebody who may see appointments. Remembers in the session what was chosen."""
    scope = scope_of(request.user)
    chosen = chosen_by(request.GET, request.session.get(REMEMBERED), scope)
    choice = chosen.choice
    is_asked = any(request.GET.get(name) for name in ("department", "doctor", "view"))
    if is_asked and not chosen.form.errors and request.session.get(REMEMBERED) != choice.remembered:
        request.session[REMEMBERED] = choice.remembered
    board = _board(request, choice, day_of(choice, scope), chosen.people)
    parts = _parts(request, choice, board)
    columns = {column["id"] for section in board.sections for column in section.columns}
    idle = [one for one in chosen.people if one.id and one.is_active and one.department_id == choice.department]
    return {
        "chosen": chosen,
        "choice": choice,
        "day_label": day_label(choice.day),
        "is_today": choice.day == chosen.today,
        "previous": choice.query(day=choice.day - DAY),
        "next": choice.query(day=choice.day + DAY),
        "of_today": choice.query(day=chosen.today),
        "as_board": choice.query(view="board"),
        "as_list": choice.query(view="list"),
        "sheet": choice.query(),
        "idle": [one.name for one in idle if one.id not in columns],
        "zones": [section.zone for section in board.sections],
        "legend": [(kind, *KINDS[kind]) for kind in (*VISIBLE, "closed")],
        "filters": _filters(choice),
        "pieces": parts.pop("pieces"),
        "script": _script({"config": _config(request, chosen), **parts}),
        "next_url": f"{reverse('admin:index')}?{choice.query()}",
    }


def _script(data: dict[str, Any]) -> SafeString:
    """JSON for a script element, which no text in it can end."""
    text = orjson.dumps(data).decode()
    text = text.replace("&", "\\u0026").replace("<", "\\u003C").replace(">", "\\u003E")
    return mark_safe(text)  # noqa: S308  # nosec B308 B703  # nothing in it is markup any more


def _board(request: HttpRequest, choice: Choice, day: Day, people: list[Person]) -> Board:
    asked = [one for one in people if one.id in choice.doctors]
    return board_of(day, choice.day, asked, with_names=request.user.has_perm(NAMES))


def _parts(request: HttpRequest, choice: Choice, board: Board) -> dict[str, Any]:
    """What changes during the day: pieces of the page by their id, and, for the board, what it draws."""
    context = {
        "choice": choice,
        "counts": _counts(choice, board),
        "queue": queue_of(board, request.user),
        "alert": settings.WAITING_ALERT_MINUTES,
        "see_names": request.user.has_perm(NAMES),
        "may_book": request.user.has_perm("appointments.add_appointment"),
    }
    items = [row for group in context["queue"] for row in group["rows"]]
    pieces = {
        "counts": render_to_string("console/today_counts.html", context),
        "queue": render_to_string("console/today_queue.html", context),
    }
    if choice.view == "list":
        context |= {"groups": list_of(board, choice, request.user)}
        items += [row for group in context["groups"] for row in group["rows"]]
        pieces["list"] = render_to_string("console/today_list.html", context)
        drawn = []
    else:
        drawn = [
            {
                "zone": section.zone,
                "offset": section.offset,
                "columns": section.columns,
                "items": [item for item in section.items if item["kind"] != "cancelled" and item["clock"]],
                "closed": section.closed,
                **frame_of(section, choice.day),
            }
            for section in board.sections
        ]
        items += [item for section in drawn for item in section["items"]]
    visits = (board.visits.get(item["key"]) for item in items)
    shown.note_patients(request, Appointment, (visit.patient for visit in visits if visit is not None))
    return {"pieces": pieces, "sections": drawn, "now": int(timezone.now().timestamp() * 1000)}


def _counts(choice: Choice, board: Board) -> list[dict[str, Any]]:
    """The numbers of the day, each leading to the list of those it counts."""
    words = (
        ("visits", "booked", _("booked")),
        ("expected", "expected", _("still expected")),
        ("", "here", _("arrived")),
        ("waiting", "waiting", _("waiting")),
        ("with_doctor", "with_doctor", _("with the doctor")),
        ("done", "done", _("done")),
        ("no_show", "no_show", _("no-show")),
        ("free", "free", _("seats free")),
    )
    return [
        {
            "name": name,
            "number": board.counts[name],
            "word": word,
            "query": choice.query(view="list", show=show) if show else "",
            "is_shown": choice.view == "list" and choice.show == show,
        }
        for show, name, word in words
    ]


def _filters(choice: Choice) -> list[dict[str, Any]]:
    words = {
        "visits": _("Everybody who comes"),
        "expected": _("Still expected"),
        "waiting": _("Waiting"),
        "with_doctor": _("With the doctor"),
        "done": pgettext("of a visit", "Done"),
        "no_show": _("No-show"),
        "cancelled": _("Cancelled"),
        "free": _("Free seats"),
        "all": _("Everything"),
    }
    return [{"name": name, "word": words[name], "is_shown": name == choice.show} for name in FILTERS]


def _config(request: HttpRequest, chosen: Chosen) -> dict[str, Any]:
    """What the script needs to know once."""
    user, choice = request.user, chosen.choice
    return {
        "day": choice.day.isoformat(),
        "isToday": choice.day == chosen.today,
        "zone": chosen.zone,
        "home": reverse("admin:index"),
        "view": choice.view,
        "data": f"{reverse('admin:today_data')}?{choice.query()}",
        "panel": reverse("admin:today_panel", args=[uuid.UUID(int=0)]).replace(str(uuid.UUID(int=0)), "ID"),
        "step": reverse("admin:appointments_appointment_step", args=["ID"]),
        "move": reverse("admin:today_move"),
        "add": reverse("admin:appointments_appointment_add"),
        "mayBook": user.has_perm("appointments.add_appointment"),
        "mayMove": user.has_perm(CHANGE),
        "alert": settings.WAITING_ALERT_MINUTES,
        "every": REFRESH,
        "kinds": {kind: str(word) for kind, (_sign, word) in KINDS.items()},
        "texts": {
            **{kind: str(text) for kind, text in PASSED.items()},
            "long": _("long wait"),
            "changes": _("%s changes on the board."),
            "gone": _("no longer here"),
            "away": _("The board cannot be refreshed at the moment. What you see may be old."),
            "ended": _("Your session has ended. Load the page again and sign in."),
            "moved": _("Moved: %s."),
            "minutes": _("%s min"),
            "undo": _("Undo"),
            "undone": _("Undone."),
            "board": _("Board of the day, %s"),
            "free_only": _("Appointments can be moved onto free seats only."),
        },
    }


# --- what the script asks for --------------------------------------------------------------------------------------


def data_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """The parts of the page as they are now, or 304 when nothing has changed since the ETag that was sent."""
    _check(request, VIEW)
    try:
        choice = asked_for(request.GET)
    except Invalid as error:
        return _refused(error)
    scope = scope_of(request.user)
    may = [name for name in sorted(request.user.get_all_permissions()) if name.startswith(("appointments.", NAMES))]
    seen = (scope.everything, sorted(map(str, scope.departments)), scope.doctor)
    day = day_of(choice, scope)
    etag = f'"{stamp_of(day, choice, seen, may, get_language(), settings.VERSION)}"'
    answer: HttpResponse
    if request.headers.get("If-None-Match") == etag:
        answer = HttpResponseNotModified()
    else:
        people = people_in(scope) if choice.doctors else []
        parts = _parts(request, choice, _board(request, choice, day, people))
        answer = HttpResponse(orjson.dumps(parts), content_type="application/json")
    answer["ETag"], answer["Cache-Control"] = etag, "private, no-cache"
    return answer


def panel_page(model_admin: Any, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """One appointment with its buttons, for the dialog of the board."""
    _check(request, VIEW)
    found = Appointment.objects.filter(scope_of(request.user).q()).select_related("patient", "doctor", "department")
    appointment = found.filter(pk=key).first()
    if appointment is None:
        model_admin.sees(request, [key])  # tells the audit log of one that is there, but not for this person
        return _refused(AppointmentNotFound())
    shown.note_record(request, Appointment, appointment)
    see_names = request.user.has_perm(NAMES)
    if not see_names:
        appointment.patient = Patient(pk=appointment.patient_id)
    kind = VisitType.objects.filter(pk=appointment.visit_type).values_list("name", flat=True).first()
    zone = appointment.department.time_zone
    context = {
        "appointment": appointment,
        "when": clock_label(appointment.date, appointment.time, zone, appointment.starts_at),
        "visit_type": kind or appointment.visit_type,
        "see_names": see_names,
        "next": reverse("admin:index"),
    }
    answer = HttpResponse(render_to_string("console/today_panel.html", context, request))
    answer["Cache-Control"] = "no-store"
    return answer


class MoveForm(forms.Form):
    appointment = forms.UUIDField()
    slot = forms.UUIDField()
    version = forms.RegexField(r"\A[0-9a-f]{1,16}\Z")


def move_page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """POST ``appointment`` and ``slot`` (ids) and the ``version`` that was seen. Answers with JSON: ``{"id", "version",
    "detail"}``, or ``{"code", "detail"}`` with the status of the refusal."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    _check(request, CHANGE)
    form = MoveForm(request.POST)
    try:
        if not form.is_valid():
            raise Invalid(_("Reload the page: it asked for something that is not there."))
        moved = _move(model_admin, request, **form.cleaned_data)
    except DomainError as error:
        return _refused(error)
    when = clock_label(moved.date, moved.time, moved.department.time_zone, moved.starts_at)
    return JsonResponse({"id": str(moved.pk), "version": version_of(moved), "detail": f"{when}, {moved.doctor}"})


def _move(model_admin: Any, request: HttpRequest, appointment: uuid.UUID, slot: uuid.UUID, version: str) -> Appointment:
    scope = scope_of(request.user)
    if model_admin.get_object(request, str(appointment)) is None:
        raise AppointmentNotFound
    seat = AvailableSlot.objects.filter(pk=slot).values_list("department", "doctor").first()
    if seat is None:
        raise SlotNotFound
    if not scope.allows(department_id=seat[0], doctor_id=seat[1]):
        announce_outside(request)
        raise NotAllowed(_("That seat is in a department that you do not see."))
    return operations.reschedule(
        actor=actor_of(request), appointment_id=appointment, slot_id=slot, expected_versions=frozenset([version])
    )


def urls(model_admin: Any) -> list[Any]:
    """The pages, for the ``console_urls`` of a model admin."""

    def page(route: str, view: Any, name: str) -> Any:
        def run(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return view(model_admin, request, **kwargs)

        return path(f"today/{route}", model_admin.admin_site.admin_view(run), name=name)

    return [
        page("data/", data_page, "today_data"),
        page("panel/<uuid:key>/", panel_page, "today_panel"),
        page("move/", move_page, "today_move"),
        page("sheet/", day_sheet_page, "day_sheet"),
    ]


def _check(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _refused(error: DomainError) -> HttpResponse:
    problem = {"code": error.code, "detail": error.detail, "errors": error.errors}
    return JsonResponse(problem, status=error.status_code)
