"""How long ``demo --size city`` takes, and the most memory it needs: in an embedded server of its own.

    python bench/demo_city.py [--size city]

Prints one JSON object. ``seconds``: wall clock of the command, its start included. ``database_cpu_seconds``: processor
time of the server process that did the work; where it is well below ``seconds`` on an idle disk, the machine was
busy with something else. ``command_mb``, ``database_mb``: the most resident memory of the command, and of the server's
processes without what they share (``shared_buffers``, 256 MB, comes once on top).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


def measure(size: str, var_dir: Path) -> dict[str, object]:
    environment = {**os.environ, "VAR_DIR": str(var_dir), "DATABASE_URL": ""}
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    command_bytes = database_bytes = 0
    cpu: dict[int, float] = {}
    began = time.monotonic()
    process = subprocess.Popen(
        [*manage, "demo", "--size", size], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    command = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            command_bytes = max(command_bytes, command.memory_info().rss)
            private = 0
            for server in servers(var_dir):
                private += server.memory_full_info().uss
                times = server.cpu_times()
                cpu[server.pid] = times.user + times.system
            database_bytes = max(database_bytes, private)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            pass  # it ended while we looked
        time.sleep(0.5)
    seconds = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"demo --size {size} ended with status {process.returncode}")
    return {
        "size": size,
        "seconds": round(seconds, 1),
        "database_cpu_seconds": round(max(cpu.values()), 1),
        "command_mb": round(command_bytes / 1e6),
        "database_mb": round(database_bytes / 1e6),
        "load_average": os.getloadavg(),
        "cores": os.cpu_count(),
        "printed": process.stdout.read().strip(),
    }


def servers(var_dir: Path) -> list[psutil.Process]:
    """The processes of the embedded server, once it runs."""
    try:
        postmaster = psutil.Process(int((var_dir / "postgres/data/postmaster.pid").read_text().splitlines()[0]))
    except (OSError, IndexError, psutil.NoSuchProcess):
        return []
    return [postmaster, *postmaster.children(recursive=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="city")
    options = parser.parse_args()
    var_dir = Path(tempfile.mkdtemp(prefix="demo-bench-"))
    os.chmod(var_dir, 0o755)  # started by root, the server runs as another user
    try:
        print(json.dumps(measure(options.size, var_dir), indent=2))
    finally:
        for server in servers(var_dir):
            server.wait(30)  # it stops by itself when its last user has ended
        shutil.rmtree(var_dir, ignore_errors=True)


if __name__ == "__main__":
    main()
