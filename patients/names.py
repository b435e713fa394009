"""Names as the index of patients knows them: folded words, the words side by side as one, and how they sound.

The rules are functions of the database (migration 0004), so that what is asked is folded as what is kept.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BooleanField, F, Func, TextField, Value

from booking_site.core.sql import NameKeys
from patients.likeness import Word

Lexemes = Callable[[Word], Iterable[str]]  # what to look for, for a word


class Matches(Func):
    """Patients whose name has the keys of a tsquery."""

    template = "(%(expressions)s::tsquery)"
    arg_joiner = " @@ "
    conditional = True
    output_field = BooleanField()

    def __init__(self, tsquery: str) -> None:
        super().__init__(NameKeys("first_name", "last_name"), Value(tsquery))


class Spellings(Func):
    """The words of a name and those of them that stand side by side as one."""

    function = "name_spellings"
    template = "%(function)s(name_words(%(expressions)s))"
    output_field = ArrayField(TextField())


class Sounds(Func):
    """How each of these sounds, in the same order."""

    template = "ARRAY(SELECT name_sound(word) FROM unnest(name_spellings(name_words(%(expressions)s))) AS word)"
    output_field = ArrayField(TextField())


# The columns with which a queryset of patients gives the words of their names, and how they sound.
KEPT_AS_WRITTEN = {"first_words": Spellings(F("first_name")), "last_words": Spellings(F("last_name"))}
KEPT = KEPT_AS_WRITTEN | {"first_sounds": Sounds(F("first_name")), "last_sounds": Sounds(F("last_name"))}


def kept_words(row: dict[str, list[str]]) -> tuple[list[Word], list[Word]]:
    """The words of the first and of the last name of a row with the columns ``KEPT``; without those of the sounds, all
    sound like nothing."""
    first, last = row["first_words"], row["last_words"]
    return (
        [Word(*pair) for pair in zip(first, row.get("first_sounds", [""] * len(first)), strict=True)],
        [Word(*pair) for pair in zip(last, row.get("last_sounds", [""] * len(last)), strict=True)],
    )


def as_one(first: Sequence[Word], last: Sequence[Word]) -> list[Word]:
    """Both names as one word, in either order: as they are written in scripts without spaces."""
    if not first or not last:
        return []
    return [Word(first[-1].text + last[-1].text, ""), Word(last[-1].text + first[-1].text, "")]


@dataclass(frozen=True)
class TypedName:
    """``words``, folded, and ``joined``: each with the next as one, so that ``joined[n]`` stands for the words n and
    n + 1."""

    words: tuple[Word, ...]
    joined: tuple[Word, ...]
    near_keys: dict[str, list[str]]

    @classmethod
    def of(cls, *texts: str) -> "TypedName":
        """The words of all texts, one after the other. Texts must be storable: no NUL, no lone surrogates."""
        with connection.cursor() as cursor:
            cursor.execute(
                "WITH typed AS (SELECT name_words(%s) AS words), spelt AS (SELECT word, place "
                "FROM typed, unnest(words || ARRAY(SELECT words[n] || words[n + 1] "
                "FROM generate_series(1, cardinality(words) - 1) AS n)) WITH ORDINALITY AS spelt (word, place)) "
                "SELECT word, name_sound(word), name_near(name_sound(word)) || name_near(name_heard(word)) "
                "FROM spelt ORDER BY place",
                [" ".join(texts)],
            )
            rows = cursor.fetchall()
        words = [Word(word, sound) for word, sound, _ in rows]
        many = (len(words) + 1) // 2
        return cls(tuple(words[:many]), tuple(words[many:]), {word: near for word, _, near in rows})

    def __bool__(self) -> bool:
        return bool(self.words)

    @cached_property
    def exact(self) -> list[str]:
        """For each word a tsquery: the word itself."""
        return self._ways(lambda word: [quoted(word.text)])

    @cached_property
    def begun(self) -> list[str]:
        """The words, and longer ones that begin so."""
        return self._ways(_beginning)

    @cached_property
    def heard(self) -> list[str]:
        """Words that sound the same, too."""
        return self._ways(_beginning, lambda word: [f"~{word.sound[:7]}"])

    @cached_property
    def near(self) -> list[str]:
        """Words nearly the same, too."""
        return self._ways(_beginning, lambda word: self.near_keys[word.text])

    def _ways(self, lexemes: Lexemes, keys: Lexemes | None = None) -> list[str]:
        """For each word a tsquery of all that may stand for it. Written as one with its neighbour it has no keys of
        things nearly the same: its first letters are those of the neighbour, and so everybody of that name has them."""
        ways = []
        for place, word in enumerate(self.words):
            spelt = [word, *self.joined[max(place - 1, 0) : place + 1]]
            either = [lexeme for one in spelt for lexeme in lexemes(one)]
            if keys is not None and len(word.text) > 2:
                either += map(quoted, keys(word))
            ways.append("(" + "|".join(either) + ")")
        return ways


def _beginning(word: Word) -> list[str]:
    return [f"{quoted(word.text)}:*"]


def all_of(ways: Sequence[str]) -> Matches:
    return Matches("&".join(ways))


def any_of(ways: Sequence[str]) -> Matches:
    return Matches("|".join(ways))


def one_of_each(ways: Sequence[str], others: Sequence[str]) -> Matches:
    """All of the ``others``, but for one of them its way among ``ways``."""
    return Matches("|".join("&".join([*others[:n], way, *others[n + 1 :]]) for n, way in enumerate(ways)))


def all_but_one_of(ways: Sequence[str]) -> Matches:
    return Matches("|".join("&".join([*ways[:n], *ways[n + 1 :]]) for n in range(len(ways))))


def quoted(lexeme: str) -> str:
    """A lexeme as tsquery reads it."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
