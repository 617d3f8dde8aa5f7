"""Hostile text costs time in proportion to its length everywhere on the way to a model and back."""

from __future__ import annotations

import time

import pytest

from app.core.answer import BadAnswer, parse_answer
from app.core.hygiene import cut, one_line, plain_text
from app.core.signature import normalise_message

SIZE = 200_000
TRAPS = [
    *("a", "/", "/a", "/ ", "[", "![", "[]", "[](", "<", "<a ", "&", "&#", "&amp;", "@", "a."),
    *("a@", "!", "!a", "//"),
    *("http://", "#", "{", "}", '"', "\\", '{"a":', "```\n", "1", "1-", "0x", "'", "' ", ":", "1.1.1.1"),
    *(" ", "\n"),
    *("\u0e49", "\u200b"),
]


def _parse(text: str) -> None:
    with pytest.raises(BadAnswer):
        parse_answer(text)


@pytest.mark.parametrize("trap", TRAPS)
def test_two_hundred_thousand_characters_take_under_a_second_or_two(trap: str) -> None:
    text = trap * (SIZE // len(trap))
    for step in (plain_text, one_line, normalise_message, _parse, lambda t: cut(t, 100)):
        started = time.process_time()
        step(text)
        assert time.process_time() - started < 2, step
