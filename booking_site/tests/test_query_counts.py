"""A list costs the same number of queries however many rows it has."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking_site.testing.factories import DoctorFactory, PatientFactory, SlotFactory, booked
from doctors.models import Department, Doctor

pytestmark = pytest.mark.django_db


def of_one_doctor():
    doctor, _ = Doctor.objects.get_or_create(pk="T-SAME", name="Same", department=department())
    return SlotFactory(doctor=doctor)


def department():
    return Department.objects.get_or_create(name="Everything")[0]


# What is listed, with its filters: each gives every row that was made.
LISTS = {
    "doctors": (lambda: DoctorFactory(department=department()), ["", "search=doctor", "department=Everything"]),
    "patients": (PatientFactory, ["", "search=first last", "is_active=true"]),
    "available-slots": (
        lambda: SlotFactory(doctor__department=department()),
        ["", "count=true", "department=Everything", "specialization=cardiology", "ordering=-starts_at"],
    ),
    "doctors/T-SAME/available-slots": (of_one_doctor, ["", "count=true"]),
    "appointments": (
        lambda: booked(slot=SlotFactory(doctor__department=department())),
        ["", "count=true", "department=Everything", "status=booked", "needs_new_time=false"],
    ),
}


@pytest.mark.parametrize("path", LISTS)
def test_1_3_and_200_rows_take_the_same_queries(api, path):
    make, filters = LISTS[path]
    made, counts = 0, {name: [] for name in filters}
    for rows in (1, 3, 200):
        for _ in range(rows - made):
            make()
        made = rows
        for name in filters:
            with CaptureQueriesContext(connection) as queries:
                answer = api.get(f"/api/v1/{path}?page_size=200&{name}")
            assert len(answer.json()["results"]) == rows
            counts[name].append(len(queries))
    assert {name: len(set(taken)) for name, taken in counts.items()} == dict.fromkeys(filters, 1), counts
    assert max(max(taken) for taken in counts.values()) <= 5
