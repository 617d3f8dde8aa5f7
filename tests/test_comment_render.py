"""The comment as people see it, and that nothing untrusted in it becomes anything but text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.core.comment import (
    MARKER,
    MAX_BYTES,
    Note,
    code,
    find_marker,
    has_marker,
    prose,
    render_comment,
    withdrawn_comment,
)
from app.core.verdict import Evidence
from app.core.vocabulary import Category, Source
from tests.writeback import sample, transcript, verdict

MARKDOWN = MarkdownIt("gfm-like", {"html": True})
MARKDOWN.linkify.set({"fuzzy_link": False})  # neither Sentry nor GitHub links a bare "db.py"

ACTIVE = {
    "link_open",
    "image",
    "html_inline",
    "html_block",
    "heading_open",
    "table_open",
    "fence",
    "hr",
    "s_open",
}
SNIPPETS = (
    "@everyone",
    "#backend",
    "[x](https://evil.example)",
    "![x](//evil.example/p.png)",
    "<img src=x onerror=y>",
    "https://evil.example/a?b=1",
    "www.evil.example",
    "a@evil.example",
    "mailto:a@evil.example",
    "<!-- triage:1 -->",
    "`",
    "``",
    "**",
    "_",
    "\\",
    "\\\\",
    "|",
    "~~",
    "&lt;",
    "&#64;x",
    "\n\n# x",
    "\n- x",
    "[x]: //evil",
    "<a href=x>",
    "\u202e",
    "\u200b",
    "javascript:alert(1)",
    "<https://evil.example>",
    "$x$",
    "\r\n",
    "\x00",
    "![",
    "](",
    "ftp://e.x",
)
hostile = st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=8)), max_size=8).map("".join)


def tokens(text: str):
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def active(text: str) -> list[str]:
    """What a renderer would make of the text, beside our own marker."""
    return [t.type for t in tokens(text) if t.type in ACTIVE and t.content.strip() != MARKER]


def shown(text: str) -> str:
    return "".join(t.content for t in tokens(text) if t.type in {"text", "code_inline"})


@given(hostile, hostile, hostile, hostile)
def test_nothing_untrusted_links_embeds_or_mentions(cause, fix, seen, says):
    evidence = (Evidence(id=cause[:40], seen=seen[:200], says=says),)
    text = render_comment(
        verdict(
            root_cause=cause[:100],
            suggested_fix=fix[:200],
            evidence=evidence,
            note=says,
            model=seen,
            source=Source.MODEL,
        ),
        2,
        owner_note=fix,
        notice=seen,
    )
    assert active(text) == []
    assert len(text.encode()) <= MAX_BYTES
    assert text.count("\n- ") == 1, "one line of evidence, however many lines were in it"
    visible = shown(text)
    for sign in "@#":
        for part in visible.split(sign)[1:]:
            assert not part[:1].isalnum(), "a mention"


@given(st.text())
def test_prose_shows_the_same_words(text):
    plain = shown("x " + prose(text)).replace("\u2060", "")
    assert plain.split() == ("x " + prose_words(text)).split()


def prose_words(text: str) -> str:
    """What a reader should read: the words, control and format characters as spaces, cut at 300."""
    import unicodedata

    words = " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:1200]).split())
    return words if len(words) <= 300 else words[:299].rstrip() + "…"


@given(st.text())
def test_code_is_one_span(text):
    span = code(text)
    kinds = [
        t.type
        for t in tokens("x " + span + " y")
        if t.type not in {"paragraph_open", "paragraph_close", "inline"}
    ]
    assert kinds in (["text", "code_inline", "text"], ["text"])


def test_the_comment_reads_well():
    text = render_comment(
        verdict(requires_immediate_action=True), 1, public_url="https://triage.example/i/41"
    )
    assert text == (Path(__file__).parent / "samples" / "comment.md").read_text()


def test_the_only_link_is_our_own_page():
    links = [
        t.attrGet("href")
        for t in tokens(render_comment(verdict(), 1, public_url="https://triage.example/i/41"))
        if t.type == "link_open"
    ]
    assert links == ["https://triage.example/i/41"]
    assert "](" not in render_comment(verdict(), 1, public_url="javascript:alert(1)")
    assert "](" not in render_comment(verdict(), 1, public_url="https://x.example/) [a](https://evil.example")


def test_no_fix_without_evidence():
    assert "What to try" in render_comment(verdict(), 1)
    assert "What to try" not in render_comment(verdict(evidence=()), 1)


def test_no_fix_beside_sentrys_own():
    assert "What to try" not in render_comment(verdict(), 1, autofix_ran=True)


def test_abstaining_says_so_and_gives_the_guess():
    text = render_comment(verdict(confidence=0.41), 1)
    assert "Triage: Unknown" in text
    assert "Best guess: Database at 41%" in text
    assert "Root cause" not in text
    assert "What to try" not in text
    assert "Best guess" not in render_comment(verdict(confidence=0.1, category=Category.UNKNOWN), 1)


def test_reuse_model_corrections_and_version_are_named():
    assert "same as `SHOP-12`" in render_comment(verdict(source=Source.REUSED, reused_from="SHOP-12"), 1)
    assert "`openai:gpt-5-mini`" in render_comment(verdict(source=Source.MODEL, model="openai:gpt-5-mini"), 1)
    assert "Learned from 1 correction." in render_comment(verdict(), 1, corrections_learned=1)
    assert "Learned from 3 corrections." in render_comment(verdict(), 1, corrections_learned=3)
    assert "Verdict 2;" in render_comment(verdict(), 2)
    assert "/triage wrong" in render_comment(verdict(), 1)


def test_the_longest_texts_stay_below_the_bound():
    evidence = tuple(Evidence(id="e" * 300, seen="@" * 200, says="@" * 5000) for _ in range(50))
    text = render_comment(verdict(evidence=evidence, root_cause="*" * 100, note="#" * 9000), 1)
    assert len(text.encode()) <= MAX_BYTES
    assert has_marker(text)


class TestFindingOurs:
    def note(self, text, author="", slug="", number="1"):
        return Note(number, text, author, slug)

    def test_by_marker_and_app(self):
        ours = self.note(render_comment(verdict(), 1), slug="triage-1a2b3c")
        old = self.note(withdrawn_comment(), author="triage-1a2b3c-0f2e-11")
        person = self.note("I agree\n\n" + MARKER, author="jane")
        assert find_marker([person, ours], "triage-1a2b3c") is ours
        assert find_marker([person, old], "triage-1a2b3c") is old
        assert find_marker([person], "triage-1a2b3c") is None
        assert find_marker([ours], "") is None

    def test_a_quotation_of_ours_is_not_ours(self):
        assert not has_marker(f"> {MARKER}\n\nI agree")

    def test_both_recorded_shapes_are_read(self):
        new = Note.from_api(sample("api/note.create.response.json"))
        assert (new.id, new.app_slug, new.by_app("ai-triage-1a2b3c")) == (
            "4633816001",
            "ai-triage-1a2b3c",
            True,
        )
        import json

        old = Note.from_api(json.loads(transcript("26-comment-post.txt")[2]))
        assert old.app_slug == ""
        assert old.by_app("triage-bot-3c5ff3")
        assert not old.by_app("triage-bot") or old.author.startswith("triage-bot-")


@pytest.mark.parametrize("reason", ["", "undone by @jane <b>"])
def test_withdrawn_is_one_line_with_the_marker(reason):
    text = withdrawn_comment(reason)
    assert text.startswith("This triage was withdrawn.")
    assert active(text) == []
    assert has_marker(text)
