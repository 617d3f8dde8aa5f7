"""What people type: every form of a command, and everything that is not one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.commands import (
    MAX_LINES,
    Command,
    Verb,
    command_of,
    help_lines,
    help_table,
    read_command,
)
from app.core.vocabulary import Action, Category, Severity

DATABASE_HIGH = Command(category=Category.DATABASE, severity=Severity.HIGH)


@pytest.mark.parametrize(
    "text",
    [
        "/triage category=Database severity=high",
        "  /TRIAGE Category = database  SEVERITY=High.".replace("High.", "High"),
        "/triage cat=database, sev=high",
        "/triage: category=Database; severity=high",
        "/triage Database high",
        "/triage category=\"Database\" severity='high'",
        "/triage category=Logic\n/triage category=Database severity=high",
        "/triage category=Database\nI am sure of it.\n/triage severity=high",
        "Looked at it.\r\n/triage category=Database severity=high\r\nthanks",
        "/triage wrong\n/triage category=Database severity=high",
        "/triage category=Database severity=high\n/triage wrong",
        "/triage\u00a0category=Data\u2060base severity=high",
        "/triage category=Database severity=high\n\nOn Mon, Nov 23, 2026 Maya wrote:\n/triage again",
        "/triage category=Database severity=high\n> /triage category=Logic",
    ],
)
def test_one_meaning_many_ways(text: str) -> None:
    assert read_command(text)[0] == DATABASE_HIGH


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("/triage wrong", Verb.WRONG),
        ("/Triage AGAIN!", Verb.AGAIN),
        ("/triage help", Verb.HELP),
        ("/triage", Verb.HELP),
        ("/triage   ", Verb.HELP),
    ],
)
def test_verbs(text: str, verb: Verb) -> None:
    assert read_command(text)[0] == Command(verb)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing to do with triage",
        "please type /triage wrong",
        "> /triage wrong",
        "    /triage wrong",
        "`/triage wrong`",
        "```\n/triage wrong\n```",
        "~~~~\n/triage wrong\n~~~\n/triage again\n~~~~",
        "```\n/triage wrong",
        "thanks\n-----Original Message-----\n/triage wrong",
        "/triager wrong",
        "/triage/wrong",
        "/triage-bot wrong",
    ],
)
def test_what_is_not_a_persons_own_command(text: str) -> None:
    assert read_command(text) == (None, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "/triage severity=urgent",
            '"urgent" is no severity. It can be critical, high, medium, low or info.',
        ),
        ("/triage category=Databse", "It can be Network, Database,"),
        ("/triage colour=red", 'There is no field "colour". It can be category, severity, action or owner.'),
        ("/triage please fix", '"please" was not understood'),
        ("/triage wrong because of me", '"wrong" was not understood'),
        ("/triage owner=payments", '"payments" is no owner'),
        ("/triage action=soon", "It can be now or later."),
        ("/triage category=Database\n/triage sev=urgent", "Nothing was changed"),
        ("/triage again\n" * (MAX_LINES + 1), "more than 10 commands"),
    ],
)
def test_a_bad_command_says_what_to_type(text: str, says: str) -> None:
    command, reason = read_command(text)
    assert command is None
    assert says in reason


def test_owner_and_action() -> None:
    command, _ = read_command("/triage owner=Team:Payments action=now")
    assert command == Command(owner="team:payments", action=Action.NOW)
    assert read_command("/triage owner=#payments")[0] == Command(owner="team:payments")
    assert read_command("/triage assign=Maya@Example.test")[0] == Command(owner="maya@example.test")


def test_every_line_of_the_help_is_a_command() -> None:
    for line in help_lines():
        for alternative in line.split("=")[-1].split("|"):
            head = line.split("=")[0] + "=" if "=" in line else ""
            command, reason = read_command(f"{head}{alternative}" if head else line)
            assert command is not None, (line, reason)
    assert "`category=`" in help_table()


def test_a_form_is_read_by_the_same_rules() -> None:
    assert command_of({"category": "Database", "severity": "high", "owner": ""})[0] == DATABASE_HIGH
    assert command_of({"category": "", "title": "x"}) == (None, "Choose a category, a severity or an owner.")
    assert "is no category" in command_of({"category": "DB"})[1]


WORDS = st.sampled_from(
    [
        "/triage",
        " ",
        "\n",
        "category=",
        "severity",
        "=",
        "Database",
        "high",
        "wrong",
        "> ",
        "```",
        '"',
        "\u2060",
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=40).map("".join)))
def test_hostile_text_is_read_or_refused_in_a_bounded_sentence(text: str) -> None:
    command, reason = read_command(text)
    assert command is None or isinstance(command, Command)
    assert len(reason) < 300
    assert "\n" not in reason


@pytest.mark.parametrize(
    "text",
    [
        "/triage " + "a" * 1_000_000,
        "/triage " + "= " * 500_000,
        "/triage category=" + '"' * 500_000,
        "/triage\n" * 200_000,
        "On " + "x" * 1_000_000 + " wrote:",
        " " * 1_000_000 + "/triage wrong",
        "`" * 1_000_000,
    ],
)
def test_a_huge_comment_costs_nothing(text: str) -> None:
    started = time.perf_counter()
    read_command(text)
    assert time.perf_counter() - started < 0.5


def test_the_documentation_has_the_table_of_the_commands() -> None:
    """To renew it, put ``help_table()`` between the two marks."""
    text = (Path(__file__).parent.parent / "docs" / "corrections.md").read_text()
    between = text.partition("app/core/commands.py -->\n")[2].partition("<!-- /commands -->")[0]
    assert between == help_table()
