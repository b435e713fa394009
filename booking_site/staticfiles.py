"""Style sheets, scripts and pictures under STATIC_ROOT, collected only when they have changed."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect() -> None:
    """``collectstatic``, unless it would find the very files that it found last time (path, size and time)."""
    fingerprint = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list(ignore_patterns=None):
            about = Path(storage.path(path)).stat()
            fingerprint.update(f"{path}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    mark = Path(settings.STATIC_ROOT) / ".collected"
    if not mark.exists() or mark.read_text() != fingerprint.hexdigest():
        call_command("collectstatic", interactive=False, verbosity=0)
        mark.write_text(fingerprint.hexdigest())
