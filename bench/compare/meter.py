"""What a group of processes has used: time of the processor, and memory."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import psutil

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """``pss`` divides what processes share among them, so that it can be added up. Linux tells it; elsewhere 0."""

    rss_mb: float
    pss_mb: float


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_seconds(pid: int, *, but: Callable[[psutil.Process], bool] = lambda _process: False) -> float:
    """Of a process and all below it, those that have ended included; without those that are ``but``."""
    ended = psutil.Process(pid).cpu_times()
    total = getattr(ended, "children_user", 0) + getattr(ended, "children_system", 0)
    for process in tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if not but(process):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def memory(processes: list[psutil.Process]) -> Memory:
    rss = pss = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            rss += process.memory_info().rss
            with contextlib.suppress(psutil.AccessDenied):
                pss += getattr(process.memory_full_info(), "pss", 0)
    return Memory(round(rss / MB, 1), round(pss / MB, 1))
