"""The README's API tour, run as it stands against the site as served."""

import os
import re
import subprocess

import pytest
from django.conf import settings

from booking_site.testing.factories import PatientFactory, SlotFactory, in_days

README = (settings.BASE_DIR / "README.md").read_text()


def test_the_api_tour_runs(server, make_token):
    patient = PatientFactory(last_name="Mayer")
    slots = [SlotFactory(starts_at=in_days(7, hour)) for hour in (9, 10, 11, 12)]
    section = README[README.index("## The API") : README.index("## Who may do what")]
    script = "\n".join(re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "SITE": server, "TOKEN": make_token()},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    said = result.stdout
    assert '"status": "ok"' in said
    assert [re.search(r"HTTP/1.1 409 .*?\"code\":\"(\w+)\"", said, re.DOTALL)[1]] == ["slot_unavailable"]
    assert [re.search(r"HTTP/1.1 412 .*?\"code\":\"(\w+)\"", said, re.DOTALL)[1]] == ["stale"]
    assert said.count(str(patient.pk)) == 1  # searched for; booked nothing
    assert said.count('"status":"booked"') == 2  # the repeated booking and the move
    assert said.count('"cancellation_reason":"Feels better"') == 2  # the cancelled one, and in the list
    assert f'"slot_id":"{slots[2].pk}"' in said  # where it was moved to


@pytest.mark.parametrize("path", re.findall(r"\]\((?!https?:|#)([^)]+)\)", README))
def test_what_the_readme_points_to_is_there(path):
    assert (settings.BASE_DIR / path).exists()
