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
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # Unicode's bidirectional controls
EARLIEST_BIRTH = date(1850, 1, 1)  # nobody alive was born before; a typing error was


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is no IANA time zone. Use a name such as Europe/Berlin."),
            code="invalid_time_zone",
            params={"name": name},
        )


def validate_name(text: str) -> None:
    """Joiners and marks stay: Persian and Indic names need them. What turns the order of letters around makes one name
    look like another, and everything behind it too."""
    if TURNING & set(text):
        raise ValidationError(
            _("The name holds invisible characters that turn the order of letters around. Type it again without them."),
            code="turns_letters_around",
        )


def validate_birth_date(value: date) -> None:
    if value < EARLIEST_BIRTH:
        raise ValidationError(_("A date of birth cannot lie before 1850."), code="implausible")
    # "Today" begins 14 hours earlier in the Pacific than in UTC: nobody is refused for being born there.
    if value > (timezone.now() + timedelta(hours=14)).date():
        raise ValidationError(_("A date of birth cannot lie in the future."), code="future")
