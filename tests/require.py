"""What a test needs of the machine: without it the test is skipped, or fails where it must not be."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

VARIABLE = "TRIAGE_TEST_REQUIRE"
"""Names, separated by commas, of what must be there: ``postgres,chromium``. CI sets it."""


def require(name: str, how: str) -> NoReturn:
    """End the test because ``name`` is not there. ``how``: how to get it."""
    reason = f"no {name}: {how}"
    if name in os.environ.get(VARIABLE, "").split(","):
        pytest.fail(f"{reason} ({VARIABLE} says that it must be there)")
    pytest.skip(reason)
