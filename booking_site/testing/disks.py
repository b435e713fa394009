"""A disk of a test's own, which can lose its power or fill up: an ext4 file system in a file, mounted for the test.

A power cut is FS_IOC_SHUTDOWN without a last flush of the journal, as file systems are tested for power cuts: from that
instant on nothing reaches the image, every write and every fsync fails, and what was written but not synced is gone.
``image`` is then what a disk holds when the power comes back. It is of one instant, as a plain copy of a file that is
being written would not be. Nothing can be acknowledged afterwards, for its fsync fails: everything acknowledged must be
in the image. A server that does not sync loses what it acknowledged, which is the control.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

from booking_site.testing.clusters import scratch

SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN, _IOR('X', 125, __u32)
WITHOUT_FLUSH = struct.pack("I", 2)


class Disk:
    """``folder``/mounted is the file system. ``image``: a file that has one already, else a new one is made."""

    def __init__(self, folder: Path, megabytes: int = 512, *, image: Path | None = None) -> None:
        folder.mkdir(mode=0o711, exist_ok=True)
        self.file = image or folder / "image"
        self.mounted = folder / "mounted"
        self.mounted.mkdir(exist_ok=True)
        if image is None:
            with open(self.file, "wb") as file:
                file.truncate(megabytes << 20)
            _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", str(self.file))
        _run("mount", "-o", "loop,noatime", str(self.file), str(self.mounted))
        self.mounted.chmod(0o711)

    def sync(self) -> None:
        _run("sync", "--file-system", str(self.mounted))

    def cut(self) -> None:
        """The power goes."""
        descriptor = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, WITHOUT_FLUSH)
        finally:
            os.close(descriptor)

    def image(self, to: Path) -> Path:
        """What is on the disk, holes left out."""
        _run("cp", "--sparse=always", "--reflink=auto", str(self.file), str(to))
        return to

    def close(self) -> None:
        """Waits for the last process that has a file open there."""
        for _ in range(1000):
            if not os.path.ismount(self.mounted):
                return
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("umount", str(self.mounted))
                return
            time.sleep(0.01)
        _run("umount", "--lazy", str(self.mounted))


@functools.cache
def why_not() -> str:
    """Why there can be no such disks here; empty where there can."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if missing := [name for name in ("mkfs.ext4", "mount", "umount") if shutil.which(name) is None]:
        return f"{' and '.join(missing)} not installed"
    with scratch() as folder:
        try:
            disk = Disk(folder / "try", 16)
        except subprocess.CalledProcessError as error:
            return f"no file system can be mounted: {error.stderr.strip()}"
        try:
            disk.cut()
        except OSError as error:
            return f"a file system cannot be shut down: {error.strerror}"
        finally:
            disk.close()
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
