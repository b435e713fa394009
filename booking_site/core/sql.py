"""PostgreSQL's own functions as Django expressions: used by models, and so by their migrations. And statements that are
asked so often that to put them together anew each time would take longer than to answer them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, TypeVar, TypeVarTuple

from django.contrib.postgres.fields import DateTimeRangeField
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, router
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
    """A condition in SQL, for ``filter()`` and for ``Select.where``: it names columns with their table, and holds
    together by itself, in parentheses where it has an OR."""

    conditional = True
    output_field = models.BooleanField()

    def __init__(self, sql: str, *params: Any) -> None:
        super().__init__()
        self.sql, self.params = sql, params

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return self.sql, self.params


class SqlText(Expression):
    """A text that a query in SQL gives, for ``values()``."""

    output_field = models.TextField()

    def __init__(self, sql: str) -> None:
        super().__init__()
        self.sql = sql

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[()]]:
        return f"({self.sql})", ()


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


def planned(statement: str, params: Any = None, using: str = DEFAULT_DB_ALIAS) -> list[tuple[Any, ...]]:
    """Run a statement whose text is always the same, so that PostgreSQL plans it once. Returns its rows.

    A list of columns in it is written out: with ``*``, a plan would fail once when a migration adds a column.
    """
    wrapper: Any = connections[using]
    rows: list[tuple[Any, ...]] = wrapper.planned(statement, params)
    return rows


@dataclass(frozen=True, slots=True)
class Select:
    """Rows as dictionaries, by a statement put together as text: the columns and joins of a queryset that was put into
    SQL once, conditions, an order. The same filters give the same text, which PostgreSQL plans once."""

    sql: str  # empty where nothing can meet the conditions
    params: tuple[Any, ...]
    names: tuple[str, ...]
    is_narrowed: bool  # has conditions already
    model: type[models.Model]  # routers know where it is read
    convert: Callable[[list[Any]], Any] | None = None

    @classmethod
    def of(cls, queryset: models.QuerySet) -> "Select":
        """The rows of a ``values()``, in no order. Without aggregates."""
        query = queryset.order_by().query
        compiler = query.get_compiler(queryset.db)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:
            return cls("", (), (), is_narrowed=True, model=queryset.model)
        converters = compiler.get_converters([column[0] for column in compiler.select])
        return cls(
            sql,
            tuple(params),
            tuple(query.selected or ()),
            is_narrowed=bool(query.where),
            convert=(lambda rows: compiler.apply_converters(rows, converters)) if converters else None,
            model=queryset.model,
        )

    def where(self, *conditions: SqlCondition) -> "Select":
        if not (self.sql and conditions):
            return self
        glue = " AND " if self.is_narrowed else " WHERE "
        return Select(
            self.sql + glue + " AND ".join([condition.sql for condition in conditions]),
            self.params + tuple([value for condition in conditions for value in condition.params]),
            self.names,
            is_narrowed=True,
            model=self.model,
            convert=self.convert,
        )

    def rows(self, *, order: str, limit: int) -> list[dict[str, Any]]:
        """``limit`` is part of the text: what is to be planned for one page is not to be planned for a tenth of all."""
        return self._fetch(f"{self.sql} ORDER BY {order} LIMIT {int(limit)}")

    def first(self, lock: str = "") -> dict[str, Any] | None:
        """Of at most one row; ``lock`` as in `` FOR NO KEY UPDATE``, which names no table: there must be one alone."""
        return next(iter(self._fetch(self.sql + lock)), None)

    def count(self) -> int:
        if not self.sql:
            return 0
        count: int = self._run(f"SELECT count(*) FROM ({self.sql}) AS counted")[0][0]
        return count

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        return planned(statement, self.params, router.db_for_read(self.model))

    def _fetch(self, statement: str) -> list[dict[str, Any]]:
        if not self.sql:
            return []
        found: Any = self._run(statement)
        if self.convert is not None:
            found = self.convert(found)
        return [dict(zip(self.names, row, strict=True)) for row in found]
