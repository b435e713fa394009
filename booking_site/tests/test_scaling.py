"""What docs/scaling.md says to set can be set, and its sums are right."""

import re

import pytest
from django.conf import settings

from booking_site.testing.clusters import Cluster, scratch

TEXT = (settings.BASE_DIR / "docs" / "scaling.md").read_text()
PROMOTION = "SELECT pg_promote()"  # of a standby only: see booking_site.testing.promotions


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def row(beginning: str) -> list[float]:
    """The numbers of a line of a table, the first of each cell."""
    [line] = [line for line in TEXT.splitlines() if line.startswith(f"| {beginning}")]
    return [float(re.search(r"[\d,.]*\d", cell)[0].replace(",", "")) for cell in line.strip("|").split("|")[1:]]


def test_its_settings_and_sql_are_taken():
    of_postgres = [block for block in blocks("ini") if "[pgbouncer]" not in block]
    given = [line.partition(" = ")[::2] for block in of_postgres for line in block.splitlines()]
    assert len(given) > 5
    with scratch() as folder:
        cluster = Cluster(folder / "one")
        cluster.start()
        try:
            for name, value in given:
                cluster.execute(f"ALTER SYSTEM SET {name} = {value}")
            for block in blocks("sql"):
                for statement in block.split(";"):
                    if statement.strip() not in ("", PROMOTION):
                        cluster.execute(statement)
        finally:
            cluster.kill()


def test_its_sums_are_right():
    doctors, a_day, requests = row("doctors, desks"), row("appointments a day"), row("requests a second at the peak")
    assert a_day == [number * 25 for number in doctors]
    assert requests == pytest.approx([number * 20 / 5 / 3600 for number in a_day], rel=0.15)
    assert row("bookings, moves and cancellations") == pytest.approx([each * 3 / 20 for each in requests], rel=0.15)


def test_its_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (settings.BASE_DIR / "docs" / link).exists()
    for name in re.findall(r"`((?:booking_site|bench)/[\w/]+\.py)`", TEXT):
        assert (settings.BASE_DIR / name).exists()
