"""What the manager's numbers cost: each report, as a page of the console, in an embedded server of its own.

    python bench/reports.py [--slots 1000000] [--rounds 3]

The hospital of ``search.py``: 200 doctors in 20 departments, 50 seats a day each, of which 60 % are booked, 14 days
ahead and the rest back, which is 86 days. Of six who were booked in the past five have come. ``month`` and ``year``:
the last 30 and 366 days; ``department``: the year of one department. Prints one JSON object: milliseconds by the clock,
median of the rounds, and the number of queries. No figure is missed or met: how long a manager waits is for whoever
reads this to judge, but a page that the web server would give up (after 10 s, STATEMENT_TIMEOUT) fails.
"""

import argparse
import json
import statistics
import sys
import time
from datetime import timedelta

import own_server
import search
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import urlencode
from own_server import execute

from appointments.reports.catalogue import REPORTS
from doctors.models import Department, StaffProfile

PATIENTS, DAYS_AHEAD = 50_000, 14
REPORTS_PAGE = "/admin/reports/"
TIMEOUT = 10_000  # milliseconds
PEOPLE = """
INSERT INTO patients (id, first_name, last_name, dob, email, phone, insurance_provider, insurance_id,
    preferred_language, remind_by_email, remind_by_sms, remind_by_phone, is_active, created_at, updated_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'First' || n, 'Last' || n, '1980-01-01', '', '', '', '', '', FALSE, FALSE, FALSE,
    TRUE, now(), now()
FROM generate_series(0, %s) AS n
"""
# At one time nobody is with two doctors: of 50,000 patients each has an appointment every 250 rows of doctors.
VISITS = """
INSERT INTO appointments (
    id, patient_id, doctor_id, department_id, slot_id, reason, status, date, time, starts_at, ends_at, visit_type,
    source, booked_by, is_urgent, cancellation_reason, booked_at, checked_in_at, started_at, completed_at, no_show_at,
    created_at, updated_at
)
SELECT uuidv7(), lpad(to_hex(number %% %(patients)s), 32, '0')::uuid, doctor_id, department_id, slot.id, '',
    state.status, date, time, starts_at, ends_at, visit_type, (ARRAY['console', 'api'])[1 + number %% 2], '', FALSE, '',
    starts_at - make_interval(days => (number %% 40)::int),
    CASE WHEN state.status = 'completed' THEN starts_at - interval '10 minutes' END,
    CASE WHEN state.status = 'completed' THEN starts_at + make_interval(mins => (number %% 50)::int) END,
    CASE WHEN state.status = 'completed' THEN ends_at + interval '1 hour' END,
    CASE WHEN state.status = 'no_show' THEN ends_at END, now(), now()
FROM (
    SELECT *, row_number() OVER (ORDER BY starts_at, doctor_id) AS number FROM available_slots WHERE status = 'booked'
) AS slot, LATERAL (
    SELECT CASE WHEN ends_at > now() THEN 'booked' WHEN number %% 6 = 0 THEN 'no_show' ELSE 'completed' END AS status
) AS state
"""


def load_visits() -> None:
    """An appointment in each booked seat. The indexes are made afterwards, which takes less time."""
    execute("SET session_replication_role = replica")
    execute(PEOPLE, [PATIENTS - 1])
    indexes = execute(search.INDEXES.replace("available_slots", "appointments"))
    for drop, _make in indexes:
        execute(drop)
    execute(VISITS, {"patients": PATIENTS})
    for _drop, make in indexes:
        execute(make)
    execute("VACUUM (ANALYZE)")
    execute("CHECKPOINT")
    connection.close()


def manager() -> Client:
    user = User.objects.create_user("manager", is_staff=True)
    user.groups.add(Group.objects.get(name="Scheduler"))
    StaffProfile.objects.create(user=user, all_departments=True)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def asked(client: Client, address: str) -> float:
    """Milliseconds until the page is there."""
    began = time.perf_counter()
    answer = client.get(address)
    passed = 1000 * (time.perf_counter() - began)
    assert answer.status_code == 200, answer.content
    return passed


def measure(client: Client, rounds: int) -> dict[str, dict[str, object]]:
    today = timezone.now().date()
    department = str(Department.objects.order_by("name")[0].pk)
    periods: dict[str, dict[str, object]] = {
        "month": {"first": today - timedelta(days=29)},
        "year": {"first": today - timedelta(days=365)},
        "department": {"first": today - timedelta(days=365), "department": department},
    }
    found: dict[str, dict[str, object]] = {}
    for report in REPORTS:
        for period, query in periods.items():
            address = f"{REPORTS_PAGE}?{urlencode({'report': report, 'last': today, **query})}"
            asked(client, address)
            with CaptureQueriesContext(connection) as captured:
                asked(client, address)
            queries = len(captured)  # the next request forgets them
            taken = statistics.median(asked(client, address) for _round in range(rounds))
            found[f"{report}, {period}"] = {"milliseconds": round(taken), "queries": queries}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=1_000_000, help="not below 1000000")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    own_server.prepare()
    call_command("collectstatic", interactive=False, verbosity=0)
    search.DAYS_AHEAD = DAYS_AHEAD
    search.load(options.slots)
    load_visits()
    found = measure(manager(), options.rounds)
    counted = {"appointments": execute("SELECT count(*) FROM appointments")[0][0]}
    missed = [name for name, each in found.items() if float(str(each["milliseconds"])) > TIMEOUT]
    print(json.dumps({**counted, "pages": found, "missed": missed, "machine": own_server.machine()}, indent=2))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
