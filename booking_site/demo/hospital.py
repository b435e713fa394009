"""What the hospital is made of: sites, departments, the week of its doctors, and how large it is."""

from dataclasses import dataclass, field
from datetime import time

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")  # as in RFC 5545; ISO weekday 1 is Monday
# Both sites keep daylight saving time; the islands are an hour behind.
SITES = (("Harbour Hospital", "Europe/Lisbon"), ("Island Clinic", "Atlantic/Azores"))


@dataclass(frozen=True, slots=True)
class Session:
    """A weekly clinic session of a doctor. ``days``: RFC 5545 weekdays; times are the department's wall clock."""

    name: str
    days: str
    start: time
    end: time
    minutes: int
    visit_type: str = "consultation"
    seats: int = 1

    @property
    def room(self) -> str:
        return {"video": "", "group": "Seminar room", "procedure": "Procedure room"}.get(self.visit_type, "Room 1")

    @property
    def recurrence(self) -> str:
        return "FREQ=DAILY" if self.days == "daily" else f"FREQ=WEEKLY;BYDAY={self.days}"

    @property
    def weekdays(self) -> list[int]:
        """ISO numbers, Monday is 1."""
        names = WEEKDAYS if self.days == "daily" else self.days.split(",")
        return [WEEKDAYS.index(name) + 1 for name in names]

    @property
    def slots(self) -> int:
        """How many seats one session has."""
        length = (self.end.hour - self.start.hour) * 60 + self.end.minute - self.start.minute
        return length // self.minutes * self.seats


def _session(
    name: str, days: str, hours: str, minutes: int, visit_type: str = "consultation", seats: int = 1
) -> Session:
    start, end = (time.fromisoformat(text) for text in hours.split("-"))
    return Session(name, days, start, end, minutes, visit_type, seats)


# Each doctor follows one of these; the weeks differ, so that every weekday has something free.
PART_TIME = (
    (
        _session("Morning clinic", "MO,WE", "09:00-12:30", 30),
        _session("Follow-ups", "TU", "14:00-17:00", 20, "follow_up"),
    ),
    (
        _session("Morning clinic", "TU,TH", "08:30-12:30", 30),
        _session("Procedures", "FR", "08:00-13:00", 60, "procedure"),
    ),
    (
        _session("Afternoon clinic", "MO,TU,TH", "13:30-17:00", 30),
        _session("Group clinic", "WE", "15:00-16:30", 45, "group", seats=3),
    ),
    (
        _session("Early clinic", "WE,FR", "08:00-12:00", 30),
        _session("Video calls", "MO,TH", "16:00-18:00", 15, "video"),
    ),
)
FULL_TIME = (
    (
        _session("Morning clinic", "MO,TU,WE,TH,FR", "09:00-12:30", 30),
        _session("Follow-ups", "MO,TU,TH", "13:30-16:30", 20, "follow_up"),
        _session("Group clinic", "WE", "14:00-15:30", 45, "group", seats=2),
    ),
    (
        _session("Morning clinic", "MO,TU,WE,TH", "08:30-12:30", 30),
        _session("Procedures", "FR", "08:00-13:00", 60, "procedure"),
        _session("Afternoon clinic", "MO,WE,FR", "14:00-17:00", 30),
    ),
    (
        _session("Afternoon clinic", "MO,TU,WE,TH,FR", "12:00-17:00", 30),
        _session("Video calls", "TU,TH", "09:00-11:00", 15, "video"),
        _session("Group clinic", "FR", "09:30-11:00", 45, "group", seats=3),
    ),
)
BUSY = (
    (
        _session("Morning clinic", "MO,TU,WE,TH,FR", "08:00-12:30", 15),
        _session("Follow-ups", "MO,TU,WE,TH,FR", "13:00-17:00", 15, "follow_up"),
    ),
    (
        _session("Morning clinic", "MO,TU,WE,TH,FR", "08:30-13:00", 15),
        _session("Group clinic", "MO,TU,WE,TH,FR", "13:30-15:00", 30, "group", seats=3),
        _session("Video calls", "MO,TU,WE,TH,FR", "15:00-18:00", 15, "video"),
    ),
    (
        _session("Early clinic", "MO,TU,WE,TH,FR", "07:30-12:30", 20),
        _session("Afternoon clinic", "MO,TU,WE,TH,FR", "13:00-18:00", 15),
    ),
)
# Round the clock, every day. A session ends on the day it begins: the night's last half hour is for the hand-over.
WALK_IN = (
    _session("Night shift", "daily", "00:00-08:00", 30, "walk_in", seats=3),
    _session("Day shift", "daily", "08:00-16:00", 30, "walk_in", seats=3),
    _session("Evening shift", "daily", "16:00-23:59", 30, "walk_in", seats=3),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A visit type. ``latest_minutes``: booked at least so long before the visit."""

    code: str
    name: str
    minutes: int
    latest_minutes: int = 0
    instructions: str = ""


KINDS = (
    Kind("consultation", "Consultation", 30, instructions="Bring the list of your medicines."),
    Kind("follow_up", "Follow-up", 20),
    Kind("procedure", "Procedure", 60, 24 * 60, "Do not eat for six hours before. Somebody should see you home."),
    Kind("group", "Group visit", 45),
    Kind("video", "Video call", 15, 10, "The link comes by e-mail. Sit where the light is good."),
    Kind("walk_in", "Walk-in", 30),
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A department. ``site`` indexes SITES. ``pool``: who is seen there, children or adults."""

    name: str
    site: int
    specializations: tuple[str, ...]
    reasons: tuple[str, ...]
    pool: str = "adults"
    walk_in: bool = False


def _unit(
    name: str, site: int, specializations: str, reasons: str, pool: str = "adults", walk_in: bool = False
) -> Unit:
    return Unit(name, site, tuple(specializations.split(", ")), tuple(reasons.split("; ")), pool, walk_in)


# A small hospital has the first 8.
UNITS = (
    _unit(
        "Emergency and Walk-in",
        0,
        "Emergency medicine",
        "Fall from a ladder; Chest pain; High fever since last night; Cut on the left hand; Allergic rash; "
        "Abdominal pain; Twisted ankle; Short of breath",
        walk_in=True,
    ),
    _unit(
        "Urgent Care",
        1,
        "Emergency medicine",
        "Bee sting, swelling; Ear pain; Burn from hot oil; Dizziness; Vomiting since the morning; Dust in the eye; "
        "Back pain after lifting",
        walk_in=True,
    ),
    _unit(
        "Cardiology",
        0,
        "Cardiology, Electrophysiology, Heart failure",
        "Palpitations; Blood pressure review; Echocardiogram; Check of the pacemaker; Chest tightness when climbing "
        "stairs; Follow-up after a stent; 24-hour ECG result",
    ),
    _unit(
        "Paediatrics",
        0,
        "Paediatrics, Neonatology, Paediatric allergy",
        "Vaccination; Check-up at 12 months; Asthma review; Feeding difficulties; Growth check; Recurrent ear "
        "infections; Eczema",
        pool="children",
    ),
    _unit(
        "Orthopaedics",
        0,
        "Orthopaedic surgery, Sports medicine, Hand surgery",
        "Knee pain; Removal of plaster; Hip replacement, six weeks after; Shoulder stiffness; Carpal tunnel; Lower "
        "back pain; Second opinion on surgery",
    ),
    _unit(
        "General Medicine",
        1,
        "Internal medicine, General practice",
        "Annual check-up; Tired for some weeks; Diabetes review; Blood test results; Travel advice; Medication review; "
        "Cough that does not go away",
    ),
    _unit(
        "Dermatology",
        0,
        "Dermatology, Dermatologic surgery",
        "Mole check; Acne follow-up; Psoriasis; Itching; Removal of a cyst; Patch test reading; Hair loss",
    ),
    _unit(
        "Ophthalmology",
        1,
        "Ophthalmology, Retina",
        "Cataract assessment; Eye pressure; Blurred vision; Diabetic eye screening; New glasses; Follow-up after "
        "cataract surgery",
    ),
    _unit(
        "Neurology", 0, "Neurology, Epilepsy", "Migraine; Tremor; Memory; Numb fingers; Seizure follow-up; Nerve test"
    ),
    _unit(
        "Gastroenterology", 0, "Gastroenterology, Hepatology", "Heartburn; Colonoscopy; Liver values; Coeliac review"
    ),
    _unit("Oncology", 0, "Medical oncology", "Treatment plan; Blood count before treatment; Follow-up; Second opinion"),
    _unit("Endocrinology", 1, "Endocrinology, Diabetology", "Thyroid nodule; Insulin pump; Weight; Osteoporosis"),
    _unit("Ear, Nose and Throat", 0, "Otorhinolaryngology", "Hearing test; Sinusitis; Hoarse voice; Vertigo; Snoring"),
    _unit("Urology", 0, "Urology, Andrology", "Kidney stone; Prostate check; Blood in urine; Catheter change"),
    _unit("Physiotherapy", 1, "Physiotherapy, Rehabilitation", "Back school; After knee surgery; Gait training; Neck"),
    _unit("Mental Health", 1, "Psychiatry, Psychotherapy", "First talk; Sleep; Anxiety; Group therapy; Medication"),
    _unit("Rheumatology", 0, "Rheumatology", "Joint pain in the morning; Infusion; Gout; Review of blood values"),
    _unit("Pulmonology", 0, "Pulmonology, Sleep medicine", "Lung function; Asthma; Sleep apnoea; Stop smoking"),
    _unit("Nephrology", 0, "Nephrology", "Kidney function; Dialysis planning; Blood pressure; Protein in urine"),
    _unit(
        "Surgery", 0, "General surgery, Vascular surgery", "Hernia; Wound check; Gall bladder; Varicose veins; Stitches"
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """``days_back`` and ``days_ahead`` count working days. With ``slots``, days are added until there are so many.

    ``walk_in_days``, before and after today, is the short horizon of the walk-in teams: nobody plans an emergency.
    """

    departments: int
    doctors: int
    patients: int
    days_back: int
    days_ahead: int
    weeks: tuple[tuple[Session, ...], ...] = field(repr=False)
    walk_in_days: int = 7
    slots: int = 0


SIZES = {
    "small": Size(departments=8, doctors=24, patients=800, days_back=20, days_ahead=30, weeks=PART_TIME),
    "hospital": Size(departments=14, doctors=60, patients=20_000, days_back=45, days_ahead=90, weeks=FULL_TIME),
    "city": Size(
        departments=20, doctors=200, patients=50_000, days_back=25, days_ahead=90, weeks=BUSY, slots=1_000_000
    ),
}

INSURERS = ("Aurora Mutual", "Bluefin Health", "Cedar & Stone", "Caixa Solidária do Atlântico", "Seguros Farol")
CANCELLATIONS = (
    "Patient asked for another day",
    "Patient feels better",
    "Ill with something else",
    "Could not get off work",
    "No transport",
    "Doctor away at short notice",
    "Booked twice by mistake",
    "",
)
BOOKERS = ("client:patient portal", "client:call centre", "user:reception", "user:reception", "client:mobile app")
