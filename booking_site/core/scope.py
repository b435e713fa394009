"""What of the hospital a member of staff may see: all of it, the departments they belong to, or their own patients.

Permissions say what somebody may do; the scope says with which rows. Who has no ``doctors.StaffProfile`` belongs to no
department yet, and sees no rows.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from booking_site.core.sql import compiled

APPS_OF_DEPARTMENTS = ("appointments", "doctors", "patients", "scheduling")
NO_PLACE = _("You do not belong to any department yet. Ask an administrator.")


@dataclass(frozen=True, slots=True)
class Scope:
    """``departments``: whose rows are seen. ``doctor``: the code of the doctor that the person is, whose own rows are
    seen, whatever the department; empty for none. ``everything``: no limit."""

    everything: bool = False
    departments: frozenset[uuid.UUID] = frozenset()
    doctor: str = ""

    def q(self, department: str = "department", doctor: str = "doctor") -> Q:
        """The condition on rows with these (paths to) foreign keys."""
        if self.everything:
            return Q()
        own = Q(**{doctor: self.doctor}) if self.doctor else Q()
        theirs = Q(**{f"{department}__in": self.departments}) if self.departments else Q()
        return own | theirs or Q(pk__in=[])

    def allows(self, *, department_id: uuid.UUID | None, doctor_id: str) -> bool:
        """The same of one row; without a department and a doctor, of one of the whole hospital."""
        return self.everything or department_id in self.departments or (bool(self.doctor) and doctor_id == self.doctor)

    @property
    def is_nothing(self) -> bool:
        """Who belongs nowhere yet."""
        return not (self.everything or self.departments or self.doctor)

    @property
    def is_own_only(self) -> bool:
        """A clinician, who sees their own day and nobody else's."""
        return bool(self.doctor) and not self.everything and not self.departments


def scope_of(user: Any) -> Scope:
    """One query, once for each user object (that is, request)."""
    if (known := getattr(user, "_scope", None)) is not None:
        return known
    scope = _scope_of(user)
    user._scope = scope
    return scope


def is_without_place(user: Any) -> bool:
    """Who has work to do in departments, and belongs to none yet. (An auditor needs none.)"""
    return scope_of(user).is_nothing and any(user.has_module_perms(app) for app in APPS_OF_DEPARTMENTS)


def _scope_of(user: Any) -> Scope:
    if not user.is_active:
        return Scope()
    if user.has_perm("doctors.oversee_department"):
        return Scope(everything=True)
    places = _places_of(user.pk)
    if not places:
        return Scope()
    sees_all, doctor, _department = places[0]
    if sees_all:
        return Scope(everything=True)
    return Scope(departments=frozenset(key for _all, _doctor, key in places if key), doctor=doctor or "")


@compiled
def _places_of(user: int) -> QuerySet:
    """A row for each department."""
    profiles = get_user_model()._default_manager.filter(pk=user, staff_profile__isnull=False)
    return profiles.values_list(*(f"staff_profile__{name}" for name in ("all_departments", "doctor", "departments")))
