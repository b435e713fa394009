"""Whatever is done to the log behind the back of its guards is named; and nothing is, when nothing was done."""

import hashlib
import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import sealing
from audit.models import AuditLog, AuditSeal
from audit.receivers import write
from audit.tests.test_sealing import seal, seal_everything, tell
from audit.verification import Report, findings
from booking_site.core.actor import command
from booking_site.testing import cleaning
from booking_site.testing.factories import booked

pytestmark = pytest.mark.django_db

# Another value for each column that the hash must cover; %s is the row's own.
OTHER = {
    "id": "gen_random_uuid()",
    "seq": "seq + 1000000",
    "epoch": "epoch + 1",
    "xid": "xid - 1",
    "timestamp": "timestamp + interval '1 microsecond'",
    "action": "action || 'x'",
    "status": "'denied'",
    "user_id": "'somebody'",
    "user_kind": "'user'",
    "user_name": "'somebody'",
    "on_behalf_of": "'somebody'",
    "appointment_id": "gen_random_uuid()",
    "patient_id": "gen_random_uuid()",
    "patient_ids": "ARRAY[gen_random_uuid()]",
    "object_type": "'doctor'",
    "object_id": "'7'",
    "request_id": "'request-1'",
    "address": "'203.0.113.1'",
    "details": """jsonb_set(details, '{number}', '"0"')""",
}


@pytest.fixture(scope="module")
def sealed_log(django_db_setup, django_db_blocker, tmp_path_factory, own_horizon):
    """A log as in production: ten rows in four seals, which are kept elsewhere too, and two rows that are not sealed.
    Committed once; what a test does to it is rolled back."""
    path = tmp_path_factory.mktemp("seals") / "seals.jsonl"
    with django_db_blocker.unblock():
        for count in (3, 2, 4, 1):
            with transaction.atomic():
                tell(count)
            seal_everything()
        call_command("export_seals", since=1, file=path)
        tell(2)
    yield path
    with django_db_blocker.unblock():
        cleaning.restore()


@pytest.fixture(autouse=True)
def log(sealed_log, db, settings):
    settings.AUDIT_SEALS_FILE = None
    return sealed_log


@pytest.fixture
def attacker(db):
    """Somebody with all rights in the database, whom no trigger stops."""

    def attack(statement: str, parameters: object = None) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, parameters)
            cursor.execute("SET session_replication_role = origin")

    return attack


def found(kept=()) -> list[str]:
    return list(findings(Report(), kept))


def published(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ids() -> list[uuid.UUID]:
    return list(AuditLog.objects.order_by("xid", "seq").values_list("id", flat=True))


def test_nothing_is_found_when_nothing_was_done(log):
    report = Report()
    assert list(findings(report, published(log))) == []
    assert (report.rows, report.seals, report.unsealed) == (10, 4, 2)


def test_the_hash_covers_every_column():
    columns = [field.column for field in AuditLog._meta.concrete_fields]
    assert sorted(columns) == sorted(OTHER) == sorted(sealing.COLUMNS)


@pytest.mark.parametrize("which", [0, 4, 9], ids=["first", "middle", "last"])
@pytest.mark.parametrize("column", sorted(OTHER))
def test_a_changed_column_is_named(attacker, column, which):
    key = ids()[which]
    attacker(f"UPDATE audit_logs SET {column} = {OTHER[column]} WHERE id = %s", [key])
    assert any(str(key) in line for line in found())


@pytest.mark.parametrize("which", range(10))
def test_a_removed_row_is_named(attacker, which):
    key = ids()[which]
    attacker("DELETE FROM audit_logs WHERE id = %s", [key])
    assert [line for line in found() if str(key) in line and "removed" in line]


def test_every_row_that_is_removed_is_named(attacker):
    gone = ids()[2:7]
    attacker("DELETE FROM audit_logs WHERE id = ANY(%s)", [gone])
    lines = found()
    assert len(lines) == len(gone)
    assert all(any(str(key) in line for line in lines) for key in gone)


@pytest.mark.parametrize("xid", ["xid", "xid - 1", "0", "xid + 1000000000"])
def test_a_row_put_in_between_is_named(attacker, xid):
    key = uuid.uuid4()
    attacker(
        "INSERT INTO audit_logs (id, seq, epoch, xid, timestamp, action, status)"
        f" SELECT %s, seq + 1, epoch, {xid}, timestamp, action, status FROM audit_logs ORDER BY xid, seq LIMIT 1",
        [key],
    )
    assert any(str(key) in line and "inserted" in line for line in found())


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 8), (4, 9)])
@pytest.mark.parametrize("columns", ["seq, xid", "timestamp", "action, details, seq", "id"])
def test_rows_that_changed_places_are_named(attacker, one, other, columns):
    first, second = ids()[one], ids()[other]
    if columns == "id":
        spare = uuid.uuid4()
        for old, new in ((first, spare), (second, first), (spare, second)):
            attacker("UPDATE audit_logs SET id = %s WHERE id = %s", [new, old])
    else:
        attacker(
            f"UPDATE audit_logs AS one SET ({columns}) = (SELECT {columns} FROM audit_logs AS other"
            " WHERE other.id = CASE WHEN one.id = %s THEN %s::uuid ELSE %s END) WHERE one.id IN (%s, %s)",
            [first, second, first, first, second],
        )
    lines = " ".join(found())
    assert str(first) in lines
    assert str(second) in lines


def test_a_tail_cut_off_without_its_seals_is_named(attacker):
    gone = ids()[7:]
    attacker("DELETE FROM audit_logs WHERE id = ANY(%s)", [gone])
    lines = " ".join(found())
    assert all(str(key) in lines for key in gone[:3])  # the last two had not been sealed


@pytest.mark.parametrize("seals", [1, 2, 4])
def test_a_tail_cut_off_with_its_seals_is_found_by_what_is_kept_elsewhere(log, attacker, seals):
    """The control: without it, nothing tells."""
    attacker(
        "DELETE FROM audit_logs WHERE xid >= (SELECT min(xid_from) FROM audit_seals WHERE number > %s)", [4 - seals]
    )
    attacker("DELETE FROM audit_seals WHERE number > %s", [4 - seals])
    assert found() == []
    assert [line for line in found(published(log)) if "cut off" in line]
    tell(3)  # and whoever goes on as if nothing had happened
    seal()
    assert [line for line in found(published(log)) if "elsewhere" in line]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_seals SET rows = rows + 1 WHERE number = 2",
        "UPDATE audit_seals SET xid_to = xid_to + 1 WHERE number = 2",
        "UPDATE audit_seals SET xid_from = xid_from + 1 WHERE number = 2",
        "UPDATE audit_seals SET epoch = 2 WHERE number = 2",
        "UPDATE audit_seals SET kind = 'archive' WHERE number = 2",
        "UPDATE audit_seals SET members = members || members WHERE number = 2",
        "UPDATE audit_seals SET root = encode(sha256('x'), 'hex') WHERE number = 2",
        "UPDATE audit_seals SET previous = root WHERE number = 2",
        "UPDATE audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE number = 2",
        """UPDATE audit_seals SET details = '{"partition": "x"}' WHERE number = 2""",
        "UPDATE audit_seals SET digest = root WHERE number = 2",
        "UPDATE audit_seals SET mac = digest WHERE number = 2",
        "UPDATE audit_seals SET key_id = 'another' WHERE number = 2",
        "DELETE FROM audit_seals WHERE number = 1",
        "DELETE FROM audit_seals WHERE number IN (2, 3)",
        "UPDATE audit_seals SET number = 5 - number + 100 WHERE number IN (2, 3)",
        "INSERT INTO audit_seals SELECT number + 1, kind, epoch, xid_to, xid_to, 0, '', root, digest, sealed_at,"
        " details, digest, key_id, mac FROM audit_seals WHERE number = 4",
        "UPDATE audit_epochs SET log_id = gen_random_uuid()",
    ],
)
def test_a_seal_that_was_touched_is_found(attacker, change):
    attacker(change)
    assert any("seal" in line for line in found())


def test_a_chain_made_anew_without_the_key_is_found(attacker, settings):
    """A row is changed, and every seal from then on is made again, by the same code, with another key."""
    attacker("UPDATE audit_logs SET user_name = 'nobody' WHERE id = %s", [ids()[4]])
    right = settings.AUDIT_KEY
    key_ids = list(AuditSeal.objects.values_list("key_id", flat=True))
    attacker("DELETE FROM audit_seals")
    settings.AUDIT_KEY = "a guess"
    seal()
    assert found() == []  # the control: with that key all would fit
    settings.AUDIT_KEY = right
    assert any("another key" in line for line in found())
    attacker("UPDATE audit_seals SET key_id = %s", [key_ids[0]])
    assert any("changed" in line or "not signed" in line for line in found())


def test_a_chain_made_anew_with_the_key_is_found_by_what_is_kept_elsewhere(log, attacker):
    attacker("UPDATE audit_logs SET user_name = 'nobody' WHERE id = %s", [ids()[4]])
    attacker("DELETE FROM audit_seals")
    seal()
    assert found() == []
    assert [line for line in found(published(log)) if "elsewhere" in line]


def test_a_guard_that_is_off_is_named():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_append_only")
        try:
            assert any("audit_logs_append_only" in line for line in found())
        finally:
            cursor.execute("ALTER TABLE audit_logs ENABLE TRIGGER audit_logs_append_only")
    assert found() == []


def test_rows_that_nobody_seals_are_told(attacker):
    attacker("UPDATE audit_logs SET timestamp = timestamp - interval '2 hours' WHERE id = %s", [ids()[-1]])
    assert any("not sealed" in line for line in found())


def test_a_key_that_was_replaced_still_counts(settings):
    settings.AUDIT_KEY, settings.AUDIT_KEY_FALLBACKS = "the next one", [settings.AUDIT_KEY]
    seal()
    assert found() == []
    settings.AUDIT_KEY_FALLBACKS = []
    assert any("another key" in line for line in found())


def test_appointments_and_the_log_tell_of_the_same(attacker):
    appointment = booked()
    assert found() == []
    attacker("UPDATE appointments SET status = 'completed', completed_at = now() WHERE id = %s", [appointment.pk])
    assert [line for line in found() if line.startswith("state_is_told") and str(appointment.pk) in line]
    attacker("UPDATE appointments SET status = 'booked' WHERE id = %s", [appointment.pk])
    attacker("DELETE FROM audit_logs WHERE appointment_id = %s", [appointment.pk])  # before it was sealed
    assert [line for line in found() if line.startswith("booking_is_told") and str(appointment.pk) in line]


def test_a_booking_that_is_gone_is_told(attacker):
    appointment = booked()
    attacker("DELETE FROM appointments WHERE id = %s", [appointment.pk])
    assert [line for line in found() if line.startswith("told_booking_exists") and str(appointment.pk) in line]


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command_says_that_all_is_well_and_writes_it_down(log, capsys):
    call_command("verify_audit", published=[log])
    assert "whole: 10 rows in 4 seals, 2 newer" in capsys.readouterr().out
    row = AuditLog.objects.get(action="audit.verified")
    assert (row.status, row.details) == ("success", {"rows": 10, "seals": 4, "findings": 0})
    call_command("verify_audit", look_only=True)
    assert AuditLog.objects.filter(action="audit.verified").count() == 1


def test_the_command_names_each_finding_and_fails(attacker, capsys):
    key = ids()[4]
    attacker("UPDATE audit_logs SET action = 'nothing' WHERE id = %s", [key])
    with pytest.raises(CommandError):
        call_command("verify_audit")
    assert capsys.readouterr().out.splitlines() == [f"row {key} of seal 2 has been changed"]
    assert AuditLog.objects.get(action="audit.verified").status == "failure"


def test_the_sealers_own_file_is_looked_at_and_that_of_another_log_is_not_taken_for_it(
    log, settings, tmp_path, attacker, capsys
):
    settings.AUDIT_SEALS_FILE = log
    attacker("DELETE FROM audit_seals WHERE number = 4")
    attacker("DELETE FROM audit_logs WHERE id = ANY(%s)", [ids()[9:]])
    with pytest.raises(CommandError):
        call_command("verify_audit", look_only=True)
    other = tmp_path / "other.jsonl"
    line = published(log)[0] | {"log": str(uuid.uuid4())}
    other.write_text(json.dumps(line) + "\n")
    settings.AUDIT_SEALS_FILE = other
    call_command("verify_audit", look_only=True)
    settings.AUDIT_SEALS_FILE = None
    with pytest.raises(CommandError):
        call_command("verify_audit", look_only=True, published=[other])
    other.write_text("nonsense\n")
    with pytest.raises(CommandError, match="line 1"):
        call_command("verify_audit", look_only=True, published=[other])


def test_a_digest_is_what_everybody_can_compute(log):
    """From the published line alone: the JSON of what it says, sorted, without spaces."""
    for line in published(log):
        said = {name: value for name, value in line.items() if name not in ("digest", "key_id", "mac")}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == line["digest"]


def test_an_entry_that_is_just_being_written_is_no_finding():
    write(actor=command("test"), action="test.more")
    assert found() == []
