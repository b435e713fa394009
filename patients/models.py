"""Patients, and how they are found."""

import re
from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Concat, Upper
from django.utils.translation import get_language_info, gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from booking_site.core.ids import uuid7
from booking_site.core.models import IdentifiedRecord
from booking_site.core.reach import Reach
from booking_site.core.scope import Scope
from booking_site.core.sql import DigitsOnly, Like, NameKeys, SearchFold, containing
from booking_site.core.validators import validate_birth_date, validate_name, validate_phone
from patients.exceptions import PatientErased, PatientMerged
from patients.lookalikes import unmixed
from patients.typed import without_titles

NATIONAL_DIGITS = 6  # of a number without its country code, at least: shorter ones are asked for as they are kept
LONG_AGO = "1850-01-01"  # nobody alive was born before; a typing error was


def phone_is(text: str) -> Q:
    """By the digits of a phone number. A leading 0 (trunk prefix) or 00 is no part of the international form, and a
    number kept in its national form is the end of the international one."""
    digits = re.sub(r"[^0-9]", "", text)
    if not digits:
        return Q(pk__in=[])
    found = Q(phone_digits__contains=digits.lstrip("0") or digits)
    if len(digits) > NATIONAL_DIGITS:
        national = Func(F("phone_digits"), Value("0"), function="ltrim", output_field=models.TextField())
        is_its_end = Like(Value(digits), Concat(Value("%"), national, output_field=models.TextField()))
        found |= Q(phone_digits__contains=digits[-NATIONAL_DIGITS:]) & Q(is_its_end)  # the first uses the index
    return found


class PatientQuerySet(models.QuerySet["Patient"]):
    def search(self, text: str) -> "PatientQuerySet":
        """Patients that match every word of ``text`` but titles: names in any order, with or without accents; e-mail;
        record number; or, when it is all digits and punctuation, a phone number in any format. The record number of one
        that has been merged also finds the one it was merged into."""
        if not text.strip():
            return self
        merged = Patient.objects.filter(mrn=text.strip(), merged_into__isnull=False)
        found = self._matching(text) | self.filter(pk=models.Subquery(merged.values("merged_into")))
        return found if (alike := unmixed(text)) == text else found | self._matching(alike)

    def _matching(self, text: str) -> "PatientQuerySet":
        if re.fullmatch(r"[0-9+()./\-\s]+", text) and len(re.sub(r"[^0-9]", "", text)) >= 3:
            return self.filter(phone_is(text) | Q(mrn__istartswith=text.strip()))
        found = self
        for word in without_titles(text).split()[:8]:
            found = containing(found, F("search_text"), word)
        return found

    def by_phone(self, text: str) -> "PatientQuerySet":
        return self.filter(phone_is(text))

    def active(self) -> "PatientQuerySet":
        return self.filter(is_active=True)

    def seen_by(self, scope: Scope) -> "PatientQuerySet":
        """Reception sees the patients of the whole hospital; a clinician those who have had an appointment with them,
        or have one."""
        if not scope.is_own_only:
            return self
        return self.filter(pk__in=Patient.objects.filter(appointments__doctor=scope.doctor).order_by().values("pk"))

    def within(self, reach: Reach) -> "PatientQuerySet":
        """Those whom a caller of the API may see and change. Of a record that has been merged, ask by the one that
        answers for it.

        An app that acts for a patient: that patient. One that acts for a person: those whom the person sees in the
        console. A client that is limited to departments: those who have or have had an appointment there, whatever
        became of it, and those whom it has registered itself; no others, so it registers before it books.
        """
        if reach.is_every_patient:
            return self
        if reach.patient is not None:
            return self.filter(pk=reach.patient)
        if reach.person.is_nothing:
            return self.none()
        found = self.seen_by(reach.person)
        return found if reach.client.everything else found.filter(pk__in=_known_to(reach))

    def surviving(self) -> "PatientQuerySet":
        """Without the records that have been merged into others, and without those that have been erased."""
        return self.filter(merged_into__isnull=True, erased_at__isnull=True)


def full_name(first_name: str, last_name: str) -> str:
    """What somebody is called. Only the erased have no name."""
    return f"{first_name} {last_name}".strip() or gettext("Erased patient")


def _known_to(reach: Reach) -> models.QuerySet:
    """See ``within``. One list of keys: PostgreSQL reads it whole for a list of patients, and looks up a single patient
    by that key alone."""
    visited = Patient.objects.order_by().filter(appointments__department__in=reach.client.departments)
    registered = Patient.objects.order_by().filter(registrations__client=reach.registrar)
    return visited.values("pk").union(registered.values(key=Coalesce("merged_into_id", "id")))


ANSWERING = "SELECT coalesce(merged_into_id, id) FROM patients WHERE id = %s"


def answering(pk: Any) -> RawSQL:
    """For conditions on a patient's key: that of the record which answers for this one, which is another one when this
    one has been merged."""
    return RawSQL(ANSWERING, [pk], models.UUIDField())  # noqa: S611  # nosec B611 - a fixed text with a parameter


class ErasureReason(models.TextChoices):
    """Why a record was erased. A choice and no text: nobody writes down a name while a name is being forgotten."""

    REQUEST = "request", _("The person has asked for it")
    RETENTION = "retention", _("The time that records are kept is over")
    MISTAKE = "mistake", _("The record was made by mistake")


# What tells who somebody is, with the value that each field has once the record has been erased.
PERSONAL: dict[str, Any] = {
    **dict.fromkeys(["first_name", "last_name", "email", "phone", "insurance_provider", "insurance_id"], ""),
    **dict.fromkeys(["preferred_language", "notes"], ""),
    **dict.fromkeys(["dob", "mrn"]),
    **dict.fromkeys(["remind_by_email", "remind_by_sms", "remind_by_phone", "is_active"], False),
}


class Patient(IdentifiedRecord):
    """A person who is, was or will be seen. Names are kept exactly as given, in any script.

    One of the two names may be empty (people with a single name), not both. ``dob`` is empty only where the
    source of an import does not tell. An erased record is nobody's any more: what is left of it counts appointments.
    """

    of_patient = "id"  # see core.shown

    first_name = models.CharField(_("first name"), max_length=200, blank=True)
    last_name = models.CharField(_("last name"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=60, blank=True, validators=[validate_phone])
    dob = models.DateField(_("date of birth"), null=True, blank=True, validators=[validate_birth_date])
    insurance_provider = models.CharField(_("insurance provider"), max_length=200, blank=True)
    insurance_id = models.CharField(_("insurance number"), max_length=100, blank=True)
    mrn = models.CharField(
        _("record number"), max_length=64, null=True, blank=True, help_text=_("The hospital's number of the record.")
    )
    preferred_language = models.CharField(_("preferred language"), max_length=35, blank=True)  # BCP 47
    remind_by_email = models.BooleanField(_("may be reminded by e-mail"), default=False)
    remind_by_sms = models.BooleanField(_("may be reminded by SMS"), default=False)
    remind_by_phone = models.BooleanField(_("may be reminded by phone"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    notes = models.TextField(
        _("notes"), blank=True, max_length=4000, default="", db_default="", help_text=_("For reception only.")
    )
    # The record that this one turned out to be a duplicate of, and which answers for it. Never one that is itself
    # merged: a trigger (migration 0002) sees to it.
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="duplicates",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("merged into"),
        db_index=False,
    )
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True, editable=False)
    erased_because = models.CharField(
        _("erased because"),
        max_length=12,
        choices=ErasureReason,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )

    search_text = models.GeneratedField(
        expression=SearchFold(
            Concat(
                F("first_name"),
                Value(" "),
                F("last_name"),
                Value(" "),
                F("email"),
                Value(" "),
                Coalesce(F("mrn"), Value("")),
                output_field=models.TextField(),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    phone_digits = models.GeneratedField(
        expression=DigitsOnly(F("phone")), output_field=models.TextField(), db_persist=True
    )

    consent_source = ""  # no column: how the consents that are about to be saved were given (see ``consents``)

    objects = PatientQuerySet.as_manager()

    class Meta:
        db_table = "patients"
        ordering = ["last_name", "first_name", "id"]
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        indexes = [
            models.Index(fields=["last_name", "first_name", "id"], name="idx_patient_name"),
            models.Index(Upper("email"), name="idx_patient_email"),
            models.Index(fields=["dob"], name="idx_patient_dob"),
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="idx_patient_search"),
            GinIndex(OpClass(F("phone_digits"), name="gin_trgm_ops"), name="idx_patient_phone"),
            models.Index(
                fields=["merged_into"], name="idx_patient_merged_into", condition=Q(merged_into__isnull=False)
            ),
            models.Index(OpClass(Upper("mrn"), name="text_pattern_ops"), name="idx_patient_mrn"),  # by its beginning
            GinIndex(NameKeys("first_name", "last_name"), name="idx_patient_name_keys", gin_pending_list_limit=256),
        ]
        constraints = [
            models.CheckConstraint(
                name="patient_name_present",
                condition=Q(first_name__regex=r"\S") | Q(last_name__regex=r"\S") | Q(erased_at__isnull=False),
                violation_error_code="required",
                violation_error_message=_("A patient needs a first name or a last name."),
            ),
            models.UniqueConstraint(
                fields=["mrn"],
                name="patient_mrn_unique",
                violation_error_code="duplicate_mrn",
                violation_error_message=_("Another patient has this record number."),
            ),
            models.CheckConstraint(
                name="patient_dob_plausible",
                condition=Q(dob__isnull=True) | Q(dob__gte=LONG_AGO),
                violation_error_code="implausible",
                violation_error_message=_("A date of birth cannot lie before 1850."),
            ),
            models.CheckConstraint(
                name="patient_not_into_itself",
                condition=~Q(merged_into=F("id")),
                violation_error_code="merged_into_itself",
                violation_error_message=_("A record cannot be merged into itself."),
            ),
            models.CheckConstraint(
                name="patient_merged_is_closed",
                condition=Q(merged_into__isnull=True) | Q(is_active=False),
                violation_error_code="patient_merged",
                violation_error_message=_("This record has been merged into another one and stays closed."),
            ),
            models.CheckConstraint(
                name="patient_erased_is_empty",
                condition=Q(erased_at__isnull=True, erased_because="")
                | Q(
                    erased_at__isnull=False,
                    erased_because__in=ErasureReason.values,
                    **{f"{name}__isnull": True for name, value in PERSONAL.items() if value is None},
                    **{name: value for name, value in PERSONAL.items() if value is not None},
                ),
                violation_error_code="patient_erased",
                violation_error_message=_("This record has been erased and stays empty."),
            ),
        ]
        permissions = [
            ("merge_patient", gettext_noop("Can merge duplicate records of a patient")),
            ("export_patient", gettext_noop("Can export all that is kept on a patient")),
            ("erase_patient", gettext_noop("Can erase what is kept on a patient")),
        ]

    def __str__(self) -> str:
        return full_name(self.first_name, self.last_name)

    @property
    def language(self) -> str:
        """The preferred language by its name; with its code where the name does not tell all of it (``Portuguese
        (pt-PT)``), by its code alone where there is no name."""
        code = self.preferred_language
        try:
            info = get_language_info(code.lower())
        except KeyError:
            return code
        name = str(info["name_translated"])
        return name if info["code"] == code.lower() else f"{name} ({code})"

    def clean(self) -> None:
        super().clean()
        wrong = {}
        for name in ("first_name", "last_name"):
            try:
                validate_name(getattr(self, name))
            except ValidationError as error:
                wrong[name] = error
        if wrong:
            raise ValidationError(wrong)

    def check_changeable(self) -> None:
        if self.erased_at is not None:
            raise PatientErased(self.pk)
        if self.merged_into_id is not None:
            raise PatientMerged(self.pk, self.merged_into_id)


class Channel(models.TextChoices):
    """The ways of reaching somebody that need their consent; each is a field ``remind_by_<channel>`` of the patient."""

    EMAIL = "email", _("e-mail")
    SMS = "sms", _("SMS")
    PHONE = "phone", _("phone")


class ConsentSource(models.TextChoices):
    """How somebody said it."""

    DESK = "desk", _("at the desk")
    PHONE = "phone", _("on the phone")
    WRITING = "writing", _("in writing")
    APP = "app", _("in an app")
    FILE = "file", _("in the file of another system")
    MERGE = "merge", _("in another record of the same person")
    UNKNOWN = "unknown", _("not recorded")


class PatientConsent(models.Model):
    """That a consent was given or withdrawn: when, how, and who wrote it down.

    A trigger (migration 0006) adds a row whenever a field ``remind_by_...`` changes, however that is written;
    ``patients.consents`` then says how and by whom. The newest row of a channel is what the patient's field says.
    """

    id = models.BigAutoField(primary_key=True)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents", db_index=False)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    is_given = models.BooleanField(_("given"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=TransactionNow())
    recorded_by = models.CharField(_("recorded by"), max_length=200, blank=True, default="", db_default="")
    source = models.CharField(
        _("how"), max_length=8, choices=ConsentSource, default=ConsentSource.UNKNOWN, db_default="unknown"
    )

    class Meta:
        db_table = "patient_consents"
        ordering = ["-id"]
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        default_permissions = ()
        indexes = [models.Index(fields=["patient", "channel", "-id"], name="idx_consent_patient")]
        constraints = [
            models.CheckConstraint(
                name="consent_channel_known",
                condition=Q(channel__in=Channel.values),
                violation_error_code="invalid_channel",
            ),
            models.CheckConstraint(
                name="consent_source_known",
                condition=Q(source__in=ConsentSource.values),
                violation_error_code="invalid_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {'given' if self.is_given else 'withdrawn'}"


class PatientMerge(models.Model):
    """Two records of one person made one: what is needed to take it back. Written by ``appointments.merging``.

    ``moved``: ids of the appointments that went from the duplicate to the survivor. ``repointed``: ids of the records
    that had been merged into the duplicate before and follow it. ``changed``: for each of the two what it was and what
    it became, ``{"survivor": {field: [before, after]}, "duplicate": {...}}``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    survivor = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges", db_index=False)
    duplicate = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", db_index=False)
    merged_at = models.DateTimeField(_("merged at"), auto_now_add=True)
    merged_by = models.CharField(_("merged by"), max_length=200)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=200, blank=True, default="")
    moved = models.JSONField(default=list)
    repointed = models.JSONField(default=list)
    changed = models.JSONField(default=dict)

    class Meta:
        db_table = "patient_merges"
        ordering = ["-merged_at", "-id"]
        verbose_name = _("merge of records")
        verbose_name_plural = _("merges of records")
        default_permissions = ()
        indexes = [
            models.Index(fields=["survivor", "merged_at"], name="idx_merge_survivor"),
            models.Index(fields=["duplicate", "merged_at"], name="idx_merge_duplicate"),
        ]
        constraints = [
            models.CheckConstraint(
                name="merge_of_two",
                condition=~Q(survivor=F("duplicate")),
                violation_error_code="merged_into_itself",
                violation_error_message=_("A record cannot be merged into itself."),
            ),
            models.UniqueConstraint(
                fields=["duplicate"],
                name="merge_once",
                condition=Q(undone_at__isnull=True),
                violation_error_code="patient_merged",
                violation_error_message=_("This record has been merged into another one already."),
            ),
            models.CheckConstraint(
                name="merge_undone_by_somebody",
                condition=Q(undone_at__isnull=True, undone_by="") | (Q(undone_at__isnull=False) & ~Q(undone_by="")),
                violation_error_code="undone_by_missing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.duplicate_id} -> {self.survivor_id}"
