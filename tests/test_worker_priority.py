"""A worker steps back behind the processes that answer webhooks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from app.cli import _priority
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .live import Live, wait_until

GIVE_WAY = """
import os
from app.cli._priority import give_way
from tests.test_worker_priority import session_nice
give_way({})
print(os.nice(0), session_nice())
"""


def session_nice() -> str:
    """The nice value of this process's session, ``-`` where Linux keeps none.

    The file is empty in a session of the boot's own group: a container's or a virtual machine's first
    processes and what they start (``proc_sched_autogroup_show_task`` in kernel/sched/autogroup.c).
    """
    words = _priority.AUTOGROUP.read_text().split() if _priority.AUTOGROUP.exists() else []
    return words[-1] if words else "-"


def after(nice: int, *, leader: bool) -> tuple[int, str]:
    """A process's own nice value and its session's, after ``give_way(nice)``."""
    done = subprocess.run(
        [sys.executable, "-c", GIVE_WAY.format(nice)],
        start_new_session=leader,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    own, session = done.stdout.split()
    return int(own), session


def test_the_process_and_the_session_it_leads_are_lowered() -> None:
    own, session = after(7, leader=True)
    assert own == min(os.nice(0) + 7, 19)
    assert session == ("7" if _priority.AUTOGROUP.exists() else "-")


def test_a_kernel_that_says_not_now_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes one change in a tenth of a second, of all users together but root."""

    class Busy:
        said: ClassVar[list[str]] = []

        def write_text(self, text: str, encoding: str) -> None:
            self.said.append(text)
            if len(self.said) < 3:
                raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(_priority, "AUTOGROUP", Busy())
    _priority._lower_session(7)
    assert Busy.said == ["7"] * 3


def test_a_session_of_others_is_left_alone() -> None:
    assert after(7, leader=False) == (min(os.nice(0) + 7, 19), session_nice())


def test_nothing_is_changed_where_none_is_wished() -> None:
    assert after(0, leader=True)[0] == os.nice(0)


@pytest.mark.parametrize(("setting", "nice"), [({}, 10), ({"TRIAGE_WORKER_NICE": "3"}, 3)])
def test_the_worker_does_it(tmp_path: Path, setting: dict[str, str], nice: int) -> None:
    with (
        SandboxServer(SandboxSentry()) as sandbox,
        Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}", **setting) as live,
    ):
        live.release()
        worker = live.worker("w")
        wait_until(lambda: "takes jobs" in live.logs()["w.log"], 30, "the worker runs")
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == min(os.nice(0) + nice, 19)
