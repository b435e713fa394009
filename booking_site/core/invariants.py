"""A rule that no single constraint can hold, as a query that finds what breaks it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """``query`` selects one text for each row that breaks the rule."""

    name: str
    rule: str
    query: str
