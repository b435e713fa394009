"""A way to a server that can be cut: a port of ours that passes bytes on, until it hangs up or falls silent."""

import contextlib
import socket
import threading


class Relay:
    """To ``host`` and ``port``, or to the socket of PostgreSQL in the folder ``host``."""

    def __init__(self, host: str, port: str) -> None:
        self.target = f"{host}/.s.PGSQL.{port or 5432}" if host.startswith("/") else (host, int(port or 5432))
        self.ends: list[socket.socket] = []
        self.cut = False
        self.passes = threading.Event()
        self.passes.set()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            try:
                if isinstance(self.target, str):
                    far = socket.socket(socket.AF_UNIX)
                    far.connect(self.target)
                else:
                    far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self.ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.passes.wait()
                other.sendall(data)
        hang_up(one, other)

    def set_cut(self, cut: bool) -> None:
        """Hang up, and take no more calls. Nothing that was sent before arrives any more."""
        self.cut = cut
        if cut:
            hang_up(*self.ends)
            self.ends = []
            self.passes.set()

    def fall_silent(self) -> None:
        """Connections stay, and nothing comes through them: neither side is told."""
        self.passes.clear()

    def close(self) -> None:
        self.set_cut(True)
        self.door.close()


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # the other side was faster
            end.shutdown(socket.SHUT_RDWR)
