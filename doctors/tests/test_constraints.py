import pytest

from booking_site.testing.constraints import accepted, refused_by
from booking_site.testing.factories import DepartmentFactory, DoctorFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_departments_and_doctors_have_names(name):
    DoctorFactory()
    assert refused_by("UPDATE departments SET name = %s", name) == "department_name_present"
    assert refused_by("UPDATE doctors SET name = %s", name) == "doctor_name_present"


def test_a_department_is_named_once():
    DepartmentFactory(name="Surgery", code="S")
    other = DepartmentFactory()
    assert "name" in refused_by("UPDATE departments SET name = 'Surgery' WHERE id = %s", other.pk)
    assert "code" in refused_by("UPDATE departments SET code = 'S' WHERE id = %s", other.pk)
    accepted("UPDATE departments SET code = NULL")


@pytest.mark.parametrize("code", ["", " ", "a b", "-a", "a/b", "ä", "a\n"])
def test_a_code_has_a_shape_that_fits_an_address(code):
    DoctorFactory()
    assert refused_by("UPDATE doctors SET id = %s", code) == "doctor_code_shape"


@pytest.mark.parametrize("code", ["7", "DOC-0042", "a._-9", "x" * 32])
def test_a_code_may_be_the_hospitals_own(code):
    DoctorFactory()
    accepted("UPDATE doctors SET id = %s", code)


def test_experience_is_plausible():
    DoctorFactory()
    assert refused_by("UPDATE doctors SET experience = 81") == "doctor_experience_plausible"
    assert "experience" in refused_by("UPDATE doctors SET experience = -1")
    for years in (0, 80, None):
        accepted("UPDATE doctors SET experience = %s", years)


def test_a_department_with_doctors_stays():
    DoctorFactory()
    assert "department" in refused_by("DELETE FROM departments")


def test_a_doctor_belongs_to_a_department_that_is_there():
    DoctorFactory()
    assert "department" in refused_by("UPDATE doctors SET department_id = gen_random_uuid()")
