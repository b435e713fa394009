"""Import the 75,283 outpatient bookings of Vitória into a fresh database: how long, and how much memory?

    python bench/import_vitoria.py [FILE]

Runs the real commands, each a process of its own, on an embedded PostgreSQL in a temporary folder. Peak memory is the
command's own, as the kernel counted it (ru_maxrss of the child). Exits with 1 when a figure is missed.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("SHARED_DATA", PROJECT.parent / "shared" / "data"))
MOST_SECONDS = 60
MOST_MEGABYTES = 300


def run(*arguments: str, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak megabytes of one manage.py command."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=PROJECT, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"manage.py {' '.join(arguments)} failed")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return time.monotonic() - began, kilobytes / 1024


def main() -> None:
    file = sys.argv[1] if len(sys.argv) > 1 else str(DATA / "noshow" / "appointments_2016-04-29_to_2016-05-25.csv.gz")
    if not Path(file).is_file():
        sys.exit(f"There is no {file}. Name the file, or set SHARED_DATA.")
    with tempfile.TemporaryDirectory(prefix="import-bench-", ignore_cleanup_errors=True) as var:
        os.chmod(var, 0o755)  # started by root, the embedded server runs as another account
        environment = {**os.environ, "VAR_DIR": var}
        environment.pop("DATABASE_URL", None)
        run("migrate", "-v0", environment=environment)
        missed = False
        for what in ("first run", "second run"):
            for entity in ("patients", "appointments"):
                seconds, megabytes = run("import_csv", entity, file, "--profile", "vitoria", environment=environment)
                print(f"{what}, {entity}: {seconds:.1f} s, {megabytes:.0f} MB at most\n", flush=True)
                missed |= seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES
    print(f"Figures ({MOST_SECONDS} s, {MOST_MEGABYTES} MB each): {'MISSED' if missed else 'met'}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
