"""The benchmark counts right, and says what it has found in the shape that was agreed."""

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

import pytest

from bench.compare import chart, driver, measure, profile, report
from bench.compare.workloads import WORKLOADS, Caller

GET = Caller("token").get("appointments")


class Server(ThreadingHTTPServer):
    """Answers with 200 and a body in two pieces, but each ``odd``-th request with 500."""

    daemon_threads = True

    def __init__(self, *, odd=0, delay=0.0, closes=False):
        self.requests = itertools.count(1)
        self.served = 0
        self.odd, self.delay, self.closes = odd, delay, closes
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        assert self.headers["Authorization"] == "Bearer token"
        number = next(self.server.requests)
        time.sleep(self.server.delay)
        if self.server.closes:
            self.close_connection = True
            return
        self.send_response(500 if self.server.odd and number % self.server.odd == 0 else 200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"12345")
        self.wfile.flush()
        self.wfile.write(b"67890")
        self.server.served = number

    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(**how):
        servers.append(Server(**how))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_driver_counts_every_answer_and_those_in_the_time_that_counts(serve):
    server = serve()
    seen = []
    outcome = driver.run(
        server.address,
        itertools.repeat(GET),
        clients=4,
        seconds=0.5,
        warm_up=0.5,
        at_start=lambda: seen.append(server.served),
        at_end=lambda: seen.append(server.served),
    )
    assert outcome.statuses == {200: next(server.requests) - 1}
    assert 0 < len(outcome.latencies) < outcome.statuses[200]
    assert abs(len(outcome.latencies) - (seen[1] - seen[0])) <= 2 * 4  # those on their way at either end
    assert outcome.rps == pytest.approx(len(outcome.latencies) / 0.5, rel=0.2)
    assert outcome.unexpected == b""


def test_driver_takes_little_time_for_a_request(serve):
    server = serve()
    before = time.thread_time()
    outcome = driver.run(server.address, itertools.repeat(GET), clients=4, seconds=1)
    assert (time.thread_time() - before) / sum(outcome.statuses.values()) < 0.000_150


def test_driver_measures_how_long_answers_take(serve):
    outcome = driver.run(serve(delay=0.05).address, itertools.repeat(GET), clients=2, seconds=0.5)
    assert 50 <= outcome.percentile(0.5) < 200


def test_driver_keeps_the_first_answer_that_was_not_meant_to_be(serve):
    outcome = driver.run(serve(odd=3).address, itertools.repeat(GET), clients=2, seconds=0.2)
    assert outcome.statuses[500] > 0
    assert outcome.unexpected.startswith(b"HTTP/1.1 500 ")
    with pytest.raises(SystemExit, match="answers by status"):
        measure.check("ours, W4g", outcome)


def test_driver_refuses_to_go_on_without_requests_or_with_a_broken_connection(serve):
    with pytest.raises(driver.DriverError, match="no more requests"):
        driver.run(serve().address, iter([GET] * 3), clients=1, seconds=5)
    with pytest.raises(driver.DriverError, match="closed a connection"):
        driver.run(serve(closes=True).address, itertools.repeat(GET), clients=1, seconds=5)


def test_volley_sends_all_at_once(serve):
    server = serve(delay=0.2)
    began = time.perf_counter()
    outcome = driver.volley(server.address, [GET] * 16, expected=[200])
    assert outcome.statuses == {200: 16}
    assert len(outcome.latencies) == 16
    assert time.perf_counter() - began < 16 * 0.2


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1, 100), (0.001, 1)])
def test_percentile_is_the_nearest_rank(share, value):
    assert driver.Outcome(latencies=[float(number) for number in range(100, 0, -1)]).percentile(share) == value


def sample(rps, p50=5.0, p99=9.0, cpu=1.0, pss=150.0):
    return measure.Sample(rps, p50, 8.0, p99, cpu, 0.0, 1.0, pss, pss)


def found(ours_rps=1200.0, p99=9.0, pss=150.0, winners=16):
    """A run of three rounds, in which the machine was slower in the last one."""
    ours = [sample(ours_rps, p99=p99, pss=pss), sample(ours_rps * 1.1, pss=pss), sample(ours_rps / 2, pss=pss)]
    peer = [sample(300, p50=20, cpu=3), sample(300, p50=20, cpu=3), sample(150, p50=20, cpu=3)]
    samples = {
        "ours": {name: {8: ours, 32: [sample(1000, p99=p99, pss=pss)]} for name in WORKLOADS},
        "reference_fastapi": {name: {8: peer, 32: [sample(300, p50=20)]} for name in WORKLOADS},
        "pgbench": {name: {8: [sample(9000, pss=None)]} for name in WORKLOADS},
    }
    extra = {
        "ours": {
            "W3": {"winners": winners, "conflicts": 64 - winners, "shared_seats": 0},
            "contested": {"seats": 30, "winners": 30, "p99_ms": 120.0, "deadlocks": 0},
            "profile": {"W2": {"Django": 0.75, "HTTP server": 0.25}},
            "invariants": "hold",
        }
    }
    about = {"cores": 2, "processor": "x", "memory_gb": 8, "load_average": [0.1], "postgresql": "18", "python": "3.12"}
    return report.build(samples, extra, about | {"slots": 1_000_000, "rounds": 3, "seconds": 3})


def test_results_have_the_agreed_shape():
    result = json.loads(json.dumps(found()))
    assert result["ratios"] == dict.fromkeys(WORKLOADS, 4.0)
    assert result["processor_ratios"] == dict.fromkeys(WORKLOADS, 2.0)
    assert set(result["systems"]) == {"ours", "reference_fastapi", "pgbench"}
    of_ours = result["systems"]["ours"]["W1a"]
    assert set(of_ours) == {"c8", "c32"}
    wanted = {"rps": 1200, "p50_ms": 5, "p95_ms": 8, "p99_ms": 9, "cpu_ms_per_request": 1, "rss_mb": 150}
    assert wanted.items() <= of_ours["c8"].items()
    assert result["systems"]["pgbench"]["W2"]["c8"]["rss_mb"] is None
    assert result["systems"]["ours"]["W3"] == {"winners": 16, "conflicts": 48, "shared_seats": 0}
    assert result["machine"]["cores"] == 2


def unmet(result):
    return [demand["what"] for demand in result["demands"] if not demand["met"]]


def test_what_is_met_and_what_is_not():
    assert unmet(found()) == []
    assert unmet(found(ours_rps=800)) == [f"{name}: throughput to that of FastAPI" for name in ("W1a", "W2", "W5")]
    assert unmet(found(p99=20)) == [f"{name}: p99 at 32 clients" for name in WORKLOADS]
    assert unmet(found(pss=201)) == ["memory of the web processes (PSS)"]
    assert unmet(found(winners=17)) == ["W3: 64 clients race for 16 seats"]


def test_report_and_chart_tell_the_figures():
    result = found()
    text = report.markdown(result)
    assert "| W2 book | 1,200 | 300 | 9,000 | 4.0 | 2.0 | 3 |" in text
    assert "| Django | 75% |" in text
    drawn = ElementTree.fromstring(chart.svg(result))
    labels = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "1,200 (4.0x)" in labels
    assert "W2 book" in labels


def test_a_sample_of_a_stack_counts_for_who_has_called_the_library():
    gunicorn = "run (/x/site-packages/gunicorn/workers/gthread.py:1)"
    view = "book (/srv/appointments/views.py:10)"
    json_of_library = "dumps (/usr/lib/python3.12/json/__init__.py:1)"
    lines = [f"{gunicorn};{view};{json_of_library} 3", f"{gunicorn} 1"]
    assert profile.shares("\n".join(lines)) == {"operations and rules": 0.75, "HTTP server": 0.25}
