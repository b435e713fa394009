"""Every address of the site, made from its URL conf: what is added there is walked without anybody's help."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from django.urls import Resolver404, URLResolver, get_resolver, resolve

from booking_site.testing.problems import NOWHERE

SAMPLES = (NOWHERE, "auth", "1", "x", "x-1")  # something of each kind that stands in addresses
PLACE = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")


def every_address() -> list[str]:
    """One for each pattern, answered by that very one. Fails when a pattern can be met by none."""
    return [_sample(route) for route in routes()]


def routes(patterns: Any = None, before: str = "") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def _sample(route: str) -> str:
    places = len(PLACE.findall(route))
    for values in product(SAMPLES, repeat=places):
        given = iter(values)
        address = "/" + PLACE.sub(lambda place: next(given), route)  # noqa: B023 - used up at once
        for end in (r"/?\Z", r"\Z", "$"):
            address = address.removesuffix(end)
        try:
            if resolve(address).route.replace("^", "") == route:
                return address
        except Resolver404:
            continue
    raise AssertionError(f"no address found for {route}")
