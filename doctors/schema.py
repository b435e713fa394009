"""The calls about doctors, as the OpenAPI document shows them."""

from booking_site.api.problems import NOT_FOUND
from booking_site.api.schema import Call
from doctors.serializers import DoctorSerializer

DOCTOR = {
    "id": "DOC-0042",
    "name": "Dr. Zoë Ångström",
    "email": "zoe.angstrom@hospital.example",
    "phone": "+49 30 5550 142",
    "department": "Cardiology",
    "department_id": "0198c5f2-0a11-7b20-8c33-5d9e1f2a6b01",
    "time_zone": "Europe/Berlin",
    "specialization": "Electrophysiology",
    "experience": 17,
    "is_active": True,
    "created_at": "2030-01-07T08:00:00Z",
    "updated_at": "2030-01-07T08:00:00Z",
}
CALLS = {
    "list": Call(
        id="listDoctors",
        summary="Doctors, by name",
        description="With those who see no patients at present, unless `is_active=true`.",
        response=DoctorSerializer,
        answer=DOCTOR,
        many=True,
    ),
    "retrieve": Call(
        id="getDoctor",
        summary="One doctor",
        response=DoctorSerializer,
        answer=DOCTOR,
        takes=("IfNoneMatch",),
        gives=("ETag",),
        refusals=(NOT_FOUND,),
    ),
}
