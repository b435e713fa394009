"""PostgreSQL's own functions as Django expressions: used by models, and so by their migrations."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, TypeVarTuple

from django.contrib.postgres.fields import DateTimeRangeField
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import Case, Expression, F, Func, Value, When
from django.db.models.functions import Concat

Arguments = TypeVarTuple("Arguments")
Q = TypeVar("Q", bound=models.QuerySet[Any])


class TimestampRange(Func):
    """``[starts_at, ends_at)``: a visit that ends at ten leaves room for one that begins at ten."""

    function = "tstzrange"
    output_field = DateTimeRangeField()


class Minutes(Func):
    """A number of minutes as an interval."""

    function = "make_interval"
    template = "%(function)s(mins => %(expressions)s)"
    output_field = models.DurationField()


class DigitsOnly(Func):
    """The digits of a text."""

    function = "regexp_replace"
    template = "%(function)s(%(expressions)s, '[^0-9]', '', 'g')"
    output_field = models.TextField()


class SearchFold(Func):
    """Text folded for search, the same for what is stored and what is asked: NFKC (two spellings of one name compare
    equal), accents off, lower case. The database function is made by the first migration of ``booking_site``."""

    function = "search_fold"
    output_field = models.TextField()


class NameKeys(Func):
    """The keys by which a first and a last name are found, misspelt or not. The database function is made by the
    migration 0004 of ``patients``."""

    function = "name_keys"
    output_field = SearchVectorField()


class Like(Func):
    """``a LIKE b`` with a pattern made by the database."""

    template = "(%(expressions)s)"
    arg_joiner = " LIKE "
    conditional = True
    output_field = models.BooleanField()


class SqlCondition(Expression):
    """A fixed SQL condition without parameters, for ``filter()``."""

    conditional = True
    output_field = models.BooleanField()

    def __init__(self, sql: str) -> None:
        super().__init__()
        self.sql = sql

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[()]]:
        return self.sql, ()


def checked(**condition: Any) -> Case:
    """A condition, for ``filter()``, that is only checked on the rows of a walk along an index.

    PostgreSQL seeks no other index for it, and does not take the rows that meet it for so few that it had better fetch
    and sort them all: its guess is one half.
    """
    return Case(When(**condition, then=Value(True)), default=Value(False), output_field=models.BooleanField())


def contains(folded: Expression | F, word: str) -> Like:
    """The folded expression contains ``word``, itself folded by the database. Wildcards are literal."""
    literal = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = Concat(Value("%"), SearchFold(Value(literal)), Value("%"), output_field=models.TextField())
    return Like(folded, pattern)


def containing(queryset: Q, folded: Expression | F, word: str) -> Q:
    """Rows in which the folded expression contains ``word``."""
    return queryset.filter(contains(folded, word))


def compiled(build: Callable[[*Arguments], models.QuerySet]) -> Callable[[*Arguments], list[tuple[Any, ...]]]:
    """For a query that is asked every few seconds: the rows of the queryset that ``build`` makes, a ``values_list()``.

    Django takes several times longer to put such a query into SQL than PostgreSQL to answer it, so the SQL is kept for
    arguments (hashable) that were seen before. What the moment decides must be asked of the database, as ``Now()``.
    """

    @lru_cache(maxsize=512)
    def sql_of(*args: *Arguments) -> tuple[str, Any] | None:
        try:
            return build(*args).query.sql_with_params()
        except EmptyResultSet:  # nothing can meet its conditions
            return None

    @wraps(build)
    def rows(*args: *Arguments) -> list[tuple[Any, ...]]:
        statement = sql_of(*args)
        if statement is None:
            return []
        with connection.cursor() as cursor:
            cursor.execute(*statement)
            return cursor.fetchall()

    return rows
