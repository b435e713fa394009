"""The pictures of ``docs/console.md``: of which page, as whom, and what is said of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

Way = str | Callable[[Page], None]  # an address, or how to get there
NEWCOMER = "newcomer"  # a user without a place of work, made by take_screenshots.py
TWICE = "brightwell"  # the surname of a patient who is registered twice, made there too


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """``role``: whose page it is; empty where nobody is signed in. ``width``: of the window, in pixels."""

    role: str
    name: str
    title: str
    about: str
    way: Way
    language: str = "en"
    width: int = 1280


def first(link: str, then: str = "") -> Callable[[Page], None]:
    """The first link on a page whose address matches; ``then`` is added to where it leads."""

    def go(page: Page) -> None:
        addresses = page.eval_on_selector_all("#content a[href]", "all => all.map(one => one.getAttribute('href'))")
        found = next(address for address in addresses if re.search(link, address))
        page.goto(found + then)

    return go


def after(address: str, *ways: Callable[[Page], None]) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(address)
        for way in ways:
            way(page)

    return go


def typed(*texts: str) -> Callable[[Page], None]:
    """Book: each text typed into the field that has the focus, and the first of what is offered chosen."""

    def go(page: Page) -> None:
        for text in texts:
            page.keyboard.type(text)
            page.locator("[role=option]:visible").first.wait_for()
            before = page.evaluate("document.activeElement.id")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            page.wait_for_function("before => document.activeElement.id !== before", arg=before)
        page.keyboard.press("2")
        page.locator("[data-held]").first.wait_for()

    return go


def registering(first_name: str, last_name: str) -> Callable[[Page], None]:
    """Book: somebody who is not found is registered; there is somebody of that name already."""

    def go(page: Page) -> None:
        page.keyboard.type(f"{first_name} {last_name}")
        page.get_by_role("option", name="Register a new patient").click()
        page.get_by_label("Date of birth").fill("1961-04-30")
        page.get_by_role("button", name="Register and book").click()
        page.locator(".candidates").wait_for()

    return go


def chosen(department: str) -> Callable[[Page], None]:
    """Today: that department, on the next Monday."""

    def go(page: Page) -> None:
        page.get_by_label("Department").select_option(department)
        page.locator("#today-date").fill(MONDAY)
        page.get_by_role("button", name="Show", exact=True).click()
        page.locator(".ec-event").first.wait_for()

    return go


def opened(page: Page) -> None:
    for details in page.locator("#content details").all():
        details.evaluate("one => { one.open = true; }")


def session_ended(page: Page) -> None:
    page.get_by_label("Why it is cancelled").fill("Has a cold")
    page.get_by_label("Kind of reason").select_option("ill")
    page.context.clear_cookies()
    page.get_by_role("button", name="Cancel the appointment").click()


def confirmed(page: Page) -> None:
    page.locator("#content-main form input[type=submit]").first.click()


_TODAY = datetime.now(UTC).date()
MONDAY = f"{_TODAY + timedelta(days=7 - _TODAY.weekday())}"
APPOINTMENTS = "/admin/appointments/appointment/"
APPOINTMENT = r"/appointments/appointment/[0-9a-f-]{36}/change/"
PATIENTS = "/admin/patients/patient/"
PATIENT = r"/patients/patient/[0-9a-f-]{36}/(\?.*)?$"
LATER = f"{APPOINTMENTS}?day=tomorrow&status__exact=booked"
PICTURES = [
    Picture(
        role="",
        name="sign-in",
        title="Signing in",
        about="In English or German, light or dark, as the browser asks or as it is chosen here.",
        way="/",
    ),
    Picture(
        role="Reception",
        name="today",
        title="Today",
        about="The day of a department or of doctors, with who waits and for how long. It refreshes itself; a free "
        "seat opens the booking page, an appointment its buttons; an appointment is moved by dragging it.",
        way="/admin/",
    ),
    Picture(
        role="Reception",
        name="day",
        title="A day of several doctors",
        about="Any other day looks the same. Each doctor has a column, guests of the department too.",
        way=after("/admin/", chosen("Cardiology")),
    ),
    Picture(
        role="Reception",
        name="today-list",
        title="Today, as a list",
        about="The same with the same power, for the keyboard, for screen readers, and without scripts.",
        way="/admin/?view=list",
    ),
    Picture(
        role="Reception",
        name="day-sheet",
        title="A doctor's day on paper",
        about="One page a doctor.",
        way=after("/admin/", first(r"/admin/today/.*sheet")),
    ),
    Picture(
        role="Reception",
        name="today-on-a-tablet",
        title="Today, on a tablet",
        about="The queue comes first.",
        way="/admin/",
        width=768,
    ),
    Picture(
        role="Reception",
        name="today-in-german",
        title="Today, in German",
        about="Every page is there in German, by the button on top or as the browser asks.",
        way="/admin/",
        language="de",
    ),
    Picture(
        role="Reception",
        name="booking",
        title="Booking",
        about="Who, with whom or for what, when, and Enter. The chosen time is held while the form is open.",
        way=after(f"{APPOINTMENTS}add/", typed("llewel", "cardio")),
    ),
    Picture(
        role="Reception",
        name="registering",
        title="Booking somebody new",
        about="Who is not there yet is registered on the spot; who may be the same person is shown first.",
        way=after(f"{APPOINTMENTS}add/", registering("Ida", "Brightwell")),
    ),
    Picture(
        role="Reception",
        name="walk-in",
        title="Walk-in",
        about="Without an appointment, perhaps not even registered: the next free seat, or one more with a reason.",
        way="/admin/walk-in/",
    ),
    Picture(
        role="Reception",
        name="appointments",
        title="Appointments",
        about="Any day, by status, department and doctor, with the next steps of each.",
        way=APPOINTMENTS,
    ),
    Picture(
        role="Reception",
        name="appointment",
        title="An appointment",
        about="What is known of it, how far it has come, and what may be done.",
        way=after(LATER, first(APPOINTMENT)),
    ),
    Picture(
        role="Reception",
        name="move",
        title="Moving",
        about="The same choice of times as in booking.",
        way=after(LATER, first(r"/move/")),
    ),
    Picture(
        role="Reception",
        name="cancel",
        title="Cancelling",
        about="With a kind of reason, which the numbers count.",
        way=after(LATER, first(r"/cancel/")),
    ),
    Picture(
        role="Reception",
        name="slip",
        title="The slip",
        about="What the patient takes home: printed, as PDF, as calendar file, or by e-mail.",
        way=after(LATER, first(r"/slip/")),
    ),
    Picture(
        role="Reception",
        name="patients",
        title="Patients",
        about="Found by words of the name in any order and spelling, date of birth, phone number or record number.",
        way=f"{PATIENTS}?q={TWICE}",
    ),
    Picture(
        role="Reception",
        name="patients-on-a-tablet",
        title="Patients, on a tablet",
        about="The same list where there is less room.",
        way=PATIENTS,
        width=768,
    ),
    Picture(
        role="Reception",
        name="patient",
        title="A patient",
        about="Contact, appointments, attendance, notes for reception, likely duplicates, who has seen and changed it.",
        way=after(f"{PATIENTS}?q={TWICE}", first(PATIENT), opened),
    ),
    Picture(
        role="Reception",
        name="patient-edit",
        title="Changing a patient",
        about="What is wrong is said next to its field.",
        way=after(f"{PATIENTS}?q={TWICE}", first(PATIENT), first(r"/patients/patient/[0-9a-f-]{36}/change/")),
    ),
    Picture(
        role="Reception",
        name="merge",
        title="Merging",
        about="Two records of one person become one, and can become two again. First it is shown what becomes of both.",
        way=after(f"{PATIENTS}?q={TWICE}", first(PATIENT), first(r"/merge/\?other=")),
    ),
    Picture(
        role="Reception",
        name="new-times",
        title="Those who need a new time",
        about="After a change of the plan, each with the best other times.",
        way=f"{APPOINTMENTS}worklist/",
    ),
    Picture(
        role="Reception",
        name="sign-in-again",
        title="Signing in again",
        about="A session that ends in the middle of a form: what was typed waits, and is done after signing in.",
        way=after(LATER, first(r"/cancel/"), session_ended),
    ),
    Picture(
        role="Scheduler",
        name="week",
        title="The week of a doctor",
        about="Sessions, seats, closures and patients.",
        way="/admin/scheduling/week/?doctor=DOC-0005",
    ),
    Picture(
        role="Scheduler",
        name="schedules",
        title="Schedules",
        about="The patterns that seats come from.",
        way="/admin/scheduling/schedule/",
    ),
    Picture(
        role="Scheduler",
        name="schedule",
        title="A schedule",
        about="What it makes is shown before it is saved.",
        way="/admin/scheduling/schedule/add/",
    ),
    Picture(
        role="Scheduler",
        name="schedule-change",
        title="Changing a schedule",
        about="A session that runs can be changed, ended, or copied to another doctor.",
        way=after("/admin/scheduling/schedule/", first(r"/schedule/[0-9a-f-]{36}/change/")),
    ),
    Picture(
        role="Scheduler",
        name="schedule-end",
        title="Ending a schedule",
        about="From a day on; who is booked after it needs a new time.",
        way=after("/admin/scheduling/schedule/", first(r"/schedule/[0-9a-f-]{36}/change/"), first(r"/end/")),
    ),
    Picture(
        role="Scheduler",
        name="schedule-copy",
        title="Copying a schedule",
        about="To another doctor, from a day on.",
        way=after("/admin/scheduling/schedule/", first(r"/schedule/[0-9a-f-]{36}/change/"), first(r"/copy/")),
    ),
    Picture(
        role="Scheduler",
        name="closures",
        title="Closures",
        about="Of the hospital, a department or a doctor.",
        way="/admin/scheduling/closure/",
    ),
    Picture(
        role="Scheduler",
        name="closure",
        title="A closure",
        about="Whole days or hours; the patients whom it concerns are listed before it is saved.",
        way="/admin/scheduling/closure/add/",
    ),
    Picture(
        role="Scheduler",
        name="holidays",
        title="Public holidays",
        about="Of a country, a region and a year, to choose from.",
        way="/admin/scheduling/closure/holidays/?country=PT",
    ),
    Picture(
        role="Scheduler",
        name="slots",
        title="Slots",
        about="Each row is one seat.",
        way="/admin/scheduling/availableslot/",
    ),
    Picture(
        role="Scheduler",
        name="slot",
        title="A slot",
        about="Who has it, or what can be done with it.",
        way=after("/admin/scheduling/availableslot/", first(r"/availableslot/[0-9a-f-]{36}/change/")),
    ),
    Picture(
        role="Scheduler",
        name="slot-add",
        title="One more slot",
        about="A single seat beside what the schedules make.",
        way="/admin/scheduling/availableslot/add/",
    ),
    Picture(
        role="Scheduler",
        name="doctors",
        title="Doctors",
        about="With their departments.",
        way="/admin/doctors/doctor/",
    ),
    Picture(
        role="Scheduler",
        name="doctor",
        title="A doctor",
        about="With the way to their week.",
        way=after("/admin/doctors/doctor/", first(r"/doctor/[\w-]+/change/")),
    ),
    Picture(
        role="Scheduler",
        name="numbers",
        title="The numbers: no-shows",
        about="By department, doctor, weekday, hour and lead time; each as table, chart and CSV.",
        way="/admin/reports/?report=no_shows",
    ),
    Picture(
        role="Scheduler",
        name="numbers-bookings",
        title="The numbers: bookings",
        about="Made, moved and cancelled, by day, department and source.",
        way="/admin/reports/?report=bookings",
    ),
    Picture(
        role="Scheduler",
        name="numbers-fill",
        title="The numbers: fill rate",
        about="Of the seats offered, how many were filled.",
        way="/admin/reports/?report=fill",
    ),
    Picture(
        role="Scheduler",
        name="numbers-waiting",
        title="The numbers: waiting",
        about="From arrival, or from the time of the appointment, to the doctor.",
        way="/admin/reports/?report=waiting",
    ),
    Picture(
        role="Scheduler",
        name="numbers-third-next",
        title="The numbers: third next available",
        about="How soon a patient can come.",
        way="/admin/reports/?report=third_next",
    ),
    Picture(
        role="Scheduler",
        name="rebook-all",
        title="New times for all",
        about="Proposed together, urgent patients first, and done when it is confirmed.",
        way=f"{APPOINTMENTS}worklist/rebook-all/",
    ),
    Picture(
        role="Scheduler",
        name="rebooking-report",
        title="Whom to tell",
        about="What has been moved, to print.",
        way=after(f"{APPOINTMENTS}worklist/rebook-all/", confirmed),
    ),
    Picture(
        role="Clinician",
        name="today-of-a-clinician",
        title="The day of a clinician",
        about="Their own patients, and nobody else's.",
        way=f"/admin/?date={MONDAY}",
    ),
    Picture(
        role="Auditor",
        name="audit",
        title="The audit log",
        about="Every operation, done or refused, and every look at a patient's data; how far it is sealed.",
        way="/admin/audit/auditlog/",
    ),
    Picture(
        role="Auditor",
        name="audit-find",
        title="Whose record it is",
        about="Found by its number or by the exact name and date of birth, without reading the records of patients.",
        way="/admin/audit/auditlog/patients/",
    ),
    Picture(
        role="Administrator",
        name="audit-patient",
        title="Who looked at this patient",
        about="A line for each person and day: how often, in which lists, where; what was done stands apart.",
        way=after(PATIENTS, first(PATIENT), first(r"/auditlog/patients/[0-9a-f-]{36}/")),
    ),
    Picture(
        role="Auditor",
        name="audit-entry",
        title="An entry of the audit log",
        about="Who, what, when, from where, and what it was before and after.",
        way=after("/admin/audit/auditlog/", first(r"/auditlog/[0-9a-f-]{36}/change/")),
    ),
    Picture(
        role="Auditor",
        name="not-allowed",
        title="What is not allowed",
        about="Refused, with a way back, and written down in the audit log.",
        way=PATIENTS,
    ),
    Picture(
        role="Administrator",
        name="users",
        title="Users",
        about="With their roles.",
        way="/admin/auth/user/",
    ),
    Picture(
        role="Administrator",
        name="user",
        title="A user",
        about="Roles, and the departments that they see.",
        way=after("/admin/auth/user/", first(r"/auth/user/\d+/change/")),
    ),
    Picture(
        role="Administrator",
        name="role",
        title="A role",
        about="What its members may do.",
        way=after("/admin/auth/group/", first(r"/auth/group/\d+/change/")),
    ),
    Picture(
        role="Administrator",
        name="departments",
        title="Departments",
        about="Each with its site and its time zone.",
        way="/admin/doctors/department/",
    ),
    Picture(
        role="Administrator",
        name="visit-types",
        title="Visit types",
        about="How long they take, who may book them, and how far ahead.",
        way="/admin/scheduling/visittype/",
    ),
    Picture(
        role="Administrator",
        name="visit-type",
        title="A visit type",
        about="With the rules of booking and the words for the slip.",
        way=after("/admin/scheduling/visittype/", first(r"/visittype/[\w-]+/change/")),
    ),
    Picture(
        role="Administrator",
        name="api-clients",
        title="API clients",
        about="""Portals, apps and partner systems, each with its scopes, the departments that it is limited to, and
whether it may act for patients. What is changed here holds from the next call on, for the tokens that are there too.
**End all tokens of the selected clients** shuts out a client whose tokens are in the wrong hands; its secret is changed
with `manage.py rotate_secret`.""",
        way="/admin/api/apiclient/",
    ),
    Picture(
        role="Administrator",
        name="password",
        title="A new password",
        about="For oneself.",
        way="/admin/password_change/",
    ),
    Picture(
        role="Newcomer",
        name="welcome",
        title="Before somebody belongs to a department",
        about="Nothing is shown, and it is said whom to ask.",
        way="/admin/",
    ),
]
