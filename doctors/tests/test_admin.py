"""Departments and doctors in the console."""

import pytest

from audit.models import AuditLog
from booking_site.testing.factories import DepartmentFactory, DoctorFactory, staff
from doctors.models import Department, Doctor

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client):
    client.force_login(staff("Administrator"))
    return client


def test_a_doctor_gets_a_code_when_none_is_given_and_keeps_it(administrator):
    department = DepartmentFactory()
    form = {"id": "", "name": "Dr Ngozi Okafor", "department": department.pk, "is_active": "on"}
    assert administrator.post("/admin/doctors/doctor/add/", form).status_code == 302
    doctor = Doctor.objects.get()
    assert doctor.pk.startswith("DOC-")
    page = f"/admin/doctors/doctor/{doctor.pk}/change/"
    assert administrator.post(page, form | {"id": "OTHER", "name": "Dr N. Okafor"}).status_code == 302
    assert list(Doctor.objects.values_list("id", "name")) == [(doctor.pk, "Dr N. Okafor")]
    assert AuditLog.objects.get(action="doctor.updated").details == {
        "old": {"name": "Dr Ngozi Okafor"},
        "new": {"name": "Dr N. Okafor"},
    }


def test_codes_with_every_sign_that_they_may_hold_have_a_page(administrator):
    doctor = DoctorFactory(id="A_1.b-2")
    text = administrator.get("/admin/doctors/doctor/").content.decode()
    link = next(part for part in text.split('"') if part.startswith("/admin/doctors/doctor/A"))
    assert administrator.get(link).context["original"] == doctor


def test_a_department_needs_a_zone_that_exists_and_keeps_it(administrator):
    form = {"name": "Cardiology", "time_zone": "Europe/Atlantis", "is_active": "on"}
    assert b"no IANA time zone" in administrator.post("/admin/doctors/department/add/", form).content
    administrator.post("/admin/doctors/department/add/", form | {"time_zone": "Europe/Lisbon"})
    department = Department.objects.get()
    page = f"/admin/doctors/department/{department.pk}/change/"
    administrator.post(page, form | {"time_zone": "Asia/Tokyo", "site": "North"})
    department.refresh_from_db()
    assert (department.time_zone, department.site) == ("Europe/Lisbon", "North")


def test_a_doctor_is_deactivated_not_deleted(administrator):
    doctor = DoctorFactory()
    form = {"name": doctor.name, "department": doctor.department_id, "specialization": doctor.specialization}
    assert administrator.post(f"/admin/doctors/doctor/{doctor.pk}/change/", form).status_code == 302
    doctor.refresh_from_db()
    assert doctor.is_active is False
    assert AuditLog.objects.get(action="doctor.updated").details["new"] == {"is_active": False}


def test_autocomplete_offers_active_doctors_by_name_and_department(administrator):
    doctor = DoctorFactory(name="Dr Sena", department=DepartmentFactory(name="Cardiology"), specialization="Heart")
    DoctorFactory(name="Dr Senator", is_active=False)
    query = {"app_label": "appointments", "model_name": "appointment", "field_name": "doctor", "term": "sena cardio"}
    answer = administrator.get("/admin/autocomplete/", query).json()
    assert answer["results"] == [{"id": doctor.pk, "text": "Dr Sena, Heart, Cardiology"}]


def test_departments_without_a_site_can_be_filtered_by_a_word(administrator):
    DepartmentFactory(site="North")
    DepartmentFactory(site="")
    text = administrator.get("/admin/doctors/department/").content.decode()
    assert '<a href="?site=">No site</a>' in " ".join(text.split())
