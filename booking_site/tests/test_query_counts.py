"""A list costs the same number of queries however many rows it has."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, VisitTypeFactory, booked, in_days
from doctors.models import Department, Doctor
from scheduling.models import AvailableSlot, VisitType

pytestmark = pytest.mark.django_db


def of_one_doctor():
    doctor, _ = Doctor.objects.get_or_create(pk="T-SAME", name="Same", department=department())
    return SlotFactory(doctor=doctor)


def department():
    return Department.objects.get_or_create(name="Everything")[0]


def a_day_later():
    """A free seat on a day that has none so far."""
    return SlotFactory(doctor__department=department(), starts_at=in_days(1 + AvailableSlot.objects.count()))


# What is listed, with its filters: each gives every row that was made.
LISTS = {
    "doctors": (lambda: DoctorFactory(department=department()), ["", "search=doctor", "department=Everything"]),
    "patients": (PatientFactory, ["", "search=first last", "is_active=true"]),
    "available-slots": (
        lambda: SlotFactory(doctor__department=department()),
        ["", "count=true", "department=Everything", "specialization=cardiology", "ordering=-starts_at"],
    ),
    "doctors/T-SAME/available-slots": (of_one_doctor, ["", "count=true"]),
    "first-available": (
        lambda: SlotFactory(doctor__department=department()),
        ["department=Everything", "specialization=cardiology"],
    ),
    "available-slots/calendar": (a_day_later, ["", "per_day=0", "department=Everything", "per_day=20"]),
    "visit-types": (VisitTypeFactory, [""]),
    "appointments": (
        lambda: booked(slot=SlotFactory(doctor__department=department())),
        ["", "count=true", "department=Everything", "status=booked", "needs_new_time=false"],
    ),
}


PAGED = dict.fromkeys(LISTS, 200) | {"first-available": 50, "available-slots/calendar": 90}  # rows at most


@pytest.mark.parametrize("path", LISTS)
def test_1_3_and_many_rows_take_the_same_queries(api, path):
    make, filters = LISTS[path]
    VisitType.objects.exclude(code="consultation").delete()
    made, counts = int(path == "visit-types"), {name: [] for name in filters}
    for rows in (1, 3, PAGED[path]):
        for _ in range(rows - made):
            make()
        made = rows
        for name in filters:
            query = name if path in ("first-available", "available-slots/calendar") else f"page_size=200&{name}"
            with CaptureQueriesContext(connection) as queries:
                answer = api.get(f"/api/v1/{path}?{query}")
            assert len(answer.json()["results"]) == rows
            counts[name].append(len(queries))
    assert {name: len(set(taken)) for name, taken in counts.items()} == dict.fromkeys(filters, 1), counts
    assert max(max(taken) for taken in counts.values()) <= 5
