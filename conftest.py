import pytest
from hypothesis import settings

pytest.register_assert_rewrite("booking_site.testing.problems")
pytest_plugins = [
    *(f"booking_site.testing.{name}" for name in ("canaries", "fixtures", "browser")),
    "audit.tests.horizon",
]

# A test that is slow on a busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

LONG = ("browser", "crashes", "embedded", "serve", "backup", "hostile", "constraints", "fuzz")  # in the names of files
COMMITS = {"transactional_db", "server"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest before the others that commit: else one worker of the tests is left with them when the
    other has nothing more to do."""
    long = [item for item in items if any(word in item.path.stem for word in LONG)]
    others = [item for item in items if not any(word in item.path.stem for word in LONG)]
    commits = (place for place, item in enumerate(others) if COMMITS & set(getattr(item, "fixturenames", ())))
    first = next(commits, len(others))
    items[:] = others[:first] + long + others[first:]
