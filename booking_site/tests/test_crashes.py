"""What the site and its database survive, each fault a few times (``make soak``: hundreds of times), under load.

The bounds on time are wide here, for a busy machine; the soak has the strict ones.
"""

import pytest

from booking_site.testing import deploys, promotions, submissions  # noqa: F401 - register their faults
from booking_site.testing.faults import FAULTS

LONGEST_RECOVERY = 40  # seconds


@pytest.fixture(params=FAULTS)
def fault(request):
    fault = FAULTS[request.param]
    if reason := fault.why_not():
        pytest.skip(reason)
    return fault


def test_nothing_is_lost_and_nothing_twice(fault):
    outcome = fault.run(fault.short, False, int)
    assert outcome.findings == []
    assert outcome.times >= fault.short
    assert outcome.acknowledged > 0
    assert max(outcome.recoveries, default=0) < LONGEST_RECOVERY


def test_without_its_guarantee_something_is(fault):
    """What a fault hits is chance: it may strike three times."""
    assert any(fault.run_control(fault.control_short).losses > 0 for _ in range(3))
