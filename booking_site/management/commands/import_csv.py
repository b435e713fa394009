import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from appointments.importing import AppointmentTarget
from booking_site.core.actor import command
from booking_site.core.errors import DomainError
from booking_site.importing.profile import available
from booking_site.importing.run import Report, import_file
from doctors.importing import DepartmentTarget, DoctorTarget
from patients.importing import PatientTarget

TARGETS = {target.entity: target for target in (DepartmentTarget, DoctorTarget, PatientTarget, AppointmentTarget)}
WORDS = {"created": "created", "there": "already there", "repeated": "repeated in the file", "rejected": "rejected"}


class Command(BaseCommand):
    help = (
        "Import a CSV file (plain or .gz). Everything is written in one transaction, or nothing. Running it twice "
        "changes nothing; records that are there are never overwritten. See docs/importing.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("entity", choices=TARGETS)
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--profile", required=True, help=f"{', '.join(available())}, or the path of a .toml file of your own"
        )
        parser.add_argument("--dry-run", action="store_true", help="do everything, report it, and take it back")
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE", help="write every rejected row and why to this file"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        size = path.stat().st_size if path.is_file() else 0
        with tqdm(
            total=size, unit="B", unit_scale=True, desc=options["entity"], file=sys.stderr, disable=None, leave=False
        ) as bar:
            try:
                report = import_file(
                    actor=command("import_csv"),
                    kind=TARGETS[options["entity"]],
                    path=path,
                    profile_name=options["profile"],
                    rejects=options["rejects"],
                    show=lambda text: self.stderr.write(self.style.WARNING(text)),
                    advance=bar.update,
                    dry_run=options["dry_run"],
                )
            except DomainError as error:
                raise CommandError(f"{error.detail} Nothing was imported.") from error
            except KeyboardInterrupt as error:
                raise CommandError("Interrupted. Nothing was imported.") from error
        self._print(report, options)

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        verb = "Dry run, nothing was kept" if options["dry_run"] else "Imported"
        self.stdout.write(f"{verb}: {options['entity']} from {options['file'].name}, profile {options['profile']}")
        for label, count in [("read", report.read), *((WORDS[name], count) for name, count in report.counts.items())]:
            self.stdout.write(f"  {label:<22}{count:>12,}")
        if report.blank_lines:
            self.stdout.write(f"Blank lines: {report.blank_lines:,}")
        if report.counts["rejected"] and options["rejects"]:
            self.stdout.write(f"Rejected rows, with reasons: {options['rejects']}")
        if report.unused:
            self.stdout.write(f"Columns that this import does not use: {', '.join(report.unused)}")
