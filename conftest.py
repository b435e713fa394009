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
