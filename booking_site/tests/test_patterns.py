"""No text makes a pattern of ours slow: what is twice as long takes about twice the time.

Every regular expression of the source is found by walking it, those of addresses and validators by asking Django. Each
is tried on texts made of the very characters that it speaks of, over and over, with an end that does not fit.
"""

import ast
import re
import re._constants as kinds
import re._parser as parser
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.validators import RegexValidator
from django.urls import URLResolver, get_resolver

from booking_site.testing.addresses import routes
from scheduling.recurrence import PARTS

TAKING = {"compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer", "subn"}
DJANGO_TAKING = {"RegexValidator", "re_path", "RegexField"}
# Made of what is known only as the code runs: where the parts are tried.
ELSEWHERE = {
    "PARTS[name]": "all of PARTS, below",
    "f'^{pattern}/?\\\\Z'": "addresses, below",
}
LENGTHS = (12, 16, 20, 25, 50, 100, 200, 500, 1_500)
Runner = Callable[[str], Any]


def sources() -> Iterator[Path]:
    for folder in ("booking_site", "doctors", "patients", "scheduling", "appointments", "audit"):
        for path in (settings.BASE_DIR / folder).rglob("*.py"):
            if not {"tests", "testing", "migrations"} & set(path.parts):
                yield path


def written() -> Iterator[tuple[str, str, int, str]]:
    """(where, pattern, flags, method) of each call in the source."""
    for path in sources():
        tree, text = ast.parse(path.read_text()), path.read_text()
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args or not _takes_a_pattern(node.func):
                continue
            where = f"{path.relative_to(settings.BASE_DIR)}:{node.lineno}"
            if ast.unparse(node.args[0]) in ELSEWHERE:
                continue
            module = import_module(".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts))
            pattern = eval(ast.unparse(node.args[0]), vars(module))
            flags = next((one for one in node.args[1:] if "re." in ast.unparse(one)), None)
            value = eval(ast.unparse(flags), vars(module)) if flags is not None else 0
            name = node.func.attr if isinstance(node.func, ast.Attribute) else "search"
            yield where, pattern, int(value), _method(name, text)


def _takes_a_pattern(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "re" and function.attr in TAKING
    return isinstance(function, ast.Name) and function.id in DJANGO_TAKING


def _method(name: str, text: str) -> str:
    """How it is used; what is compiled, as its module uses such things."""
    if name == "compile":
        return "search" if re.search(r"[A-Z_a-z]\.(search|sub|finditer|findall|split)\(", text) else "fullmatch"
    return name if name in ("match", "fullmatch") else "search"


def of_django() -> Iterator[tuple[str, str, int, str]]:
    for part, pattern in PARTS.items():
        yield f"PARTS {part}", pattern, re.ASCII, "fullmatch"
    for pattern in _url_patterns():
        yield "address", pattern, 0, "search"
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            for validator in field.validators:
                if isinstance(validator, RegexValidator):
                    yield f"{field}", validator.regex.pattern, validator.regex.flags & re.IGNORECASE, "search"


def _url_patterns(patterns: Any = None) -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        yield pattern.pattern.regex.pattern
        if isinstance(pattern, URLResolver):
            yield from _url_patterns(pattern.url_patterns)


def spoken_of(tree: Any) -> Iterator[str]:
    """A character of each kind that the pattern speaks of."""
    for kind, value in tree:
        if kind in (kinds.LITERAL, kinds.NOT_LITERAL):
            yield chr(value)
        elif kind is kinds.RANGE:
            yield chr(value[0])
        elif kind is kinds.CATEGORY:
            yield {kinds.CATEGORY_DIGIT: "1", kinds.CATEGORY_SPACE: " "}.get(value, "a")
        elif kind is kinds.ANY:
            yield "a"
        elif kind is kinds.IN:
            yield from spoken_of(value)
        elif kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            yield from spoken_of(value[2])
        elif kind is kinds.SUBPATTERN:
            yield from spoken_of(value[3])
        elif kind is kinds.ATOMIC_GROUP:
            yield from spoken_of(value)
        elif kind is kinds.BRANCH:
            for branch in value[1]:
                yield from spoken_of(branch)
        elif kind in (kinds.ASSERT, kinds.ASSERT_NOT):
            yield from spoken_of(value[1])


def seconds(run: Runner, text: str, best_of: int) -> float:
    """Of work of this thread: what else the machine does meanwhile is not counted."""
    times = []
    for _ in range(best_of):
        started = time.thread_time()
        run(text)
        times.append(time.thread_time() - started)
    return min(times)


def grows(pattern: str, flags: int = 0, method: str = "search") -> str:
    """A text that makes the pattern slow, shortened; empty when there is none."""
    run: Runner = getattr(re.compile(pattern, flags), method)
    alphabet = list(dict.fromkeys([*spoken_of(parser.parse(pattern, flags)), "a", "1", " "]))[:10]
    pumps = [*alphabet, *map("".join, product(alphabet, repeat=2))]
    for pump, end, start in product(pumps, ("\0", ""), ("", "".join(alphabet[:3]))):
        for length in LENGTHS:
            short, long = (start + pump * many + end for many in (length // 2, length))
            if seconds(run, long, 1) < 0.001 or seconds(run, long, 3) < 0.001:
                continue
            if all(seconds(run, long, 3) > 3 * seconds(run, short, 3) for _ in range(10)):
                return f"{start + pump * 3 + end!r}"
            break
    return ""


def everything() -> dict[tuple[str, int, str], str]:
    return {(pattern, flags, method): where for where, pattern, flags, method in [*written(), *of_django()]}


def test_every_pattern_is_linear():
    found = everything()
    assert len(found) > 120
    slow = {f"{where} {key[0]}": why for key, where in found.items() if (why := grows(*key))}
    assert slow == {}


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"^(\w+\s?)*$", r"(a|a)*b", r"(.*)*x", r"\d+\d+\d+x", r"\s+$", "a.*b.*c.*d"]
)
def test_slow_patterns_are_found(pattern):
    """The control."""
    assert grows(pattern)


def test_linear_patterns_are_not():
    for pattern in (r"\Aa+\Z", r"[0-9]{4}-[0-9]{2}", r"(?:a|b)*", r"\A[\w.-]{1,80}\Z"):
        assert grows(pattern) == ""
    assert list(routes())
