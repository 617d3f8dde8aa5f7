"""The checks by name, and how they are run: in order, each only when those it rests on are well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.errors import TriageError, UserError

from .clinic import Clinic


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """``seen``: one sentence; ``todo``: what to do about it, empty where all is well."""

    state: State
    seen: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    finding: Finding
    ms: int


def ok(seen: str) -> Finding:
    return Finding(State.OK, seen)


def warn(seen: str, todo: str) -> Finding:
    return Finding(State.WARN, seen, todo)


def fail(seen: str, todo: str) -> Finding:
    return Finding(State.FAIL, seen, todo)


def skip(seen: str) -> Finding:
    return Finding(State.SKIP, seen)


Run = Callable[[Clinic], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    needs: tuple[str, ...]
    run: Run

    @property
    def about(self) -> str:
        return (self.run.__doc__ or "").strip().splitlines()[0]


CHECKS: dict[str, Check] = {}


def check(name: str, *, needs: Sequence[str] = ()) -> Callable[[Run], Run]:
    """Register the decorated function; what it ``needs`` must be registered before it."""

    def register(run: Run) -> Run:
        unknown = [one for one in needs if one not in CHECKS]
        if name in CHECKS or unknown:
            raise ValueError(f"{name} is registered already, or needs {unknown}")
        CHECKS[name] = Check(name, tuple(needs), run)
        return run

    return register


def examine(clinic: Clinic, only: Sequence[str] = ()) -> Iterator[Result]:
    """Run every check, or ``only`` these with what they rest on. Raises ``UserError`` for unknown names."""
    for name in only:
        if name not in CHECKS:
            raise UserError(f"There is no check named {name}.", hint=f"There are: {', '.join(CHECKS)}.")
    wanted = _closure(only) if only else set(CHECKS)
    well: dict[str, bool] = {}
    for name, one in CHECKS.items():
        if name not in wanted:
            continue
        began = time.perf_counter()
        broken = [need for need in one.needs if not well[need]]
        finding = skip(f"not looked at: {', '.join(broken)} first") if broken else _safely(one, clinic)
        well[name] = finding.state in (State.OK, State.WARN)
        yield Result(name, finding, round((time.perf_counter() - began) * 1000))


def _closure(only: Sequence[str]) -> set[str]:
    found: set[str] = set()
    todo = list(only)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += CHECKS[name].needs
    return found


def _safely(one: Check, clinic: Clinic) -> Finding:
    try:
        return one.run(clinic)
    except UserError as error:
        return fail(str(error), error.hint)
    except TriageError as error:
        return fail(str(error), "See docs/operating.md, doctor.")
    except Exception as error:
        return fail(f"{type(error).__name__} while looking.", "This is a defect of ours: please report it.")
