"""Validators of single values, shared by models, serializers, the console and imports."""

import zoneinfo
from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# The digits of E.164 (15 at most) and an extension, with whatever people put between them. Kept as typed.
validate_phone = RegexValidator(
    r"\A\+?[0-9 ()./\-]{3,40}(?:(?:x|ext\.?) ?[0-9]{1,6})?\Z",
    message=_("Enter a phone number: digits, spaces and + ( ) - . / only."),
    code="invalid_phone",
)
EARLIEST_BIRTH = date(1850, 1, 1)  # nobody alive was born before; a typing error was


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is no IANA time zone. Use a name such as Europe/Berlin."),
            code="invalid_time_zone",
            params={"name": name},
        )


def validate_birth_date(value: date) -> None:
    if value < EARLIEST_BIRTH:
        raise ValidationError(_("A date of birth cannot lie before 1850."), code="implausible")
    # "Today" begins 14 hours earlier in the Pacific than in UTC: nobody is refused for being born there.
    if value > (timezone.now() + timedelta(hours=14)).date():
        raise ValidationError(_("A date of birth cannot lie in the future."), code="future")
