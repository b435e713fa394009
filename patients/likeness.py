"""How alike names and numbers are: what it takes to make the one that was typed of the one that is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from rapidfuzz.distance import OSA

MISSED = 9.0  # the cost of a word that is like none of the name
BEGINNING, SOUND = 0.2, 0.9  # of a word that begins the other, of one that sounds the same
TWICE = 0.5  # for a word of the name that two typed words are meant to be
SAME_NUMBER = 0.1  # the most that another way to write the same phone number costs
WRONG = 4.0  # the cost of a date, number or address that is not the patient's
SUBSCRIBER = 7  # last digits of a phone number that all ways to write it share, in any country


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word, and how it sounds."""

    text: str
    sound: str


def names_cost(typed: Sequence[Word], joined: Sequence[Word], kept: Sequence[Word]) -> tuple[float, int]:
    """The cost of all typed words together, and how many of them are missed.

    From 0 (the word itself) over its beginning and its sound to some mistakes, more of them in longer words.
    ``joined``: each typed word with the next as one, so that ``joined[n]`` covers the words n and n + 1.
    """
    costs, taken = [], set()
    for word in typed:
        cost, place = min(((_cost(word, one), place) for place, one in enumerate(kept)), default=(MISSED, 0))
        costs.append(cost + (TWICE if place in taken and cost < MISSED else 0))
        taken.add(place)
    for place, word in enumerate(joined):
        cost = min((_cost(word, one) for one in kept), default=MISSED)
        costs[place] = min(costs[place], cost)
        costs[place + 1] = min(costs[place + 1], cost)
    return sum(costs), sum(cost >= MISSED for cost in costs)


def _cost(typed: Word, kept: Word) -> float:
    if typed.text == kept.text:
        return 0
    if kept.text.startswith(typed.text):
        return BEGINNING
    most = _mistakes_forgiven(typed.text)
    mistakes: float = OSA.distance(typed.text, kept.text, score_cutoff=most)
    if typed.sound and typed.sound == kept.sound:
        return SOUND + 0.02 * mistakes
    mistakes_heard = min(
        OSA.distance(typed.sound, kept.sound, score_cutoff=most),
        OSA.distance(typed.text, kept.text[: len(typed.text)], score_cutoff=most),  # not yet typed to its end
    )
    mistakes = min(mistakes, mistakes_heard + 0.5)
    return mistakes if mistakes <= most + 0.5 else MISSED


def _mistakes_forgiven(word: str) -> int:
    return 0 if len(word) < 3 else 1 if len(word) < 5 else 2 if len(word) < 9 else 3


def digits_of(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def phone_cost(typed: str, kept: str) -> float:
    """``SAME_NUMBER`` at most for one number, however it is written; less than ``WRONG`` for a part or the same end."""
    asked, kept = digits_of(typed).lstrip("0"), digits_of(kept).lstrip("0")
    if not asked or not kept:
        return WRONG
    if asked == kept:
        return 0
    if min(len(asked), len(kept)) >= SUBSCRIBER and (asked.endswith(kept) or kept.endswith(asked)):
        return SAME_NUMBER
    if asked in kept:
        return 0.5
    ends = zip(reversed(asked), reversed(kept), strict=False)
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], ends)))
    return WRONG - 0.2 * same if same >= SUBSCRIBER else WRONG
