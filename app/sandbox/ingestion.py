"""What may happen between the edge and the store, as knobs: late, discarded, or a Sentry without checksums.

A 200 of the edge means accepted, not stored; clients that rely on more are found out with these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .model import Event


def in_a_thread(seconds: float, work: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


def keep_all(_event: Event) -> bool:
    return False


@dataclass
class Ingestion:
    """``delay``: seconds until an accepted event is stored. ``discard``: an inbound filter, true drops.

    ``honours_checksum`` off: as a future Sentry that groups by fingerprint and stack trace alone.
    """

    delay: float = 0.0
    discard: Callable[[Event], bool] = keep_all
    honours_checksum: bool = True
    later: Callable[[float, Callable[[], None]], None] = in_a_thread
