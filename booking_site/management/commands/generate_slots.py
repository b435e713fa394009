from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from booking_site.core.actor import command
from booking_site.core.errors import DomainError
from doctors.filters import departments_named
from doctors.models import Doctor
from scheduling import planning
from scheduling.generation import Difference


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"“{text}” is no date; write it such as 2027-06-30") from error


class Command(BaseCommand):
    help = (
        "Make the slots of all doctors agree with their schedules and the closures, from now up to a date. Run it "
        "daily: it adds the days that have come within the horizon, and changes nothing else when nothing changed. "
        "Booked patients keep their appointments; those that need a new time are marked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--doctor", metavar="CODE", help="this doctor only")
        parser.add_argument("--department", metavar="NAME", help="only doctors with a schedule there (name or id)")
        parser.add_argument(
            "--until", type=_date, metavar="DATE", help="such as 2027-06-30; default: HORIZON_DAYS ahead"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        until = options["until"] or planning.horizon()
        if until < timezone.now().date():
            raise CommandError(f"--until {until} is over: slots are made from now on.")
        if until > planning.furthest():
            raise CommandError(
                f"--until is at most {planning.furthest()}: seats are made for so long ahead, and no more."
            )
        codes = planning.doctors_with_schedules(
            doctor=self._doctor(options["doctor"]), department=self._department(options["department"])
        )
        total, refused = Difference(), 0
        with tqdm(codes, desc="Doctors", unit=" doctors", disable=None, leave=False) as bar:
            for code in bar:
                try:
                    if options["dry_run"]:
                        total += planning.preview_generation(doctor_id=code, until=until)
                    else:
                        total += planning.generate(actor=command("generate_slots"), doctor_id=code, until=until)
                except DomainError as error:
                    refused += 1
                    self.stderr.write(f"{code}: {error.detail}")
        counts = total.counts
        verb = "Dry run, nothing was changed" if options["dry_run"] else "Slots"
        self.stdout.write(
            f"{verb}: {len(codes)} doctors up to {until}: {counts['added']:,} added, {counts['withdrawn']:,} "
            f"withdrawn, {counts['affected']:,} appointments need a new time, {counts['restored']:,} no longer do."
        )
        if refused:
            raise CommandError(f"{refused} doctors were left as they were. Run it again.")

    def _doctor(self, code: str | None) -> str | None:
        if code is not None and not Doctor.objects.filter(pk=code).exists():
            raise CommandError(f"There is no doctor with the code {code}.")
        return code

    def _department(self, name: str | None) -> Any:
        if name is None:
            return None
        found = departments_named(name)
        if not found:
            raise CommandError(f"There is no department called {name}.")
        return found[0]
