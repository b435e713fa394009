"""Departments and doctors from files."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models

from booking_site.core.actor import Actor
from booking_site.core.models import default_time_zone
from booking_site.core.operations import save_record
from booking_site.importing.errors import ImportRefused, RowRejected
from booking_site.importing.profile import Table
from booking_site.importing.staging import Staging, execute
from booking_site.importing.target import Target, fields_of
from doctors.models import Department, Doctor

MOST_EXPERIENCE = 80  # years; the constraint doctor_experience_plausible


class DepartmentTarget(Target):
    """Known by their code or, where there is none, by their name."""

    entity = "departments"
    model = Department
    keys = ("code", "name")
    required = ("name",)
    unique = ("name",)
    fields = fields_of(Department, "code", "name", "site", "time_zone", "phone", "is_active")

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        if not values["name"].strip():
            raise RowRejected("name: is blank")
        return values


class DoctorTarget(Target):
    """Known by their code (``id``). The department is given by name or by code. Option ``new_departments``: those
    whose name is not known yet are opened, in the time zone that it gives."""

    entity = "doctors"
    model = Doctor
    keys = ("id",)
    required = ("name",)
    fields = {
        **fields_of(Doctor, "id", "name", "email", "phone", "specialization", "experience", "is_active"),
        "department": Department._meta.get_field("name"),
        "department_code": Department._meta.get_field("code"),
    }
    options = frozenset({"new_departments"})

    def __init__(self, table: Table, actor: Actor) -> None:
        super().__init__(table, actor)
        where = f"Profile {table.profile}, [{table.entity}]"
        given = [name for name in ("department", "department_code") if name in self.mapped]
        if len(given) != 1:
            raise ImportRefused(f"{where}: map department (its name) or department_code, one of them.")
        self.reference = given[0]
        self.new_departments: dict[str, Any] | None = table.options.get("new_departments")
        if self.new_departments is not None:
            if self.reference != "department":
                raise ImportRefused(f"{where}: new_departments needs their names, not their codes.")
            if not isinstance(self.new_departments, dict) or set(self.new_departments) - {"time_zone", "site"}:
                raise ImportRefused(f'{where}: new_departments is a table such as {{ time_zone = "Europe/Berlin" }}.')
            try:
                Department(name=where, **self.new_departments).clean_fields()
            except ValidationError as error:
                raise ImportRefused(f"{where}, new_departments: {' '.join(error.messages)}") from error

    def staged(self) -> dict[str, str]:
        return {**super().staged(), "department_id": "uuid"}

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        if not values["name"].strip():
            raise RowRejected("name: is blank")
        if values[self.reference] is None:
            raise RowRejected(f"{self.reference}: is blank")
        if (values.get("experience") or 0) > MOST_EXPERIENCE:
            raise RowRejected(f"experience: {values['experience']} years; at most {MOST_EXPERIENCE} are possible")
        return {**values, "department_id": None}

    def resolve(self, staging: Staging) -> None:
        self._find_departments()
        if self.new_departments is None:
            name = {"department": "is named", "department_code": "has the code"}[self.reference]
            staging.reject(
                "department_id IS NULL", f"'{self.reference}: no department {name} ' || import_rows.{self.reference}"
            )

    def _find_departments(self) -> None:
        column = {"department": "name", "department_code": "code"}[self.reference]
        execute(
            f"UPDATE import_rows SET department_id = known.id FROM departments AS known "
            f"WHERE row_outcome IS NULL AND department_id IS NULL AND known.{column} = import_rows.{self.reference}"
        )

    def stored(self) -> dict[str, tuple[str, str]]:
        return {**super().stored(), self.reference: ("department_id", "department_id")}

    def inserted(self, field: models.Field) -> str | None:
        return "department_id" if field.name == "department" else super().inserted(field)

    def write(self, staging: Staging) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT {self.reference} FROM import_rows "
                "WHERE row_outcome IS NULL AND department_id IS NULL ORDER BY 1"
            )
            missing = [name for (name,) in cursor]
        for name in missing:
            settings = {"time_zone": default_time_zone(), **(self.new_departments or {})}
            save_record(actor=self.actor, instance=Department(name=name, **settings))
        if missing:
            self._find_departments()
        return super().write(staging)
