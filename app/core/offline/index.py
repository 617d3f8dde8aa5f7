"""Look-ups: phrases by a word they contain, type patterns by name, namespace and suffix."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from .phrases import Phrase
from .rules import Rule, TypePattern

COMMON_ROOTS = frozenset(
    {"com", "org", "io", "java", "javax", "jakarta", "net", "system", "microsoft", "google", "app", "android"}
)
"""First segments of namespaces that say nothing of a library."""
LANGUAGE_TYPES = frozenset(
    {
        "error",
        "exception",
        "typeerror",
        "valueerror",
        "keyerror",
        "indexerror",
        "attributeerror",
        "nameerror",
        "runtimeerror",
        "assertionerror",
        "oserror",
        "ioerror",
        "importerror",
        "modulenotfounderror",
        "nomethoderror",
        "argumenterror",
        "standarderror",
        "unicodedecodeerror",
        "unicodeencodeerror",
        "zerodivisionerror",
        "notimplementederror",
        "stopiteration",
        "recursionerror",
        "memoryerror",
        "permissionerror",
        "systemexit",
        "filenotfounderror",
        "timeouterror",
        "connectionreseterror",
        "connectionrefusederror",
        "brokenpipeerror",
        "syntaxerror",
        "rangeerror",
        "referenceerror",
        "errorexception",
        "lookuperror",
        "unboundlocalerror",
        "panic",
        "jsondecodeerror",
        "keyboardinterrupt",
        "systemerror",
        "eoferror",
        "loaderror",
        "frozenerror",
        "urierror",
        "nullpointerexception",
        "illegalstateexception",
        "illegalargumentexception",
        "classcastexception",
        "indexoutofboundsexception",
        "arrayindexoutofboundsexception",
        "stringindexoutofboundsexception",
        "numberformatexception",
        "unsupportedoperationexception",
        "concurrentmodificationexception",
        "nosuchelementexception",
        "runtimeexception",
        "arithmeticexception",
        "outofmemoryerror",
        "stackoverflowerror",
        "noclassdeffounderror",
        "classnotfoundexception",
        "nosuchmethoderror",
        "interruptedexception",
        "kotlinnullpointerexception",
        "uninitializedpropertyaccessexception",
        "nullreferenceexception",
        "argumentexception",
        "argumentnullexception",
        "argumentoutofrangeexception",
        "invalidcastexception",
        "keynotfoundexception",
        "indexoutofrangeexception",
        "formatexception",
        "objectdisposedexception",
        "functionclauseerror",
        "caseclauseerror",
        "matcherror",
        "undefinedfunctionerror",
        "erlangerror",
        "stateerror",
        "_typeerror",
    }
)
"""Types of the languages themselves: raised inside a library they say nothing of that library."""

MODULES_OF_ERRORS = frozenset({"errors", "error", "exceptions", "exception", "exc"})
"""Where a library keeps its error types: frames are elsewhere in it."""


class PhraseIndex:
    """Phrases by an anchor word; the rarest word of each phrase is its anchor."""

    def __init__(self, entries: Iterable[tuple[Phrase, Rule]]) -> None:
        listed = list(entries)
        count = Counter(word for phrase, _ in listed for word in set(phrase.anchors))
        self._by_word: dict[str, list[tuple[Phrase, Rule]]] = defaultdict(list)
        for phrase, rule in listed:
            rarest = min(phrase.anchors, key=lambda word: (count[word], -len(word)))
            self._by_word[rarest].append((phrase, rule))

    def search(self, text: str, found: frozenset[str]) -> Iterator[tuple[Phrase, Rule, dict[str, str]]]:
        """All phrases in ``text``, whose words are ``found``; in the same order in every process."""
        for word in sorted(found & self._by_word.keys()):
            for phrase, rule in self._by_word[word]:
                # The words first: most regular expressions are then never even compiled.
                slots = phrase.search(text) if phrase.needed <= found else None
                if slots is not None:
                    yield phrase, rule, slots


class TypeIndex:
    """Type patterns by name, by namespace and by suffix."""

    def __init__(self, entries: Iterable[tuple[TypePattern, Rule]]) -> None:
        self._by_name: dict[str, list[tuple[TypePattern, Rule]]] = defaultdict(list)
        self._by_space: dict[str, list[tuple[TypePattern, Rule]]] = defaultdict(list)
        self._by_root: dict[str, list[tuple[frozenset[str], Rule]]] = defaultdict(list)
        """Whole namespaces by their first segment: for SDKs that send no namespace, only frames."""
        self._by_suffix: list[tuple[TypePattern, Rule]] = []
        for pattern, rule in entries:
            if pattern.suffix:
                self._by_suffix.append((pattern, rule))
            elif pattern.name == "*":
                self._by_space[pattern.space[-1]].append((pattern, rule))
                if pattern.space[0] not in COMMON_ROOTS:
                    last = pattern.space[-1] in MODULES_OF_ERRORS
                    parents = frozenset(pattern.space[:-1] if last else pattern.space)
                    self._by_root[pattern.space[0]].append((parents, rule))
            else:
                self._by_name[pattern.name].append((pattern, rule))

    def search(self, segments: tuple[str, ...], where: frozenset[str]) -> Iterator[tuple[Rule, float]]:
        """Rules whose type pattern fits, with how exactly. ``where``: the words of the innermost frames."""
        if not segments:
            return
        name = segments[-1]
        for pattern, rule in self._by_name.get(name, ()):
            if fit := _space_fits(pattern.space, segments[:-1], where):
                yield rule, fit
        for segment in segments[:-1]:
            for pattern, rule in self._by_space.get(segment, ()):
                if _contains(segments[:-1], pattern.space):
                    yield rule, 1.0
        if len(segments) == 1 and name not in LANGUAGE_TYPES:
            for word in sorted(where & self._by_root.keys()):
                for parents, rule in self._by_root[word]:
                    if parents <= where:
                        yield rule, 0.75
        for pattern, rule in self._by_suffix:
            if name.endswith(pattern.suffix):
                yield rule, 0.9


def _space_fits(space: tuple[str, ...], given: tuple[str, ...], where: frozenset[str]) -> float:
    if not space:
        return 1.0
    if _contains(given, space):
        return 1.0
    return 0.9 if not given and all(part in where for part in space[:1]) else 0.0


def _contains(given: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    size = len(wanted)
    if size == 1:
        return wanted[0] in given
    return wanted[0] in given and any(given[i : i + size] == wanted for i in range(len(given) - size + 1))


def type_fits(pattern: TypePattern, segments: tuple[str, ...], where: frozenset[str]) -> bool:
    """Whether one pattern fits a type. ``where``: the words of the innermost frames."""
    name = segments[-1] if segments else ""
    if pattern.suffix:
        return name.endswith(pattern.suffix)
    if pattern.name == "*":
        return bool(segments) and _contains(segments[:-1], pattern.space)
    return pattern.name == name and _space_fits(pattern.space, segments[:-1], where) > 0
