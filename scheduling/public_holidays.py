"""Public holidays of countries and their regions, from the library ``holidays``. It is imported when first asked."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from doctors.models import Department

YEARS = 3  # this one and the next: no seats are made further ahead


@dataclass(frozen=True, slots=True)
class Holiday:
    """``category``: of the library's, such as public, optional, school. A day in several is public if one is."""

    day: date
    name: str
    category: str


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """Code (ISO 3166-1): name, in the order of names."""
    import holidays
    from holidays.registry import COUNTRIES

    words = {entry[1]: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", entry[0]) for entry in COUNTRIES.values()}
    codes = holidays.list_supported_countries(include_aliases=False)
    return dict(sorted(((code, words.get(code, code)) for code in codes), key=lambda pair: pair[1]))


@lru_cache(maxsize=256)
def regions(country: str) -> dict[str, str]:
    """Code of a country's region: its name. Raises KeyError for an unknown country."""
    import holidays

    codes = holidays.list_supported_countries(include_aliases=False)[country]
    names = holidays.country_holidays(country).get_subdivision_aliases() if codes else {}
    found = {code: next(iter(names.get(code) or []), code) for code in codes}
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


@lru_cache(maxsize=256)
def days(country: str, region: str, year: int) -> tuple[Holiday, ...]:
    """The holidays of a year in order, named in the country's own language; of a region, or (empty) of all regions."""
    import holidays

    own = holidays.country_holidays(country)
    found: dict[date, Holiday] = {}
    for category in sorted(own.supported_categories, key=lambda name: name != "public"):
        listed = holidays.country_holidays(
            country, subdiv=region or None, years=year, categories=(category,), language=own.default_language
        )
        for day, name in listed.items():
            if day.year == year:
                found.setdefault(day, Holiday(day, name, category))
    return tuple(found[day] for day in sorted(found))


def source_of(country: str, region: str, department: Department | None) -> str:
    """The source of closures loaded from this list: ``holidays:BR-ES``. A day is loaded once for each source, so each
    department has one of its own: ``holidays:BR-ES/`` and the (random) end of its key."""
    place = f"{country}-{region}" if region else country
    return f"holidays:{place}" + (f"/{department.pk.hex[-10:]}" if department else "")
