"""A disk that is full when the test says so: a small file system of its own, or a limit on files' sizes."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from .live import Live

SIZE = "48m"


class Disk(Protocol):
    """A folder for the database; ``live``: whose processes use it."""

    folder: Path

    def fill(self, live: Live) -> None: ...

    def empty(self, live: Live) -> None: ...


class MountedDisk:
    """A file system of its own, filled to the last byte by a file of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, live: Live) -> None:
        for block in (1 << 20, 4096):
            with self._ballast.open("ab", buffering=0) as file:
                fill_up(file.fileno(), block)

    def empty(self, live: Live) -> None:
        self._ballast.unlink()


class LimitedDisk:
    """No process may make a file longer, or write into one: they see ``EFBIG`` instead of ``ENOSPC``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, live: Live) -> None:
        self._limit(live, 0)

    def empty(self, live: Live) -> None:
        self._limit(live, resource.RLIM_INFINITY)

    def _limit(self, live: Live, most: int) -> None:
        for pid in live.pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def fill_up(file: int, block: int) -> None:
    try:
        while os.write(file, b"\0" * block):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """Skip where we may not mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "triage-test", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield MountedDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def limited(folder: Path) -> Iterator[Disk]:
    """Skip where another process cannot be limited."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("the size of files cannot be limited here")
    folder.mkdir()
    yield LimitedDisk(folder)
