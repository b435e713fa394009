"""Requests that no browser sends, byte by byte to the server as it runs: refused, one answer each, nothing of ours led
elsewhere, never a 500."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from booking_site.testing import cleaning
from booking_site.testing.fixtures import serving
from booking_site.testing.problems import PROBLEM

EVIL = b"evil.example"


@pytest.fixture(scope="module")
def address(django_db_setup, django_db_blocker):
    """One server for the file: no test of it writes a row, but of the audit log. It has a proxy, which is none of those
    who ask."""
    with django_db_blocker.unblock(), serving(TRUSTED_PROXIES="10.0.0.0/8") as served:
        yield urlsplit(served)
    with django_db_blocker.unblock():
        cleaning.restore()


@pytest.fixture
def ask(address):
    """``ask(*lines, body=b"")``: all that comes back until the server closes, or says no more."""

    def send(*lines: bytes, body: bytes = b"") -> bytes:
        with socket.create_connection((address.hostname, address.port), timeout=3) as connection:
            connection.sendall(b"\r\n".join([*lines, b"", body]))
            said = b""
            try:
                while chunk := connection.recv(65536):
                    said += chunk
            except (TimeoutError, ConnectionResetError):
                pass
        return said

    return send


def statuses(said: bytes) -> list[int]:
    """Of each answer in what came back."""
    return [int(line.split()[1]) for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.")]


CLOSE = b"Connection: close"
HOSTS = [
    *(b"evil.example", b"", b"127.0.0.1.evil.example", b"evil.example:127.0.0.1", b"127.0.0.1@evil.example"),
    *(b"127.0.0.1:8000@evil.example", b"127.0.0.1, evil.example", b"127.0.0.1/evil.example", b"127.0.0.1:abc"),
    *(b"127.0.0.1 evil.example", b"[::1", b"::1", b"[::1]evil", b"0x7f000001", b"2130706433", b"*", b".", b"-"),
    *(b"\xc3\xa9.example", b"<script>", b"127.0.0.1%00.evil.example", b"127.0.0.1#evil", b"a" * 5000),
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_not_ours_is_a_400(ask, host):
    for path in (b"/", b"/admin/", b"/api/v1/doctors", b"/nothing", b"/oauth/token"):
        said = ask(b"GET " + path + b" HTTP/1.1", b"Host: " + host, b"Accept: text/html", CLOSE)
        assert statuses(said) == [400], (path, said[:300])
        assert EVIL not in said


def test_hosts_that_are_ours_are_answered(ask):
    """The control of the test above."""
    for host in (b"127.0.0.1", b"localhost:9", b"LOCALHOST", b"localhost."):
        assert statuses(ask(b"GET /admin/login/ HTTP/1.1", b"Host: " + host, CLOSE)) == [200], host


def test_two_hosts_or_none_or_one_in_the_address(ask):
    assert statuses(ask(b"GET / HTTP/1.1", b"Host: 127.0.0.1", b"Host: evil.example", CLOSE)) == [400]
    assert statuses(ask(b"GET / HTTP/1.1", b"Host: evil.example", b"Host: 127.0.0.1", CLOSE)) == [400]
    assert statuses(ask(b"GET / HTTP/1.1", b"Host : 127.0.0.1", CLOSE)) == [400]
    for lines in (
        (b"GET http://evil.example/ HTTP/1.1", b"Host: 127.0.0.1"),
        (b"GET http://evil.example/api/v1/patients HTTP/1.1", b"Host: 127.0.0.1"),
        (b"GET //evil.example/ HTTP/1.1", b"Host: 127.0.0.1"),
        (b"GET / HTTP/1.0",),
        (b"GET evil.example HTTP/1.1", b"Host: 127.0.0.1"),
    ):
        said = ask(*lines, CLOSE)
        assert len(statuses(said)) == 1, said[:300]
        assert statuses(said)[0] < 500
        assert b"Location: //evil" not in said
        assert b"Location: http" not in said


def test_what_a_stranger_says_was_forwarded_is_not_believed(ask):
    for name in (b"X-Forwarded-Host", b"X-Host", b"X-Original-Host", b"Forwarded", b"X-Forwarded-Server"):
        said = ask(b"GET / HTTP/1.1", b"Host: 127.0.0.1", name + b": host=evil.example;proto=https", CLOSE)
        assert statuses(said) == [302]
        assert EVIL not in said
    for name in (b"X-Original-URL", b"X-Rewrite-URL", b"X-Forwarded-Prefix", b"X-Script-Name", b"Script-Name"):
        said = ask(b"GET /nothing HTTP/1.1", b"Host: 127.0.0.1", name + b": /admin/login/", CLOSE)
        assert statuses(said) == [404], name


def test_https_is_not_believed_of_a_stranger(django_db_setup, django_db_blocker):
    """A server that wants HTTPS leads there, whatever the stranger says; health is answered."""
    with django_db_blocker.unblock(), serving(TRUSTED_PROXIES="10.0.0.0/8", HTTPS="on") as served:
        where = urlsplit(served)
        for name in (b"X-Forwarded-Proto", b"X_Forwarded_Proto", b"X-Forwarded-Protocol", b"X-Forwarded-Ssl"):
            with socket.create_connection((where.hostname, where.port), timeout=3) as connection:
                lines = [b"GET /admin/login/ HTTP/1.1", b"Host: 127.0.0.1", name + b": https", CLOSE, b"", b""]
                connection.sendall(b"\r\n".join(lines))
                said = connection.recv(65536)
            assert statuses(said)[0] in (301, 400), name
            assert b"sessionid" not in said


SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
FRAMES = {
    "both": [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
    "both, the other way round": [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
    "two lengths": [b"Content-Length: 5", b"Content-Length: 0"],
    "two equal lengths": [b"Content-Length: 5", b"Content-Length: 5"],
    "a list of lengths": [b"Content-Length: 5, 5"],
    "a signed length": [b"Content-Length: +5"],
    "a length below zero": [b"Content-Length: -5"],
    "a length in hex": [b"Content-Length: 0x5"],
    "a length with a space": [b"Content-Length: 5 5"],
    "a length of other digits": [b"Content-Length: \xd9\xa5"],
    "a space before the colon": [b"Transfer-Encoding : chunked"],
    "a vertical tab": [b"Transfer-Encoding:\x0bchunked"],
    "chunked twice": [b"Transfer-Encoding: chunked, chunked"],
    "chunked twice, in two": [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    "chunked first": [b"Transfer-Encoding: chunked, identity"],
    "not chunked": [b"Transfer-Encoding: identity"],
    "nearly chunked": [b"Transfer-Encoding: xchunked"],
    "folded": [b"Transfer-Encoding:", b" chunked"],
    "quoted": [b'Transfer-Encoding: "chunked"'],
    "with an underscore": [b"Content-Length: 5", b"Transfer_Encoding: chunked"],
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_body_whose_end_is_doubtful_is_refused_and_nothing_behind_it_answered(ask, frame):
    said = ask(b"POST /api/v1/patients HTTP/1.1", b"Host: 127.0.0.1", *FRAMES[frame], body=b"0\r\n\r\n" + SMUGGLED)
    [first, *more] = statuses(said)
    assert 400 <= first <= 501, said[:300]
    assert first != 500
    if frame == "with an underscore":  # the header is dropped, and what is left has one length: two honest requests
        assert more in ([], [200])
    else:
        assert more == [], said[:500]


CHUNKS = [
    *(b"zz\r\n", b"-1\r\n\r\n", b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"5 \nhello\r\n", b"5\nhello\n0\n\n"),
    *(
        b"5\r\nhelloXX0\r\n\r\n",
        b"fffffffffffffffffffff\r\nx",
        b" 5\r\nhello\r\n",
        b"5\r\nhello\r\n0\r\nHost: x\r\n\r\n",
    ),
    *(b"0\r\nTransfer-Encoding: chunked\r\n\r\n",),
]


@pytest.mark.parametrize("chunks", CHUNKS)
def test_broken_chunks_are_refused(ask, chunks):
    head = (b"POST /api/v1/patients HTTP/1.1", b"Host: 127.0.0.1", b"Transfer-Encoding: chunked", CLOSE)
    said = ask(*head, body=chunks + SMUGGLED)
    assert len(statuses(said)) <= 1, said
    assert all(400 <= status < 500 for status in statuses(said)), said[:300]


def test_headers_that_are_too_many_too_long_or_none(ask):
    head = (b"GET /health/live HTTP/1.1", b"Host: 127.0.0.1", CLOSE)
    assert statuses(ask(*head, *(b"X-%d: 1" % n for n in range(50)))) == [200]
    for more in (
        [b"X-%d: 1" % n for n in range(200)],
        [b"X-Long: " + b"x" * 20_000],
        [b"X-\x00: 1"],
        [b"X-A: \x00"],
        [b"X-A: a\rb"],
        [b": 1"],
        [b"no colon"],
        [b"X(A): 1"],
    ):
        [status] = statuses(ask(*head, *more))
        assert 400 <= status < 500, more[0][:40]
    for line in (b"GET /" + b"x" * 20_000 + b" HTTP/1.1", b"GET / HTTP/2.0", b"GET  / HTTP/1.1", b"GET /\x00 HTTP/1.1"):
        assert all(400 <= status < 506 and status != 500 for status in statuses(ask(line, *head[1:]))), line[:40]


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        ([b"GET /api/v1/doctors?search=" + b"Zyxwvutsr" * 1000 + b" HTTP/1.1"], 414, "address_too_long"),
        ([b"GET / HTTP/1.1", b"X-Long: " + b"Zyxwvutsr" * 2000], 431, "headers_too_large"),
        ([b"GET / Zyxwvutsr"], 400, "bad_request"),
        ([b"GET / HTTP/1.1", b"Zyxwvutsr"], 400, "bad_request"),
    ],
    ids=["address", "header", "line", "colon"],
)
def test_what_never_reaches_the_site_is_answered_as_the_site_does(ask, lines, status, code):
    said = ask(*lines, b"Host: 127.0.0.1")
    head, _, body = said.partition(b"\r\n\r\n")
    assert statuses(said) == [status]
    document = json.loads(body)
    assert document.keys() == PROBLEM
    assert (document["status"], document["code"]) == (status, code)
    for header in (b"content-type: application/problem+json", b"x-content-type-options: nosniff", b"x-request-id: "):
        assert header in head.lower()
    assert b"Zyxwvutsr" not in said


def test_an_address_may_have_as_many_bytes_as_its_refusal_says(ask):
    asked = b"GET /api/v1/doctors?search= HTTP/1.1"
    for length, status in ((8190, 401), (8191, 414)):
        line = asked.replace(b"= ", b"=" + b"x" * (length - len(asked)) + b" ")
        assert statuses(ask(line, b"Host: 127.0.0.1", CLOSE)) == [status], length
    assert b"longer than 8190 bytes" in ask(line, b"Host: 127.0.0.1", CLOSE)


@pytest.mark.parametrize("method", [b"TRACE", b"TRACK", b"CONNECT", b"DEBUG", b"PROPFIND", b"BREW", b"get", b"G\tT"])
def test_methods_that_we_do_not_have_are_refused_everywhere(ask, method):
    for path in (b"/", b"/admin/login/", b"/api/v1/doctors", b"/health/live", b"/docs", b"/static/console/console.js"):
        said = ask(method + b" " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"X-Secret: of the browser", CLOSE)
        [status] = statuses(said)
        assert 400 <= status <= 501, (path, said[:200])
        assert status != 500
        assert b"of the browser" not in said
        if status == 405:
            assert b"\r\nAllow: " in said


def test_no_other_method_hides_behind_a_header(ask):
    for name in (b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override"):
        said = ask(b"POST /health/live HTTP/1.1", b"Host: 127.0.0.1", name + b": GET", b"Content-Length: 0", CLOSE)
        assert statuses(said) == [405], name
        said = ask(b"GET /health/live?_method=DELETE HTTP/1.1", b"Host: 127.0.0.1", name + b": DELETE", CLOSE)
        assert statuses(said) == [200], name
