import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from booking_site.core.errors import DomainError
from booking_site.demo.absence import call_in_sick
from booking_site.demo.build import build
from booking_site.demo.hospital import SIZES


class Command(BaseCommand):
    help = "Load the fictional demo hospital into an empty database, with a past, a present and a future."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", choices=SIZES, default="small", help="small (the default), hospital or city")
        parser.add_argument("--seed", type=int, default=1, help="another number gives another hospital")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        with tqdm(desc="Slots", unit=" slots", unit_scale=True, delay=2, disable=None, leave=False) as bar:

            def begin(slots: int) -> None:
                bar.total = slots

            try:
                built = build(
                    size=SIZES[options["size"]],
                    seed=options["seed"],
                    now=timezone.now(),
                    begin=begin,
                    advance=bar.update,
                )
                call_in_sick()
            except DomainError as error:
                raise CommandError(error.detail) from error
        seconds = time.monotonic() - began
        self.stdout.write(
            f"Demo hospital ({options['size']}): {built.departments} departments, {built.doctors} doctors, "
            f"{built.patients:,} patients, {built.slots:,} slots, {built.appointments:,} appointments, "
            f"in {seconds:.1f} s."
        )
