import pytest

from booking_site.testing.constraints import accepted, refused_by
from booking_site.testing.factories import PatientFactory, booked

pytestmark = pytest.mark.django_db


def test_a_patient_has_at_least_one_name():
    PatientFactory()
    assert refused_by("UPDATE patients SET first_name = '', last_name = '  '") == "patient_name_present"
    accepted("UPDATE patients SET first_name = '', last_name = 'Sukarno'")
    accepted("UPDATE patients SET first_name = 'Björk', last_name = ''")


def test_a_record_number_is_used_once():
    PatientFactory(mrn="M-1")
    other = PatientFactory()
    assert refused_by("UPDATE patients SET mrn = 'M-1' WHERE id = %s", other.pk) == "patient_mrn_unique"
    accepted("UPDATE patients SET mrn = NULL")  # as many without one as there are


def test_a_date_of_birth_is_plausible():
    PatientFactory()
    assert refused_by("UPDATE patients SET dob = '1849-12-31'") == "patient_dob_plausible"
    accepted("UPDATE patients SET dob = '1850-01-01'")
    accepted("UPDATE patients SET dob = NULL")


def test_a_patient_with_appointments_stays():
    booked()
    assert "patient" in refused_by("DELETE FROM patients")
