"""``doctor``: one registered check a function; each says what it saw and, when it is not well, what to do."""

from __future__ import annotations

from . import local, model, sentry, web
from .clinic import Clinic
from .registry import CHECKS, Finding, Result, State, examine

__all__ = ["CHECKS", "Clinic", "Finding", "Result", "State", "examine", "local", "model", "sentry", "web"]
