"""Workflows whose thread died while their worker lives."""

from __future__ import annotations

from app.jobs.orphans import Orphans


def test_an_orphan_is_what_nobody_ran_for_as_long_as_we_are_patient() -> None:
    now = 0.0
    orphans = Orphans(6.0, clock=lambda: now)
    assert orphans.among({"a", "b", "c"}, {"b"}) == []
    now = 3.0
    assert orphans.among({"a", "b", "c"}, {"b", "c"}) == [], "c was only just taken"
    now = 6.0
    assert orphans.among({"a", "b", "c"}, {"b"}) == ["a"], "c waits anew"
    assert orphans.among({"b", "c"}, {"b"}) == [], "a is done, or another worker's"
    now = 12.0
    assert orphans.among({"a", "b", "c"}, {"b"}) == ["c"]
    now = 13.0
    assert orphans.among({"a", "b", "c"}, {"b"}) == [], "c was put back: whoever takes it has time again"
