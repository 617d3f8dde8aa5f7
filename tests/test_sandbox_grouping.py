"""Which events become one issue."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.sandbox.grouping import hashes

from .sandbox_support import event


def frames(*names: tuple[str, bool]) -> dict[str, Any]:
    listed = [{"module": "shop.db", "function": name, "in_app": in_app} for name, in_app in names]
    return {"exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": listed}}]}}


def error(value: str, kind: str = "E") -> dict[str, Any]:
    return {"exception": {"values": [{"type": kind, "value": value}]}}


def message(text: str) -> dict[str, Any]:
    return {"logentry": {"formatted": text}}


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        (frames(("a", True)), frames(("a", True), ("lib", False)), True),
        (frames(("a", True)), frames(("b", True)), False),
        (frames(("a", False)), frames(("b", False)), False),
        (error("user 17 is gone"), error("user 4 is gone"), True),
        (error("user 17 is gone"), error("order 17 is gone"), False),
        (error("v"), error("v", "F"), False),
        (message("job 6f1e0b2a-0c2d-4b7e-9a53-0d9be7f3a111 failed"), message("job 77 failed"), True),
        (message("job failed"), message("job stopped"), False),
        ({**error("a"), "fingerprint": ["x"]}, {**error("b", "F"), "fingerprint": ["x"]}, True),
        ({**error("a"), "fingerprint": ["{{ default }}"]}, error("a"), True),
        ({**error("a"), "fingerprint": ["{{ default }}", "x"]}, error("a"), False),
        (
            {**error("a"), "fingerprint": ["{{default}}", "x"]},
            {**error("b"), "fingerprint": ["{{default}}", "x"]},
            False,
        ),
    ],
)
def test_same_issue_or_not(one: dict[str, Any], two: dict[str, Any], same: bool) -> None:
    assert (hashes(one) == hashes(two)) is same


def test_a_checksum_wins_over_everything() -> None:
    checksum = "60d1c667b173018c004e399b29dc927d"
    assert hashes(event(checksum=checksum, fingerprint=["x"])) == (checksum,)


@pytest.mark.parametrize("checksum", ["60D1C667B173018C004E399B29DC927D", "short", "g" * 32])
def test_a_checksum_of_another_form_is_hashed(checksum: str) -> None:
    (stored,) = hashes(event(checksum=checksum))
    assert stored != checksum
    assert re.fullmatch(r"[0-9a-f]{32}", stored)


def test_frames_do_not_matter_beside_a_checksum() -> None:
    assert hashes(event(checksum="0" * 32)) == hashes({**error("x"), "checksum": "0" * 32})
