"""A worker lets the processes that answer webhooks go first: Sentry waits one second, and a job has time."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def give_way(nice: int) -> None:
    """Lower this process's priority by ``nice``.

    Linux may weigh whole sessions against each other before it looks into one (sched(7), "The autogroup
    feature"); where this process leads its own, the session is lowered too.
    """
    if not nice:
        return
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no such feature
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
