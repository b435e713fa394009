"""What happens to connections at their end (``booking_site.worker``), over a server of its own that answers "ok"."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from booking_site.testing.clusters import ROOT

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
OURS, GUNICORNS = "booking_site.worker.Worker", "gthread"


@contextlib.contextmanager
def server(folder, worker):
    (folder / "saying_ok.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "saying_ok", "--worker-class", worker, "--threads", "2"]
        process = subprocess.Popen(
            [*command, "--bind", f"fd://{listener.fileno()}", "--keep-alive", "5", "--log-level", "critical"],
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(folder)},
            start_new_session=True,
        )
        try:
            yield process, lambda: socket.create_connection(listener.getsockname(), timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ask(connection, how="keep-alive"):
    connection.sendall(f"GET / HTTP/1.1\r\nHost: here\r\nConnection: {how}\r\n\r\n".encode())


def answer(connection):
    """As a whole, or what came of it."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while not said.endswith(b"\r\n\r\nok") and (more := connection.recv(4096)):
            said += more
    return said


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(20)


@pytest.mark.parametrize("worker", [OURS, GUNICORNS])
def test_who_says_nothing_keeps_nobody_waiting(tmp_path, worker):
    """The control: gunicorn's own worker gives each of them a thread for five seconds."""
    with server(tmp_path, worker) as (_, connect):
        with connect() as early:
            ask(early)
            assert answer(early)
        silent = [connect() for _ in range(4)]
        time.sleep(0.2)
        with connect() as other:
            other.settimeout(1)
            ask(other)
            try:
                is_answered = bool(answer(other))
            except TimeoutError:
                is_answered = False
        assert is_answered == (worker == OURS)
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("worker", [OURS, GUNICORNS])
def test_who_does_not_hang_up_keeps_nobody_waiting(tmp_path, worker):
    """The control: gunicorn's own worker waits for them, one after the other."""
    with server(tmp_path, worker) as (_, connect):
        lingering = [connect() for _ in range(2)]
        for connection in lingering:
            ask(connection, "close")
            assert answer(connection)
        began = time.monotonic()
        with connect() as other:
            ask(other)
            assert answer(other)
        assert (time.monotonic() - began < 1) == (worker == OURS)
        for connection in lingering:
            connection.close()


@pytest.mark.parametrize("worker", [OURS, GUNICORNS])
def test_a_server_that_stops_answers_all_that_it_did_not_refuse(tmp_path, worker):
    """Clients that are idle when the server is told to stop, and ask again while it waits for that, one by one. The
    control: gunicorn's own worker waits for the first to hang up, and then has no time left for the others."""
    with server(tmp_path, worker) as (process, connect):
        connections = []
        for _ in range(20):
            connections.append(connect())
            ask(connections[-1])
            assert answer(connections[-1])
        process.terminate()
        time.sleep(1)
        for connection in connections:
            assert is_open(connection)
            ask(connection)
            time.sleep(0.02)
        lost = [connection for connection in connections if b"Connection: close" not in answer(connection)]
        assert bool(lost) == (worker == GUNICORNS)
        for connection in connections:
            connection.close()
        assert process.wait(10) == 0


def test_what_a_client_goes_on_sending_is_read_until_it_hangs_up(tmp_path):
    """Else the answer could be lost on its way."""
    with server(tmp_path, OURS) as (_, connect), connect() as connection:
        ask(connection, "close")
        connection.sendall(b"x" * 100_000)
        assert answer(connection).endswith(b"ok")


def test_who_never_hangs_up_is_hung_up_on(tmp_path):
    with server(tmp_path, OURS) as (_, connect), connect() as connection:
        ask(connection, "close")
        assert answer(connection)
        time.sleep(3.5)
        connection.sendall(b"x")
        time.sleep(0.1)
        with pytest.raises(ConnectionError):
            connection.sendall(b"x")
