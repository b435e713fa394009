import pytest

from booking_site.testing.factories import DoctorFactory, SlotFactory

pytestmark = pytest.mark.django_db


def test_the_free_seats_of_one_doctor_are_of_no_other(api):
    doctor, other = DoctorFactory(), DoctorFactory()
    mine = [SlotFactory(doctor=doctor), SlotFactory(doctor=doctor)]
    theirs = SlotFactory(doctor=other)
    for who, slots in ((doctor, mine), (other, [theirs])):
        found = api.get(f"/api/v1/doctors/{who.pk}/available-slots").json()["results"]
        assert [row["id"] for row in found] == [str(slot.pk) for slot in slots]
