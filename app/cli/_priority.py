"""A worker lets the processes that answer webhooks go first: Sentry waits one second, and a job has time."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

log = logging.getLogger(__name__)

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(nice: int) -> None:
    """Lower this process's priority by ``nice``.

    Linux may weigh whole sessions against each other before it looks into one (sched(7), "The autogroup
    feature"); where this process leads its own, the session is lowered too.
    """
    if not nice:
        return
    os.nice(nice)
    if os.getsid(0) == os.getpid() and AUTOGROUP.exists():
        try:
            _lower_session(nice)
        except OSError as error:
            log.warning("the session's priority stays as it is: %s", error)


@retry(
    retry=retry_if_exception_type(BlockingIOError),
    wait=wait_random(0.1, 0.2),
    stop=stop_after_delay(5),
    reraise=True,
)
def _lower_session(nice: int) -> None:
    """Linux takes one such change in a tenth of a second from all who are not root."""
    AUTOGROUP.write_text(str(nice), encoding="ascii")
