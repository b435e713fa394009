"""gunicorn's worker with threads, and some that serve nothing but health checks: they are answered while all others
wait for the database."""

import selectors
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

ASIDE = tuple(
    f"{method} {path}".encode() for method in ("GET", "HEAD") for path in ("/health", "/api/v1/health", "/metrics")
)
LONGEST = 32  # bytes of a request that tell
THREADS = 4


class Worker(ThreadWorker):
    busy = 0  # threads, with the requests that wait for one; known to the main thread alone

    def init_process(self) -> None:
        self.aside = ThreadPoolExecutor(THREADS)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """While a thread is free, as ever. Else it is looked at what has come, without taking it; for what has yet to
        come, the poller waits."""
        if self.busy < self.cfg.threads:
            self._serve(conn)
            return
        try:
            begins = conn.sock.recv(LONGEST, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            if not conn.initialized and not conn.data_ready:
                self._wait_for(conn)
                return
            begins = b""  # it has been read before
        except OSError:
            begins = b""  # the thread will see
        if begins.startswith(ASIDE):
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
