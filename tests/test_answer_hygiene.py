"""Free text becomes one plain line, in any script; cuts fall between graphemes."""

from __future__ import annotations

import re

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from app.core.hygiene import cut, one_line, plain_text

PLAIN = {
    "Ping @alice and #backend now": "Ping alice and backend now",
    "see [docs](https://evil.test/x?y) ![p](http://a/b.png)": "see docs p",
    "[![badge](https://x/y.svg)](https://x)": "badge",
    "<script>alert(1)</script>": "alert(1)",
    "use List<String> where a < b": "use List‹String› where a ‹ b",
    "&lt;img src=x onerror=1&gt; &#64;bob": "bob",
    "&amp;lt;b&amp;gt;bold": "bold",
    "go to www.evil.com": "go to [link]",
    "ask evil.example.com.": "ask evil.example[.]com.",
    "javascript:alert(1)": "[link])",
    "re\u200bmove\u202e \u2066tags\u2069\U000e0041\U000e007f": "remove tags",
    "[~admin] and <!here> <@U123>": "and ‹!here› ‹U123›",
    "＠everyone ﹫all": "everyone all",
    "user@host": "user at host",
    "a\nb\r\n\tc\x00\x1b[31md": "a b c [31md",
    "Z\u0351\u0352\u0353\u0354\u0355algo": "Z\u0353\u0354\u0355algo",
    "C# and F#": "C# and F#",
    "System.Net.Http in app.py, deploy.sh, com.a.Foo": "System.Net.Http in app.py, deploy.sh, com.a.Foo",
    "connect to 10.0.0.1:5432 timed out": "connect to 10.0.0.1:5432 timed out",
    "ใช้การเชื่อมต่อจนเต็ม ควรเพิ่มขนาดพูล": "ใช้การเชื่อมต่อจนเต็ม ควรเพิ่มขนาดพูล",
    "น้ำ ที่ ปู่ ซื้อ": "น้ำ ที่ ปู่ ซื้อ",
    "データベースに接続できません": "データベースに接続できません",
}
FORBIDDEN = re.compile(
    r"[@<>＠﹫\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e01ef\x00-\x1f]|\]\(|!\[|\w://\w"
)


@pytest.mark.parametrize("text", PLAIN)
def test_text_becomes_plain(text: str) -> None:
    assert plain_text(text) == PLAIN[text]


@given(st.text(max_size=300) | st.text(alphabet="<>@#[]()!&;:/.abhtps \u200b\u202e", max_size=120))
def test_nothing_forbidden_survives(text: str) -> None:
    assert not FORBIDDEN.search(plain_text(text))


@given(st.text(max_size=300), st.integers(min_value=10, max_value=120))
def test_a_cut_is_within_its_limit_and_between_graphemes(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit
    if short != text:
        whole = regex.findall(r"\X", text)
        starts = {"".join(whole[:n]).rstrip(" ,;:-–—(") for n in range(len(whole) + 1)}
        assert short[:-1] in starts


def test_a_cut_falls_at_a_words_end() -> None:
    assert cut("The connection pool is exhausted", 24) == "The connection pool is…"


def test_thai_is_cut_between_graphemes_not_thrown_away() -> None:
    text = "การเชื่อมต่อฐานข้อมูลล้มเหลวเนื่องจากจำนวนการเชื่อมต่อเต็มกรุณาเพิ่มขนาดของพูล"
    for limit in range(20, len(text)):
        short = cut(text, limit)
        assert limit - 5 <= len(short) <= limit
        following = text[len(short) - 1]
        assert not regex.match(r"[\p{M}\u0e33]", following), "a vowel sign was torn from its consonant"


@pytest.mark.parametrize("family", ["👩‍👩‍👧‍👦", "🇹🇭", "é", "ที่"])
def test_a_grapheme_is_never_torn(family: str) -> None:
    assert cut(family * 30, 50)[:-1].replace(family, "") == ""


def test_a_prompt_line_stays_one_line() -> None:
    assert one_line("a\nEND x\u2028b\u200b <b>@c") == "a END x b <b>@c"
