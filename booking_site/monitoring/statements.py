"""The text of a statement as it may be told: with its placeholders, and without what else it holds of values. Ours have
none; should one ever, it is not told either."""

import re
from typing import Any

LITERAL = re.compile(r"""E'(?:[^'\\]|\\.?)*(?:'|\Z)|'[^']*(?:'|\Z)|(?<![\w$."])\d[\d.]*\b""", re.DOTALL)
LONGEST = 2000


def told(sql: Any) -> str:
    """On one line. What is put together by psycopg holds its values: of that, the kind."""
    if isinstance(sql, bytes):
        sql = sql.decode(errors="replace")
    if not isinstance(sql, str):
        return f"<{type(sql).__name__}>"
    return LITERAL.sub("?", " ".join(sql.split())[:LONGEST])
