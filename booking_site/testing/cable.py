"""The way from the site to its database, in the hands of a test."""

import contextlib
import socket
import threading
from typing import Any
from urllib.parse import quote


class Cable:
    """A port of ours that passes bytes on. ``set_cut``: connections end, and new ones too. ``set_frozen``: all stay
    open, and nothing passes; what was sent meanwhile passes afterwards."""

    def __init__(self, host: str, port: str) -> None:
        self.target = f"{host}/.s.PGSQL.{port or 5432}" if host.startswith("/") else (host, int(port or 5432))
        self.ends: list[socket.socket] = []
        self.cut = False
        self.flows = threading.Event()
        self.flows.set()
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
            if isinstance(self.target, str):
                far = socket.socket(socket.AF_UNIX)
                far.connect(self.target)
            else:
                far = socket.create_connection(self.target)
            self.ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def url(self, settings: dict[str, Any]) -> str:
        """The DATABASE_URL that leads through it to a database of Django's settings."""
        password = f":{quote(settings['PASSWORD'])}" if settings["PASSWORD"] else ""
        return f"postgresql://{quote(settings['USER'])}{password}@127.0.0.1:{self.port}/{quote(settings['NAME'])}"

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.flows.wait()
                if not self.passes(data, one, other):
                    break
                other.sendall(data)
        hang_up(one, other)

    def passes(self, data: bytes, one: socket.socket, other: socket.socket) -> bool:
        """For tests that cut it at a certain word."""
        return True

    def set_cut(self, cut: bool) -> None:
        self.cut = cut
        if cut:
            hang_up(*self.ends)
            self.ends = []

    def set_frozen(self, frozen: bool) -> None:
        if frozen:
            self.flows.clear()
        else:
            self.flows.set()

    def close(self) -> None:
        self.set_frozen(False)
        self.set_cut(True)
        self.door.close()


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # the other side was faster
            end.shutdown(socket.SHUT_RDWR)
