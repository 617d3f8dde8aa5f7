"""The offline classifier: a digest and a rule set become a verdict, with everything it rests on."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from app.core.digest import Digest
from app.core.verdict import Evidence, Verdict
from app.core.vocabulary import MAX_ROOT_CAUSE, MAX_SUGGESTED_FIX, Category, Source

from .calibration import confidence, decide
from .circumstances import Circumstances
from .facts import Facts, look
from .linear import opinion
from .matcher import Hit, Matcher
from .rules import Rule, parse_rule
from .severity import Judgement, judge
from .weigh import Weighed, scores, weigh
from .wording import clean, cut, fill

MAX_EVIDENCE = 8
MAX_SEEN = 200


@dataclass(frozen=True)
class RuleSet:
    """Rules and the index compiled from them. Make one with ``default_rules`` or ``compile_rules``."""

    matcher: Matcher

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.matcher.rules


@dataclass(frozen=True)
class Explanation:
    """How a verdict came about."""

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    """Every sight, heaviest first; ``id`` says where, ``weight`` what it counted."""
    scores: Mapping[Category, float]
    """The sum per category."""
    rule: str
    """Id of the rule whose sentences the verdict uses; empty where none fitted."""
    severity_reasons: tuple[str, ...]
    decided_by: str = ""
    """Id of the team's rule that decides; empty where none does, or several disagree."""


@cache
def embedded_rules() -> tuple[Rule, ...]:
    """The rules that come with the package, one file a domain."""
    folder = files(__package__).joinpath("knowledge")
    named = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    found: dict[str, Rule] = {}
    for file in named:
        for table in tomllib.loads(file.read_text("utf-8")).get("rule", ()):
            rule = parse_rule(table, f"knowledge/{file.name}")
            if rule.id in found:
                raise ValueError(f"rule {rule.id} is written twice")
            found[rule.id] = rule
    return tuple(found.values())


@cache
def default_rules() -> RuleSet:
    """The embedded knowledge, compiled once per process."""
    return RuleSet(Matcher(embedded_rules()))


def compile_rules(extra: Sequence[Mapping[str, Any]]) -> RuleSet:
    """The embedded knowledge with a team's own ``[[rule]]`` tables.

    A table with a known id replaces that rule and keeps its weight unless it names one.

    Raises ``UserError`` with a sentence on a rule that cannot be used.
    """
    if not extra:
        return default_rules()
    rules = {rule.id: rule for rule in embedded_rules()}
    for table in extra:
        known = rules.get(str(table.get("id"))) if isinstance(table, Mapping) else None
        if known is not None:
            table = {"weight": known.weight, "anywhere": known.anywhere, **table}
        rule = parse_rule(table, "triage.toml", team=True)
        rules[rule.id] = rule
    return RuleSet(Matcher(rules.values()))


def classify(digest: Digest, rules: RuleSet | None = None) -> Verdict:
    """The verdict on one event, from the event alone: no I/O, no network, under a millisecond."""
    return explain(digest, rules).verdict


def explain(digest: Digest, rules: RuleSet | None = None) -> Explanation:
    """The verdict with each piece of evidence, its weight, and the scores by category."""
    facts = look(digest)
    now = Circumstances(facts)
    weighed = weigh((rules or default_rules()).matcher.hits(facts, now))
    by_category = together(prior(scores(weighed), facts), opinion(facts))
    category, margin = decide(by_category)
    speaking = [one for one in weighed if one.hit.rule.category is category]
    speaking.sort(key=lambda one: one.hit.rule.generic)
    lead = _lead(speaking)
    judged = judge(category, lead.hit.rule if lead else None, now, digest.level)
    evidence = tuple(_evidence(one) for one in weighed)
    verdict = Verdict(
        category=category,
        severity=judged.severity,
        root_cause=_cause(facts, lead, speaking),
        suggested_fix=_sentence(speaking, "fix", MAX_SUGGESTED_FIX),
        requires_immediate_action=judged.immediate,
        confidence=confidence(margin),
        source=Source.OFFLINE,
        evidence=_shown(evidence, weighed, category, judged, now),
    )
    rule = lead.hit.rule.id if lead else ""
    decided_by = rule if lead and lead.hit.rule.decides and not verdict.abstained else ""
    return Explanation(verdict, evidence, by_category, rule, judged.reasons, decided_by)


def rule_scores(facts: Facts, rules: RuleSet) -> dict[Category, float]:
    """What the rules alone say: for training and for the ablation."""
    return prior(scores(weigh(rules.matcher.hits(facts, Circumstances(facts)))), facts)


def prior(found: dict[Category, float], facts: Facts) -> dict[Category, float]:
    """What to assume where no rule fits.

    A type nobody knows is most often a project's own, raised by its own code; without even a type there is
    little to go on, and without a word nothing.
    """
    if found:
        return found
    root = facts.items[0]
    if root.type:
        return {Category.LOGIC: 1.0}
    return {Category.UNKNOWN: 1.0 if root.message else 9.0}


def together(rules: Mapping[Category, float], words: Mapping[Category, float]) -> dict[Category, float]:
    """Rules and linear model as one score per category."""
    return {category: rules.get(category, 0.0) + words.get(category, 0.0) for category in Category}


def _lead(speaking: Sequence[Weighed]) -> Weighed | None:
    """The rule that speaks for the verdict: the heaviest that names the fault, else the heaviest."""
    return speaking[0] if speaking else None


def _slots(speaking: Iterable[Weighed]) -> dict[str, str]:
    """What the sights took over, the heaviest first; then what a fitting rule's ``details`` find."""
    found: dict[str, str] = {}
    for one in speaking:
        for name, value in one.hit.slots.items():
            if name not in found and (cleaned := clean(value)):
                found[name] = cleaned
    for one in speaking:
        for phrase in one.hit.rule.details:
            for name, value in (phrase.search(one.hit.item.message) or {}).items():
                if name not in found and (cleaned := clean(value)):
                    found[name] = cleaned
    return found


def _sentence(speaking: Sequence[Weighed], part: str, limit: int) -> str:
    """The first sentence that can be filled. A fix comes from the leading rule or not at all."""
    slots = _slots(speaking)
    for one in speaking:
        template = getattr(one.hit.rule, part)
        if template and (text := fill(template, slots, limit)):
            return text
    return ""


def _cause(facts: Facts, lead: Weighed | None, speaking: Sequence[Weighed]) -> str:
    if text := _sentence(speaking, "cause", MAX_ROOT_CAUSE):
        return text
    item = lead.hit.item if lead else facts.items[0]
    name = clean(item.type.rpartition("\\")[2]) or "This event"
    said = clean(item.message.partition("\n")[0])
    return cut(f"{name}: {said}" if said else f"{name} with nothing that says more", MAX_ROOT_CAUSE)


def _evidence(one: Weighed) -> Evidence:
    hit = one.hit
    says = hit.rule.says or f"{hit.rule.category.value}: {hit.rule.id}"
    return Evidence(
        id=hit.item.place(hit.part),
        seen=_seen(hit),
        says=f"the team's rule {hit.rule.id} decides: {says}" if hit.rule.decides else says,
        weight=round(one.weight, 2),
    )


def _seen(hit: Hit) -> str:
    """The very words where the rule was seen."""
    if hit.part == "value":
        for phrase in hit.rule.messages:
            if phrase.text == hit.seen and (found := phrase.pattern.search(hit.item.message)):
                return " ".join(found.group().split())[:MAX_SEEN]
    return " ".join(hit.seen.split())[:MAX_SEEN]


def _shown(
    evidence: Sequence[Evidence],
    weighed: Sequence[Weighed],
    category: Category,
    judged: Judgement,
    now: Circumstances,
) -> tuple[Evidence, ...]:
    """What the verdict itself carries: what spoke for its category, and what set its severity."""
    own = [e for e, w in zip(evidence, weighed, strict=True) if w.hit.rule.category is category]
    circumstance = Evidence(
        id="tag:environment" if now.holds("non_production") else "level",
        says="; ".join(judged.reasons)[:160],
        weight=0.0,
    )
    return (*own[: MAX_EVIDENCE - 1], circumstance)
