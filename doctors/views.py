from typing import Any

from booking_site.api.schema import documented
from booking_site.api.viewsets import RowViewSet
from booking_site.replica import lists_may_be_stale
from doctors.filters import DoctorFilter
from doctors.models import CODE_PATTERN, Doctor
from doctors.schema import CALLS
from doctors.serializers import DoctorSerializer


@lists_may_be_stale
@documented("Doctors", CALLS)
class DoctorViewSet(RowViewSet):
    queryset = Doctor.objects.all()
    serializer_class = DoctorSerializer
    filterset_class = DoctorFilter
    lookup_value_regex = CODE_PATTERN
    scopes = {"list": "doctors:read", "retrieve": "doctors:read"}

    def within(self, rows: Any) -> Any:
        return rows.within(self.reach)
