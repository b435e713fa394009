"""Seals: every row once, in order, behind those who write, whatever they do."""

import json
import threading
import time

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from audit import sealing
from audit.models import AuditEpoch, AuditLog, AuditSeal
from audit.receivers import write
from booking_site.core.actor import command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_horizon")]
NOBODY = command("test")


def tell(count: int = 1, action: str = "test.done") -> None:
    for number in range(count):
        write(actor=NOBODY, action=action, details={"number": number})


def seal() -> list[AuditSeal]:
    return list(sealing.seal_all())


def seal_everything() -> list[AuditSeal]:
    """Other databases of the server have transactions too, and the oldest of them all is waited for."""
    made = seal()
    deadline = time.monotonic() + 30
    while sealing.unsealed()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        made += seal()
    return made


def sealed_ids() -> list:
    return [key for each in AuditSeal.objects.order_by("number") for key in sealing.members_of(each)]


def test_each_row_is_sealed_once_in_the_order_of_writing():
    for count in (3, 0, 2):
        tell(count)
        seal_everything()
    first, second = AuditSeal.objects.order_by("number")
    assert (first.number, first.rows, first.xid_from, first.previous) == (1, 3, 0, sealing.BEGINNING)
    assert (second.number, second.rows, second.xid_from, second.previous) == (2, 2, first.xid_to, first.digest)
    assert sealed_ids() == list(AuditLog.objects.order_by("xid", "seq").values_list("id", flat=True))
    assert sealing.unsealed() == (0, None)
    assert seal() == []


def test_a_transaction_that_still_runs_is_waited_for_and_nobody_waits_for_the_sealer():
    """The control: a row that is committed is sealed at once, when nothing is running."""
    wrote, go_on = threading.Event(), threading.Event()

    def slowly():
        with transaction.atomic():
            tell(action="test.slow")
            wrote.set()
            assert go_on.wait(20)
        connections.close_all()

    writer = threading.Thread(target=slowly)
    writer.start()
    assert wrote.wait(20)
    tell(action="test.quick")  # of a later transaction: it may not be sealed before the slow one has ended
    assert seal() == []
    assert sealing.unsealed()[0] == 1  # the slow one is not to be seen yet
    go_on.set()
    writer.join()
    assert sum(made.rows for made in seal_everything()) == 2
    actions = AuditLog.objects.order_by("xid", "seq").values_list("action", flat=True)
    assert list(actions) == ["test.slow", "test.quick"]
    tell()
    assert len(seal_everything()) == 1


def test_a_batch_is_limited_but_never_splits_a_transaction(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 3)
    with transaction.atomic():
        tell(5)
    seal_everything()
    with transaction.atomic():
        tell(1)
    tell(3)
    assert max(made.rows for made in seal_everything()) <= 3
    assert AuditSeal.objects.get(number=1).rows == 5
    assert len(sealed_ids()) == len(set(sealed_ids())) == 9


def test_two_sealers_do_not_seal_the_same():
    """All start at once, over and over."""
    barrier = threading.Barrier(4)
    made = []

    def work():
        for _ in range(5):
            barrier.wait(20)
            tell(2)
            made.extend(seal())
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal_everything()
    ids = sealed_ids()
    assert len(ids) == len(set(ids)) == AuditLog.objects.count() == 40
    numbers = list(AuditSeal.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_database_stamps_rows_whatever_a_client_says():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_logs (id, action, status, seq, epoch, xid, timestamp) VALUES"
            " (gen_random_uuid(), 'test.forged', 'success', 7, 99, 7, '2001-01-01')"
            " RETURNING epoch, xid, seq, timestamp, pg_current_xact_id()::text::bigint, clock_timestamp()"
        )
        epoch, xid, seq, moment, actual, now = cursor.fetchone()
    assert (epoch, xid) == (1, actual)
    assert seq != 7
    assert 0 <= (now - moment).total_seconds() < 60


def test_after_a_restore_into_another_cluster_a_new_epoch_begins():
    """Its transaction ids are lower than those that were sealed: rows are told apart by the epoch."""
    tell(2)
    seal_everything()
    tell(1)  # not sealed when the old cluster ended
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_begin_epoch('nothing has changed')")
        assert cursor.fetchone() == (1,)
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE audit_epochs SET system_identifier = 1")
        cursor.execute("RESET session_replication_role")
    call_command("seal_audit")
    assert AuditEpoch.objects.count() == 2
    with transaction.atomic():
        tell(3)
    seal_everything()
    spans = AuditSeal.objects.order_by("number").values_list("epoch", "xid_from", "rows")
    last_of_first = AuditSeal.objects.get(number=1).xid_to
    assert list(spans) == [(1, 0, 2), (1, last_of_first, 1), (2, 0, 3)]


def test_seals_are_kept_where_the_settings_say(settings, tmp_path, mailoutbox, caplog, capsys):
    settings.AUDIT_SEALS_FILE = tmp_path / "kept" / "seals.jsonl"
    with transaction.atomic():
        tell(2)
    with caplog.at_level("INFO", logger="audit.seals"):
        for more in (0, 1):
            tell(more)
            while sealing.unsealed()[0]:
                call_command("seal_audit")
    lines = settings.AUDIT_SEALS_FILE.read_text().splitlines()
    assert [json.loads(line)["rows"] for line in lines] == [2, 1]
    assert [record.getMessage() for record in caplog.records if record.name == "audit.seals"] == lines
    capsys.readouterr()
    call_command("export_seals")
    assert capsys.readouterr().out.splitlines() == [lines[1]]
    call_command("export_seals", since=1, mail=["keeper@example.org"], file=tmp_path / "mine.jsonl")
    assert (tmp_path / "mine.jsonl").read_text().splitlines() == lines
    assert lines[0] in mailoutbox[0].body
    assert lines[1] in mailoutbox[0].body
