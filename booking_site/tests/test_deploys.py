"""A new version takes over on a signal (``booking_site.handover``); that nobody notices is tried in test_crashes."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest

from booking_site.testing.clusters import ROOT, Cluster, is_up, scratch, site_environment
from booking_site.testing.deploys import Releases, migrate, put_demands_on, somebody_reads
from booking_site.testing.sites import Site


@pytest.fixture(scope="module")
def cluster():
    with scratch() as folder:
        cluster = Cluster(folder / "pg")
        cluster.start()
        yield cluster
        cluster.kill()


def version(site):
    return urllib.request.urlopen(f"{site.address}/health/live", timeout=10).headers["X-Version"]


def test_a_version_that_starts_takes_over_and_no_other(cluster):
    with scratch() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        releases = Releases(folder)
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(5)
        with Site(cluster, folder, NOTIFY_SOCKET=str(folder / "notify"), **releases.site) as site:
            first = site.master
            assert systemd.recv(1000).startswith(b"READY=1")

            releases.break_()
            assert not site.reload()
            assert site.master == first
            assert version(site) == "0"

            releases.write(1)
            assert site.reload()
            assert version(site) == "1"
            said = [systemd.recv(1000) for _ in range(2)]
            assert said[1] == f"MAINPID={site.master.pid}".encode()
            psutil.wait_procs([sealer for sealer in site.sealers() if sealer.ppid() != site.master.pid], timeout=20)
            assert [sealer.ppid() for sealer in site.sealers()] == [site.master.pid]

            site.stop()
            assert not is_up(site.master)
            psutil.wait_procs(site.sealers(), timeout=20)
            assert site.sealers() == []


def test_who_waits_behind_a_migration_that_does_not_give_way_is_refused(cluster):
    """The control of what ``testing.deploys`` does."""
    with scratch() as folder, Site(cluster, folder, SEALER="off") as site:
        with put_demands_on(cluster, site) as clients, somebody_reads(cluster, 5):
            assert "gives way" not in migrate(cluster, "0001", lock_timeout=0)
        migrate(cluster, "zero")
        assert any("409" in failure for failure in clients.failures)


def test_a_migration_whose_patience_ends_has_done_nothing(cluster):
    with somebody_reads(cluster, 1), pytest.raises(subprocess.CalledProcessError) as raised:
        migrate(cluster, "0001", lock_timeout=0.1, lock_patience=0)
    assert "canceling statement due to lock timeout" in raised.value.output
    assert cluster.execute("SELECT FROM django_migrations WHERE app = 'rollout'") == []


def test_a_sealer_whose_server_had_ended_before_it_looked_ends(cluster):
    """The control is one of the process that is there."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    environment = os.environ | site_environment() | {"DATABASE_URL": cluster.url()}
    command = [sys.executable, "manage.py", "seal_audit", "--every", "0.1", "--with-parent"]
    ours = subprocess.Popen([*command, str(os.getpid())], cwd=ROOT, env=environment)
    try:
        subprocess.run([*command, str(gone.pid)], cwd=ROOT, env=environment, timeout=30, check=True)
        assert ours.poll() is None
    finally:
        ours.send_signal(signal.SIGTERM)
        assert ours.wait(30) == 0
