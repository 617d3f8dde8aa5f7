"""What people type below an issue: ``/triage category=Database severity=high``, ``/triage wrong``, …

A command stands at the start of a line of its own; quotations, code and e-mail replies are nobody's command.
The last word for a field counts, and a value counts more than ``wrong``, ``again`` and ``help``. One line
that cannot be read makes the whole comment unread. Help and documentation come from the tables below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from .vocabulary import Action, Category, Severity

MAX_COMMENT = 20_000
"""Characters of a comment that are read."""

MAX_LINES = 10
"""Commands in one comment."""

MAX_OWNER = 120

_LINE = re.compile(r" {0,3}/triage\b(?![-/.]):?(.*)", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MAIL_REPLY = re.compile(
    r"\s{0,3}(?:-{2,}\s*(?:original message|forwarded message|reply above)|on\s.{4,200}\swrote:\s*$)",
    re.IGNORECASE,
)
"""From here on an e-mail program repeats what was written before."""
_WORD = re.compile(
    r"""([A-Za-z_]{1,20})\s{0,3}=\s{0,3}("[^"]{0,200}"|'[^']{0,200}'|[^\s,;]{1,200})|([^\s,;]{1,200})"""
)
_OWNER = re.compile(r"team:[a-z0-9][a-z0-9_-]*|[^@\s:]+@[^@\s:]+")


class Verb(StrEnum):
    """What is asked for."""

    SET = "set"
    WRONG = "wrong"
    AGAIN = "again"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Command:
    """One comment's wish; ``None`` where it says nothing of a field. ``owner``: ``team:slug`` or e-mail."""

    verb: Verb = Verb.SET
    category: Category | None = None
    severity: Severity | None = None
    action: Action | None = None
    owner: str | None = None

    def said(self) -> dict[str, str]:
        """Field name → wire string of what was said."""
        names = ("category", "severity", "action", "owner")
        found = ((name, getattr(self, name)) for name in names)
        return {name: str(value) for name, value in found if value is not None}


@dataclass(frozen=True, slots=True)
class Term:
    """One field that can be set: its names, its values for people, how a value is read, and what it does."""

    name: str
    aliases: tuple[str, ...]
    values: tuple[str, ...]
    read: Callable[[str], str | None]
    does: str


def _one_of(words: tuple[str, ...]) -> Callable[[str], str | None]:
    """Reads a word whatever its case, with or without ``-``, ``_`` and blanks."""
    by_plain = {_plain(word): word for word in words}
    return lambda value: by_plain.get(_plain(value))


def _plain(value: str) -> str:
    return re.sub(r"[\s_-]", "", value).lower()


def _owner(value: str) -> str | None:
    value = value.lower().replace("team:#", "team:", 1)
    value = f"team:{value[1:]}" if value.startswith("#") else value
    return value if len(value) <= MAX_OWNER and _OWNER.fullmatch(value) else None


_CATEGORIES, _SEVERITIES, _ACTIONS = (
    tuple(word.value for word in enum) for enum in (Category, Severity, Action)
)

TERMS: tuple[Term, ...] = (
    Term("category", ("cat", "c"), _CATEGORIES, _one_of(_CATEGORIES), "What kind of error it is."),
    Term("severity", ("sev", "s"), _SEVERITIES, _one_of(_SEVERITIES), "How bad it is; priority follows."),
    Term("action", ("act", "when"), _ACTIONS, _one_of(_ACTIONS), "Whether someone should look at once."),
    Term(
        "owner",
        ("assign", "team"),
        ("team:payments", "an e-mail address"),
        _owner,
        "Who should look; they are assigned if they have access.",
    ),
)
VERBS: Mapping[Verb, str] = {
    Verb.WRONG: "Withdraws the verdict: the issue is Unknown until someone says what it is.",
    Verb.AGAIN: "Reads the issue afresh and decides again; what people said stays.",
    Verb.HELP: "Shows the commands in our comment.",
}
_BY_NAME = {name: term for term in TERMS for name in (term.name, *term.aliases)}
EXAMPLE = "/triage category=Database severity=high"


def read_command(text: str) -> tuple[Command | None, str]:
    """``(command, reason)``: None with an empty reason where the comment holds no command, None with a
    sentence for the person where it holds one that cannot be read."""
    asked = Command()
    lines = 0
    for rest in _commands(text):
        lines += 1
        if lines > MAX_LINES:
            return None, f"There are more than {MAX_LINES} commands in one comment. Nothing was changed."
        read, problem = _read_line(asked, rest)
        if read is None:
            return None, problem
        asked = read
    return (asked, f"{asked.verb.value}, asked in a comment") if lines else (None, "")


def read_value(name: str, value: str) -> tuple[str | None, str]:
    """``(wire string, reason)`` of one field's value, for forms as well: the reason says what is possible."""
    term = _BY_NAME[name]
    found = term.read(value)
    if found is not None:
        return found, "read"
    return None, f"{_shown(value)} is no {term.name}. It can be {_listed(term.values)}."


def command_of(fields: Mapping[str, str]) -> tuple[Command | None, str]:
    """The same from a form: field name → value; empty values are left out. ``wrong``, with any value, counts
    where nothing else is said, as in a comment."""
    asked = Command()
    for term in TERMS:
        value = fields.get(term.name, "").strip()
        if value:
            read, problem = _set(asked, term.name, value[:200])
            if read is None:
                return None, problem
            asked = read
    if not asked.said() and fields.get(Verb.WRONG.value, "").strip():
        return Command(Verb.WRONG), "wrong, said in the form"
    if not asked.said():
        return None, "Choose a category, a severity or an owner."
    return asked, "set in the form"


def help_lines() -> tuple[str, ...]:
    """The commands, one a line, as they are typed."""
    words = (f"{term.name}={_alternatives(term)}" for term in TERMS)
    return (*(f"/triage {word}" for word in words), *(f"/triage {verb.value}" for verb in VERBS))


def help_table() -> str:
    """The same as a Markdown table, for the documentation."""
    rows = [
        (
            f"`{term.name}=`",
            ", ".join(f"`{alias}=`" for alias in term.aliases),
            _listed(term.values),
            term.does,
        )
        for term in TERMS
    ]
    rows += [(f"`{verb.value}`", "", "", does) for verb, does in VERBS.items()]
    head = ("After `/triage`", "Short", "Values", "What it does")
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * 4, *rows)) + "\n"


def _commands(text: str) -> Iterator[str]:
    """What follows ``/triage`` on each line that is the person's own."""
    fence = ""
    for line in _readable(text).split("\n"):
        mark = _FENCE.match(line)
        if fence:
            closes = mark is not None and mark[1].startswith(fence) and not line.strip(" `~")
            fence = "" if closes else fence
        elif mark is not None:
            fence = mark[1]
        elif _MAIL_REPLY.match(line):
            return
        elif found := _LINE.fullmatch(line):
            yield found[1]


def _readable(text: str) -> str:
    """Bounded, without the invisible characters that copying brings along, one kind of line end."""
    text = text[:MAX_COMMENT].replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _read_line(asked: Command, rest: str) -> tuple[Command | None, str]:
    words = [(name.lower(), value or bare) for name, value, bare in _WORD.findall(rest)]
    bare = [value.lower().rstrip(".!") for name, value in words if not name]
    verb = next((verb for verb in VERBS if bare == [verb.value] and len(words) == 1), None)
    if not words:
        verb = Verb.HELP
    if verb is not None:
        return (replace(asked, verb=verb) if asked.said() == {} else asked), ""
    read: Command | None = replace(asked, verb=Verb.SET)
    for name, value in words:
        read, problem = (
            _set(read or asked, name, value.strip("\"'`")) if name else _set_bare(read or asked, value)
        )
        if read is None:
            return None, problem
    return read, ""


def _set_bare(asked: Command, word: str) -> tuple[Command | None, str]:
    """``Database`` or ``high`` without its field's name: no word belongs to two fields."""
    word = word.strip("\"'`.")
    for term in TERMS:
        if term.name != "owner" and term.read(word) is not None:
            return _set(asked, term.name, word)
    return None, f"{_shown(word)} was not understood. Nothing was changed. Type for example: {EXAMPLE}"


def _set(asked: Command, name: str, value: str) -> tuple[Command | None, str]:
    if name not in _BY_NAME:
        fields = _listed(tuple(term.name for term in TERMS))
        return None, f"There is no field {_shown(name)}. It can be {fields}. Type for example: {EXAMPLE}"
    if name == "team":
        value = f"team:{value.lower().removeprefix('team:').removeprefix('#')}"
    found, problem = read_value(name, value)
    if found is None:
        return None, f"{problem} Nothing was changed."
    return _with(asked, _BY_NAME[name].name, found), ""


def _with(asked: Command, name: str, value: str) -> Command:
    kinds: Mapping[str, Callable[[str], object]] = {
        "category": Category, "severity": Severity, "action": Action, "owner": str,
    }  # fmt: skip
    return replace(asked, verb=Verb.SET, **{name: kinds[name](value)})  # type: ignore[arg-type]


def _alternatives(term: Term) -> str:
    return term.values[0] if term.name == "owner" else "|".join(term.values)


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(word: str) -> str:
    short = word if len(word) <= 40 else word[:39] + "…"
    return f'"{short}"'
