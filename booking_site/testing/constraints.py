"""Asking the database itself, past all Python, whether it refuses."""

import psycopg.errors
import pytest
from django.db import IntegrityError, connection, transaction


def refused_by(statement: str, *parameters: object) -> str:
    """The name of the constraint that refuses the statement, deferred ones included. Fails when nothing does."""
    with pytest.raises(IntegrityError) as refused:
        accepted(statement, *parameters)
    cause = refused.value.__cause__
    assert isinstance(cause, psycopg.errors.IntegrityError)
    return cause.diag.constraint_name or cause.diag.column_name or ""


def accepted(statement: str, *parameters: object) -> None:
    """The statement passes: the control of the refusals."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert cursor.rowcount != 0
