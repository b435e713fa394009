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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a browser, which take longest, before the others that commit: else one worker of the tests is left
    with them when the other has nothing more to do."""
    browsers = [item for item in items if "browser" in item.path.stem]
    others = [item for item in items if "browser" not in item.path.stem]
    commits = (
        place
        for place, item in enumerate(others)
        if {"transactional_db", "server"} & set(getattr(item, "fixturenames", ()))
    )
    first = next(commits, len(others))
    items[:] = others[:first] + browsers + others[first:]
