"""Who may do what in the database: the site and the sealer of the audit log have roles that own nothing.

The owner of the tables migrates, restores and archives. The role of the site reads and writes rows, and of the audit
log it may only add some; so it cannot switch a trigger off, whoever has got hold of it. The sealer adds seals.
"""

from contextlib import suppress

from django.db import ProgrammingError, connection, transaction
from psycopg import sql

ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
# By table, what the two roles may do; the site may do all of ROWS with every other table, the sealer nothing.
SITE = {
    "audit_logs": ("SELECT", "INSERT"),
    "audit_seals": ("SELECT",),
    "audit_epochs": ("SELECT",),
    "django_migrations": ("SELECT",),
}
SEALER = {
    "audit_logs": ("SELECT", "INSERT"),
    "audit_seals": ("SELECT", "INSERT"),
    "audit_epochs": ("SELECT",),
    "appointments": ("SELECT",),
}
SEALER_FUNCTIONS = ("audit_make_partitions(integer)", "audit_begin_epoch(text, boolean)")

# Tables but the partitions of the log: they are reached through the log alone.
TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')
    AND NOT relispartition AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""
SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()"


def grant(*, site: str, sealer: str, passwords: dict[str, str] | None = None) -> None:
    """Give both roles what they need and take what they had beyond it. Made anew after each migration.

    A role that is missing is made. ``passwords``, by role: set anew, hashed before they are sent; without one a new
    role cannot sign in by password.
    """
    tables, sequences = _names(TABLES), _names(SEQUENCES)
    for role in (site, sealer):
        if not _names("SELECT rolname FROM pg_roles WHERE rolname = %s", role):
            with suppress(ProgrammingError), transaction.atomic():  # somebody has just made it, in another database
                _run("CREATE ROLE {} LOGIN", role)
        _run("GRANT USAGE ON SCHEMA {} TO {}", _names("SELECT current_schema()")[0], role)
    for role, password in (passwords or {}).items():
        hashed = connection.connection.pgconn.encrypt_password(password.encode(), role.encode()).decode()
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))
    for table in tables:
        for role, rights in ((site, SITE.get(table, ROWS)), (sealer, SEALER.get(table, ()))):
            _run("REVOKE ALL ON TABLE {} FROM {}", table, role)
            for right in rights:
                _run(f"GRANT {right} ON TABLE {{}} TO {{}}", table, role)
    for sequence in sequences:
        _run("GRANT USAGE, SELECT ON SEQUENCE {} TO {}", sequence, site)
    _run("GRANT USAGE ON SEQUENCE {} TO {}", "audit_seq", sealer)
    for function in SEALER_FUNCTIONS:
        _run(f"GRANT EXECUTE ON FUNCTION {function} TO {{}}", sealer)


def _names(query: str, *parameters: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [name for (name,) in cursor.fetchall()]


def _run(statement: str, *names: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
