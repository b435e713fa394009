"""Requests that reach the site at the same moment, each on a connection of its own that is open already.

One thread writes them all and reads the answers as they come, so that what is measured is the site: many threads of one
process would wait for each other.
"""

import json
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 60  # seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """``status`` None: the connection was lost. ``seconds``: from when the first request of the volley was sent."""

    status: int | None
    body: dict[str, Any]
    seconds: float

    @property
    def code(self) -> str | None:
        return self.body.get("code")


class Battery:
    def __init__(self, address: str, token: str, connections: int) -> None:
        self.place = urlsplit(address)
        self.token = token
        self.sockets: list[socket.socket] = [self._open() for _ in range(connections)]

    def __enter__(self) -> "Battery":
        return self

    def __exit__(self, *exception: object) -> None:
        for connection in self.sockets:
            connection.close()

    def request(self, path: str, body: Mapping[str, Any], key: str | None) -> bytes:
        content = json.dumps(body).encode()
        head = [
            f"POST /api/v1/{path} HTTP/1.1",
            f"Host: {self.place.netloc}",
            f"Authorization: Bearer {self.token}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
            *([f"Idempotency-Key: {key}"] if key else []),
        ]
        return "\r\n".join([*head, "", ""]).encode() + content

    def fire(self, requests: Sequence[bytes]) -> list[Reply]:
        """The answers in the order of the requests, of which there are no more than connections."""
        began = time.perf_counter()
        replies: dict[int, Reply] = {}
        with selectors.DefaultSelector() as selector:
            for place, content in enumerate(requests):
                self._send(place, content)
                selector.register(self.sockets[place], selectors.EVENT_READ, (place, bytearray()))
            while len(replies) < len(requests):
                ready = selector.select(TIMEOUT)
                assert ready, f"{len(requests) - len(replies)} of {len(requests)} requests were never answered"
                for chosen, _ in ready:
                    place, received = chosen.data
                    if (reply := self._read(place, received, began)) is not None:
                        selector.unregister(chosen.fileobj)
                        replies[place] = reply
        for place in [place for place, reply in replies.items() if reply.status is None]:
            self._renew(place)
        return [replies[place] for place in range(len(requests))]

    def _send(self, place: int, content: bytes) -> None:
        try:
            self.sockets[place].sendall(content)
        except OSError:
            self._renew(place)  # the site has closed what was idle for too long
            self.sockets[place].sendall(content)

    def _read(self, place: int, received: bytearray, began: float) -> Reply | None:
        """None while there is more to come."""
        try:
            data = self.sockets[place].recv(65536)
        except OSError:
            data = b""
        received += data
        head, found, body = bytes(received).partition(b"\r\n\r\n")
        seconds = time.perf_counter() - began
        if not data:
            return Reply(None, {}, seconds)
        if not found:
            return None
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if len(body) < int(headers["content-length"]):
            return None
        if headers.get("connection", "").lower() == "close":
            self._renew(place)
        return Reply(int(lines[0].split()[1]), json.loads(body), seconds)

    def _renew(self, place: int) -> None:
        self.sockets[place].close()
        self.sockets[place] = self._open()

    def _open(self) -> socket.socket:
        connection = socket.create_connection((str(self.place.hostname), int(self.place.port or 80)), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
