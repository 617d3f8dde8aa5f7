"""Which corrections a model is shown: the same error first, redacted, none of a project that is closed."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.corrections import Field, Said
from app.core.digest import Digest, ExceptionInfo
from app.core.offline import compile_rules
from app.core.policy import Policy, Privacy, PrivacyLevel, ProjectPolicy
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source
from app.past_cases import known_cases, nearest
from app.store import Store
from app.store.corrections import About

RULES = compile_rules(())


def corrected(store: Store, issue: str, signature: str, kind: str, project: str = "shop") -> None:
    """An issue that a person called Infrastructure."""
    digest = Digest(
        title=kind, exceptions=(ExceptionInfo(type=kind, value=f"of jane@example.com in {issue}"),)
    )
    store.issues.save_read(
        issue,
        project=project,
        short_id=f"S-{issue}",
        status="",
        signature=signature,
        first_seen=None,
        last_seen=None,
        digest=digest,
        extra={},
    )
    said = Said(Field.CATEGORY, "Infrastructure", "Logic", "maya", datetime.now(UTC))
    store.corrections.put(About(issue, f"S-{issue}", project, signature), "comment", f"c:{issue}", [said])
    verdict = Verdict(
        category=Category.INFRASTRUCTURE, severity=Severity.LOW, confidence=1.0, source=Source.HUMAN
    )
    store.verdicts.add(issue, verdict, project=project, signature=signature, reason="")


def test_the_same_error_first_then_the_same_type_and_never_itself(store: Store) -> None:
    corrected(store, "1", "aaa", "ShelfError")
    corrected(store, "2", "bbb", "ShelfError")
    corrected(store, "3", "ccc", "OtherError")
    corrected(store, "4", "bbb", "ShelfError", project="closed")
    policy = Policy(project={"closed": ProjectPolicy(privacy=Privacy(level=PrivacyLevel.OFFLINE_ONLY))})
    known = known_cases(store, policy, RULES)
    assert [one.issue_id for one in known] == ["3", "2", "1"]
    cases = nearest(known, "9", "aaa", "ShelfError", known[-1].offline)
    assert [case.text.rpartition(" ")[2] for case in cases] == ["1", "2"]
    assert {case.category for case in cases} == {Category.INFRASTRUCTURE}
    assert all("jane@" not in case.text for case in cases)
    assert nearest(known, "1", "aaa", "", Category.LOGIC) == []


def test_at_most_five(store: Store) -> None:
    for number in range(7):
        corrected(store, str(number), "aaa", "ShelfError")
    known = known_cases(store, Policy(), RULES)
    assert len(nearest(known, "9", "aaa", "", Category.LOGIC)) == 5
