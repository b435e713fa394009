"""A way to a server that can be cut: a port of ours that passes bytes on, until it hangs up, falls silent, or loses all
packets, as a network does that has come apart."""

import contextlib
import ctypes
import socket
import struct
import sys
import threading

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # of Linux; Python has no names for them


class Relay:
    """To ``host`` and ``port``, or to the socket of PostgreSQL in the folder ``host``."""

    def __init__(self, host: str, port: str) -> None:
        self.target = f"{host}/.s.PGSQL.{port or 5432}" if host.startswith("/") else (host, int(port or 5432))
        self.ends: list[socket.socket] = []
        self.cut = self.is_apart = False
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
            if self.is_apart:
                lose_all(near)
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

    def lose_packets(self, lost: bool) -> None:
        """Nothing arrives and nothing is confirmed, a call neither, so that whoever sends waits and sends again. When
        that is over, what was connected before is hung up on. Linux only."""
        if lost:
            self.is_apart = True
            for end in (self.door, *self.ends):
                with contextlib.suppress(OSError):  # it has been closed
                    lose_all(end)
        elif self.is_apart:
            self.is_apart = False
            for end in (self.door, *self.ends):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
            self.set_cut(True)
            self.set_cut(False)

    def close(self) -> None:
        self.set_cut(True)
        self.door.close()


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


_KEEP_NOTHING = _Instruction(6, 0, 0, 0)  # a program of the kernel's packet filter: return 0 bytes of each packet


def lose_all(end: socket.socket) -> None:
    """The kernel drops each packet to this socket before TCP sees it."""
    program = struct.pack("HL", 1, ctypes.addressof(_KEEP_NOTHING))
    end.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def why_not() -> str:
    """Why no packets can be lost here; empty where they can."""
    if not sys.platform.startswith("linux"):
        return "packets can be lost on Linux only"
    with socket.socket() as end:
        try:
            lose_all(end)
        except OSError as error:
            return f"the kernel takes no packet filter: {error.strerror}"
    return ""


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # the other side was faster
            end.shutdown(socket.SHUT_RDWR)
