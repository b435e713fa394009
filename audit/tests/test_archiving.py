"""Old months leave the database whole: sealed, checked, in a file that proves itself; and the log tells of it."""

import gzip
import json
import uuid
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import archiving, sealing
from audit.models import AuditLog, AuditSeal
from audit.tests.test_sealing import seal_everything, tell
from audit.verification import Report, findings
from booking_site.core.actor import command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_horizon")]
OLD = archiving.Month(date(2024, 2, 1), date(2024, 3, 1))


def id_of(moment: datetime) -> uuid.UUID:
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62 | uuid.uuid4().int & 0xFFFFFFFF)


@pytest.fixture(autouse=True)
def log(settings):
    """Rows of February 2024, in a partition of their own, and of today; some share a seal."""
    settings.AUDIT_SEALS_FILE = None
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE audit_logs_2024_02 PARTITION OF audit_logs"
            " FOR VALUES FROM (audit_first_id('2024-02-01')) TO (audit_first_id('2024-03-01'))"
        )
        cursor.execute(
            "CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs_2024_02"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse()"
        )
    for day in (1, 10, 29):
        AuditLog.objects.create(id=id_of(datetime(2024, 2, day, 12, tzinfo=UTC)), action="test.old", status="success")
        tell(2)
    seal_everything()
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS audit_logs_2024_02")


def found(kept=()) -> list[str]:
    return list(findings(Report(), kept))


def put_away(folder):
    """A sealer waits for other databases' transactions too, and so does an archive of what is not sealed yet."""
    return archiving.archive(actor=command("test"), month=OLD, folder=folder)


def test_a_month_is_put_away_and_everything_still_holds(tmp_path):
    gone = list(AuditLog.objects.filter(action="test.old").values_list("id", flat=True))
    path, rows = put_away(tmp_path)
    assert (path.name, rows) == ("audit_logs_2024_02.jsonl.gz", 3)
    assert not AuditLog.objects.filter(action="test.old").exists()
    assert AuditLog.objects.filter(action="test.done").count() == 6
    told = AuditLog.objects.get(action="audit.archived")
    assert told.details["rows"] == 3
    seal = AuditSeal.objects.get(kind="archive")
    assert seal.details == told.details
    report = Report()
    assert list(findings(report)) == []
    assert report.archived == 3
    with gzip.open(path, "rt") as file:
        lines = [json.loads(line) for line in file]
    assert {line[0] for line in lines if isinstance(line, list)} == {str(key) for key in gone}
    assert list(archiving.findings(path)) == []


def test_dropping_a_month_without_putting_it_away_is_found():
    gone = list(AuditLog.objects.filter(action="test.old").values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE audit_logs_2024_02")
    lines = " ".join(found())
    assert all(str(key) in lines for key in gone)


def test_a_forged_record_of_an_archive_is_found(tmp_path):
    """Somebody drops the month, and writes the seal that archive_audit would write, without the key."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE audit_logs_2024_02")
        cursor.execute(
            """
            INSERT INTO audit_seals SELECT number + 1, 'archive', epoch, xid_to, xid_to, 0, '',
                encode(sha256(''), 'hex'), digest, now(), jsonb_build_object('first_id', audit_first_id('2024-02-01'),
                'end_id', audit_first_id('2024-03-01')), digest, key_id, mac
            FROM audit_seals ORDER BY number DESC LIMIT 1
            """
        )
    assert any("has been changed" in line for line in found())


def test_a_month_with_a_changed_row_stays(tmp_path):
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE audit_logs SET user_name = 'nobody' WHERE action = 'test.old'")
        cursor.execute("SET session_replication_role = origin")
    with pytest.raises(archiving.NotArchived, match="not as it was sealed"):
        put_away(tmp_path)
    assert AuditLog.objects.filter(action="test.old").count() == 3
    assert list(tmp_path.iterdir()) == []
    assert not AuditSeal.objects.filter(kind="archive").exists()


@pytest.mark.parametrize(
    ("what", "finding"),
    [
        ("a row is changed", "is not as it was sealed"),
        ("a row is removed", "has been removed"),
        ("a seal is changed", "in the file has been changed"),
        ("the end is missing", "cannot be read to its end"),
        ("another month, without rows", "no seal of the log tells of this file"),
    ],
)
def test_a_file_that_was_touched_is_found(tmp_path, what, finding):
    path, _ = put_away(tmp_path)
    with gzip.open(path, "rt") as file:
        lines = file.readlines()
    if what == "a row is changed":
        lines[-1] = lines[-1].replace("test.old", "test.new")
    elif what == "a row is removed":
        del lines[-1]
    elif what == "a seal is changed":
        lines[1] = lines[1].replace('"rows": ', '"rows": 1')
    elif what == "another month, without rows":
        lines = [lines[0].replace("2024_02", "2024_03"), *(line for line in lines[1:] if line.startswith("{"))]
    with gzip.open(path, "wt") as file:
        file.writelines(lines)
    if what == "the end is missing":
        path.write_bytes(path.read_bytes()[:-20])
    assert any(finding in line for line in archiving.findings(path))


@pytest.mark.parametrize(
    "content",
    [None, b"", b"not gzip", gzip.compress(b"[]\n"), gzip.compress(b'{"log": "x"}\n')],
    ids=["no file", "empty", "text", "no head", "half a head"],
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "audit_logs_2024_02.jsonl.gz"
    if content is not None:
        path.write_bytes(content)
    [finding] = archiving.findings(path)
    assert "cannot be read" in finding


@pytest.mark.parametrize("at", range(20, 400, 40))
def test_a_file_with_a_flipped_bit_is_found(tmp_path, at):
    path, _ = put_away(tmp_path)
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)
    assert list(archiving.findings(path))


def test_the_command_puts_away_what_is_old_enough(tmp_path, capsys):
    call_command("archive_audit", to=tmp_path, keep_months=1200)
    assert "Nothing is old enough" in capsys.readouterr().out
    call_command("archive_audit", to=tmp_path, keep_months=12, dry_run=True)
    assert capsys.readouterr().out.strip() == "audit_logs_2024_02 would be archived."
    call_command("archive_audit", to=tmp_path, keep_months=12)
    assert "3 rows are in audit_logs_2024_02.jsonl.gz" in capsys.readouterr().out
    call_command("verify_audit", "--look-only", archive=[tmp_path / "audit_logs_2024_02.jsonl.gz"])
    with pytest.raises(CommandError, match="negative"):
        call_command("archive_audit", to=tmp_path, keep_months=-1)


def test_partitions_are_there_for_the_months_to_come():
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SELECT audit_make_partitions(24)")
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass")
        before = cursor.fetchone()[0]
        assert before >= 25
        cursor.execute("SELECT audit_make_partitions(24)")
        assert cursor.fetchone()[0] == 0
        transaction.set_rollback(True)
    tell(1, action="test.today")
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_logs WHERE action = 'test.today'")
        assert cursor.fetchone()[0] == f"audit_logs_{datetime.now(UTC):%Y_%m}"


def test_sealing_goes_on_after_a_month_was_put_away(tmp_path):
    put_away(tmp_path)
    tell(2)
    seal_everything()
    assert found() == []
    assert sealing.unsealed() == (0, None)
