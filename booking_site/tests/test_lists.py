"""Paging, filters and versions of the lists and records of the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking_site.testing.factories import (
    DepartmentFactory,
    DoctorFactory,
    PatientFactory,
    SlotFactory,
    booked,
    in_days,
)

pytestmark = pytest.mark.django_db

SLOTS, APPOINTMENTS = "/api/v1/available-slots", "/api/v1/appointments"


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


# --- paging by key -----------------------------------------------------------------------------------------------


@pytest.fixture
def seats():
    """23 free seats, five of which begin at the same instant; soonest first."""
    same = in_days(8)
    made = [SlotFactory(starts_at=same + timedelta(hours=n)) for n in range(1, 19)]
    made += [SlotFactory(starts_at=same) for _ in range(5)]
    return [str(slot.pk) for slot in sorted(made, key=lambda slot: (slot.starts_at, slot.pk))]


@pytest.mark.parametrize("ordering", ["starts_at", "-starts_at"])
@pytest.mark.parametrize("size", [1, 4, 5, 22, 23, 24])
def test_every_row_is_met_once_forwards_and_backwards(api, seats, size, ordering):
    expected = seats if ordering == "starts_at" else seats[::-1]
    url = f"{SLOTS}?page_size={size}&ordering={ordering}"
    pages = []
    while url:
        answer = api.get(url)
        pages.append(ids(answer))
        last, url = answer.json(), answer.json()["next"]
    assert [row for page in pages for row in page] == expected
    assert {len(page) for page in pages[:-1]} <= {size}
    back = [pages[-1]]
    while last["previous"]:
        answer = api.get(last["previous"])
        back.insert(0, ids(answer))
        last = answer.json()
    assert back == pages


def test_a_walk_goes_on_although_its_rows_are_booked_meanwhile(api, seats):
    first = api.get(f"{SLOTS}?page_size=5").json()
    for row in first["results"]:
        api.post("/api/v1/book-appointment", {"patient_id": str(PatientFactory().pk), "slot_id": row["id"]})
    assert ids(api.get(first["next"])) == seats[5:10]


def test_the_count_comes_when_asked_for(api, seats):
    assert "count" not in api.get(SLOTS).json()
    answer = api.get(f"{SLOTS}?count=true&page_size=2").json()
    assert (answer["count"], len(answer["results"])) == (23, 2)
    assert "count=true" not in answer["next"]
    assert api.get(f"{SLOTS}?count=false").json().keys() == {"next", "previous", "results"}


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=x", "count=1", "ordering=id", "cursor=x", "page=2", "colour=red"]
)
def test_what_a_list_does_not_know_is_refused(api, query):
    answer = api.get(f"{SLOTS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_an_ordering_names_each_field_once(api):
    answer = api.get("/api/v1/doctors?ordering=name,-experience,name")
    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {
        "field": "ordering", "code": "repeated_value", "detail": "Give each value once.",
    }  # fmt: skip
    assert api.get("/api/v1/doctors?ordering=name,-experience").status_code == 200


def test_a_page_is_200_rows_at_most(api):
    SlotFactory.create_batch(201)
    assert len(ids(api.get(f"{SLOTS}?page_size=1000"))) == 200
    assert len(ids(api.get(SLOTS))) == 50


# --- paging by number --------------------------------------------------------------------------------------------


def test_pages_by_number_meet_every_row_once(api):
    for number in range(7):
        DoctorFactory(name=f"N{number % 2}")  # equal names: the code decides
    answer = api.get("/api/v1/doctors?page_size=3").json()
    assert (answer["count"], answer["previous"]) == (7, None)
    seen = [row["id"] for row in answer["results"]]
    while answer["next"]:
        answer = api.get(answer["next"]).json()
        seen += [row["id"] for row in answer["results"]]
    assert len(seen) == len(set(seen)) == 7
    assert api.get("/api/v1/doctors?page=9").status_code == 404


# --- filters: each has a case that it keeps and one that it drops -----------------------------------------------


def test_filters_of_doctors(api):
    kept = DoctorFactory(
        id="K-1", name="Íris Núñez", department__name="Eyes", specialization="Ophthalmology", experience=3
    )
    other = DoctorFactory(id="O-1", name="Bob", is_active=False, specialization="Surgery", experience=9)
    for query in (
        "department=eyes",
        f"department={kept.department_id}",
        "specialization=ophthalmology",
        "is_active=true",
        "search=nunez",
        "search=iris+nun",
        "search=k-1",
        "search=ophthal",
    ):
        assert ids(api.get(f"/api/v1/doctors?{query}")) == [kept.pk], query
    assert ids(api.get("/api/v1/doctors?is_active=false")) == [other.pk]
    assert ids(api.get("/api/v1/doctors?department=nowhere")) == []
    assert ids(api.get("/api/v1/doctors?ordering=-experience")) == [other.pk, kept.pk]
    assert ids(api.get("/api/v1/doctors?ordering=experience")) == [kept.pk, other.pk]


def test_filters_of_free_seats(api):
    eyes = DepartmentFactory(name="Eyes", time_zone="Europe/Berlin")
    doctor = DoctorFactory(id="K-1", department=eyes, specialization="Ophthalmology")
    kept = SlotFactory(doctor=doctor, starts_at=in_days(40, 9), visit_type="follow-up", duration_minutes=45)
    SlotFactory(starts_at=in_days(44, 14))
    day, time = kept.date, kept.time
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    for query in (
        "doctor=K-1",
        "department=EYES",
        f"department={eyes.pk}",
        "specialization=OPHTHALMOLOGY",
        "visit_type=follow-up",
        f"date={day}",
        f"date_from={before}&date_to={day}",
        f"date_to={after}",
        f"time_to={time:%H:%M}",
        f"time_from={time:%H:%M:%S}&time_to={time:%H:%M:%S}",
        "duration_minutes=45",
        f"doctor=K-1&date_from={day}&time_from=00:00",
    ):
        assert ids(api.get(f"{SLOTS}?{query}")) == [str(kept.pk)], query
    for query in (
        "doctor=K-2",
        "department=Ears",
        "specialization=Ophthalm",
        "visit_type=follow",
        f"date={after}",
        f"date_from={after}&date_to={after}",
        f"date_to={before}",
        "time_to=00:01",
        "duration_minutes=44",
    ):
        assert ids(api.get(f"{SLOTS}?{query}")) == [], query
    assert ids(api.get("/api/v1/doctors/K-1/available-slots?visit_type=follow-up")) == [str(kept.pk)]
    assert ids(api.get("/api/v1/doctors/K-1/available-slots?visit_type=other")) == []
    assert api.get("/api/v1/doctors/K-2/available-slots").status_code == 404


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("hour", [0, 9, 12, 23])
def test_a_date_is_the_date_at_the_site(api, zone, hour):
    """Fourteen hours ahead of UTC, eleven behind: the local date differs from that of the instant."""
    slot = SlotFactory(doctor__department__time_zone=zone, starts_at=in_days(30, hour))
    for name in ("date", "date_from", "date_to"):
        assert ids(api.get(f"{SLOTS}?{name}={slot.date}")) == [str(slot.pk)]
    day = timedelta(days=1)
    for wrong in (f"date={slot.date - day}", f"date={slot.date + day}", f"date_from={slot.date + day}"):
        assert ids(api.get(f"{SLOTS}?{wrong}")) == []
    assert ids(api.get(f"{SLOTS}?date_to={slot.date - day}")) == []
    row = api.get(SLOTS).json()["results"][0]
    assert timezone.datetime.fromisoformat(row["starts_at"]) == slot.starts_at
    assert row["starts_at"].startswith(f"{slot.date}T{slot.time:%H:%M}")


def test_filters_of_appointments(api):
    kept = booked(slot=SlotFactory(starts_at=in_days(40), doctor__department__name="Eyes"))
    other = booked(slot=SlotFactory(starts_at=in_days(44)))
    api.post("/api/v1/cancel-appointment", {"appointment_id": str(other.pk)})
    day = kept.date
    for query in (
        f"patient={kept.patient_id}",
        f"doctor={kept.doctor_id}",
        "department=eyes",
        f"department={kept.department_id}",
        "status=booked",
        f"date={day}",
        f"date_from={day}&date_to={day}",
        f"date_to={day}",
    ):
        assert ids(api.get(f"{APPOINTMENTS}?{query}")) == [str(kept.pk)], query
    assert ids(api.get(f"{APPOINTMENTS}?status=cancelled")) == [str(other.pk)]
    assert ids(api.get(f"{APPOINTMENTS}?ordering=-starts_at")) == [str(other.pk), str(kept.pk)]
    assert ids(api.get(f"{APPOINTMENTS}?date_from={other.date}")) == [str(other.pk)]
    for query in (f"patient={kept.pk}", "doctor=nobody", "department=Ears", "status=no_show", "date=2001-01-01"):
        assert ids(api.get(f"{APPOINTMENTS}?{query}")) == []


# --- versions ----------------------------------------------------------------------------------------------------


def test_a_record_that_has_not_changed_is_not_sent_again(api):
    patient = PatientFactory()
    path = f"/api/v1/patients/{patient.pk}"
    first = api.get(path)
    again = api.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert api.get(path, HTTP_IF_NONE_MATCH=f'"x", W/{first["ETag"]}').status_code == 304
    changed = api.patch(path, {"first_name": "New"})
    assert changed["ETag"] != first["ETag"]
    fresh = api.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (fresh.status_code, fresh["ETag"]) == (200, changed["ETag"])


def test_a_change_of_a_stale_version_is_refused(api):
    patient = PatientFactory()
    path = f"/api/v1/patients/{patient.pk}"
    etag = api.get(path)["ETag"]
    assert api.patch(path, {"first_name": "One"}, HTTP_IF_MATCH=etag).status_code == 200
    stale = api.patch(path, {"first_name": "Two"}, HTTP_IF_MATCH=etag)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert api.get(path).json()["first_name"] == "One"
    assert api.patch(path, {"first_name": "Three"}, HTTP_IF_MATCH="*").status_code == 200
    assert api.patch(path, {"first_name": "Four"}).status_code == 200


@pytest.mark.parametrize("call", ["cancel", "reschedule"])
def test_an_appointment_is_moved_or_cancelled_in_the_version_that_was_read(api, call):
    one, target, last = booked(), SlotFactory(), SlotFactory()
    etag = api.get(f"{APPOINTMENTS}/{one.pk}")["ETag"]
    body = {"appointment_id": str(one.pk)}
    moved = api.post("/api/v1/reschedule-appointment", body | {"slot_id": str(target.pk)}, HTTP_IF_MATCH=etag)
    assert moved.status_code == 200
    if call == "reschedule":
        body["slot_id"] = str(last.pk)
    stale = api.post(f"/api/v1/{call}-appointment", body, HTTP_IF_MATCH=etag)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert api.post(f"/api/v1/{call}-appointment", body, HTTP_IF_MATCH=moved["ETag"]).status_code == 200
