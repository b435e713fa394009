"""gunicorn's worker with threads, and some that serve nothing but health checks: they are answered while all others
wait for the database."""

import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

ASIDE = tuple(
    f"{method} {path}".encode() for method in ("GET", "HEAD") for path in ("/health", "/api/v1/health", "/metrics")
)
LONGEST = 32  # bytes of a request that tell
THREADS = 4
IGNORED = 65536  # bytes, at once
PARTING = 2  # seconds that a client gets to hang up, before it is done for it


class Worker(ThreadWorker):
    busy = 0  # threads, with the requests that wait for one; known to the main thread alone

    def init_process(self) -> None:
        self.aside = ThreadPoolExecutor(THREADS)
        self.parting: deque[TConn] = deque()
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """It is looked at what has come, without taking it. For what has yet to come, the poller waits: no thread does.
        While all threads are busy, health checks go aside."""
        try:
            begins = conn.sock.recv(LONGEST, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            if not conn.initialized and not conn.data_ready:
                self._wait_for(conn)
                return
            begins = b""  # it has been read before
        except OSError:
            begins = b""  # the thread will see
        conn.data_ready = True
        if self.busy >= self.cfg.threads and begins.startswith(ASIDE):
            done = self.aside.submit(self.handle, conn)
            done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))
        else:
            self._serve(conn)

    def _serve(self, conn: TConn) -> None:
        self.busy += 1
        done = self.tpool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self._served, conn, future))

    def _served(self, conn: TConn, future: "Future[object]") -> None:
        self.busy -= 1
        self.finish_request(conn, future)

    def _wait_for(self, conn: TConn) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def murder_keepalived(self, force: bool = False) -> None:
        if force:
            super().murder_keepalived(force)
        else:
            self._close_expired(self.keepalived_conns)

    def murder_pending(self) -> None:
        self._close_expired(self.pending_conns)
        while self.parting and self.parting[0].timeout <= time.monotonic():
            self._hang_up(self.parting[0])

    def _close_expired(self, conns: deque[TConn]) -> None:
        """A request that has come by the moment in which its connection was to be closed is answered first."""
        now = time.monotonic()
        while conns and conns[0].timeout <= now:
            conn = conns.popleft()
            self._forget(conn)
            if _has_come(conn):
                conn.data_ready = True
                self.enqueue_req(conn)
            else:
                conn.close()
                self.nr_conns -= 1

    def finish_request(self, conn: TConn, fs: "Future[object]") -> None:
        """gunicorn's own, but for a connection that is to be closed: there it waits until the client hangs up, for two
        seconds, while nobody else is served."""
        if fs.cancelled() or (fs.exception() is None and not fs.result()):
            self._part_from(conn)
        else:
            super().finish_request(conn, fs)

    def _part_from(self, conn: TConn) -> None:
        """The client has its answer and is told that there will be no other. What it still sends is thrown away until
        it hangs up: were it left unread, the answer could be lost on the way (RFC 9112, 9.6)."""
        conn.timeout = time.monotonic() + PARTING
        self.parting.append(conn)
        try:
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._ignore, conn))
            conn.sock.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            self._hang_up(conn)

    def _ignore(self, conn: TConn, client: socket.socket) -> None:
        try:
            if client.recv(IGNORED):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._hang_up(conn)

    def _hang_up(self, conn: TConn) -> None:
        self.parting.remove(conn)
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def _forget(self, conn: TConn) -> None:
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)


def _has_come(conn: TConn) -> bool:
    try:
        return bool(conn.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False
