"""The steps of a correction one by one, each carried out twice as after a crash, on old and new servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.intake import Intent, Kind
from app.core.policy import Policy
from app.core.vocabulary import Category, Source
from app.jobs.outcome import GO
from app.jobs.people import PeopleSteps
from app.jobs.steps import TriageSteps
from app.jobs.workflows import Workflows
from app.jobs.write_steps import WriteSteps
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.services import Services, build_services
from app.settings import TriageMode, WriteMode, fixed_settings
from app.store import Store

from .test_e2e import error
from .writeback import verdict


@pytest.fixture(params=["23.7", "modern"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(version: str) -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry(version=version)) as server:
        yield server


class Office:
    """Carries out jobs step by step, without an engine."""

    def __init__(self, services: Services) -> None:
        self.store = services.store
        read, write = TriageSteps(services), WriteSteps(services)
        people = PeopleSteps(services, read)
        writes = (write.fields, write.annotation, write.comment)
        self.steps = {
            Kind.TRIAGE: (read.read, read.decide, read.plan, *writes, write.tags, write.close),
            Kind.CORRECT: (
                *(people.listen, read.read, people.hear, people.decide_again, people.plan_answer),
                *(*writes, write.tags_by_hand, people.teach, write.close),
            ),
            Kind.OBSERVE: (
                *(people.known, read.read, read.decide, read.plan),
                *(*writes, write.tags_by_hand, people.teach, write.close),
            ),
        }
        self.number = 0

    def do(self, kind: Kind, issue_id: str, times: int = 2, **payload: Any) -> list[str]:
        """One job, each step ``times``; answers the reasons."""
        self.number += 1
        dedupe = f"job-{self.number}"
        self.store.work.add(Intent(kind, issue_id, "test"), dedupe=dedupe, payload=payload or None)
        job = self.store.work.find(dedupe)
        assert job is not None
        said = []
        for step in self.steps[kind]:
            for _ in range(times):
                outcome = step(job.id, issue_id)
            said.append(f"{step.__name__}: {outcome.get('reason')}")
            if outcome["next"] != GO:
                break
        assert outcome["next"] in ("go", "done"), said
        return said


@pytest.fixture
def services(store: Store, sandbox: SandboxServer) -> Services:
    settings = fixed_settings(
        sentry_url=sandbox.url,
        sentry_org="acme",
        sentry_auth_token=sandbox.sandbox.token,
        sentry_client_secret=sandbox.sandbox.client_secret,
        triage_public_url="https://triage.example",
    )
    return build_services(settings, store=store, policy=Policy())


@pytest.fixture
def office(services: Services) -> Office:
    return Office(services)


ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("database_url", ["sqlite", "postgres"], indirect=True)
def test_every_step_may_be_repeated(office: Office, sandbox: SandboxServer, version: str) -> None:
    sandbox.sandbox.capture("shop-api", error(0))
    office.do(Kind.TRIAGE, "1")
    (before,) = sandbox.sandbox.issues()
    note = sandbox.sandbox.as_person("maya@example.test").comment(1, "/triage category=Logic severity=low")
    said = {"origin": "comment", "comment_id": str(note.id), "text": note.data["text"], "author": "Maya"}
    office.do(Kind.CORRECT, "1", **said)
    office.do(Kind.CORRECT, "1", **said)
    (issue,) = sandbox.sandbox.issues()
    assert issue["tags"]["triage.category"] == "Logic"
    assert issue["priority"] == ("low" if version == "modern" else issue["priority"])
    # 23.7 cannot replace the mark without a scope that we do not ask for; that stops nothing else.
    assert issue["annotations"] == ["Triage#Logic-low" if version == "modern" else before["annotations"][0]]
    assert len([text for text in issue["comments"] if "triage:1" in text]) == 1
    assert issue["count"] == 3, "the error and one annotation event a verdict"
    assert [one.value for one in office.store.corrections.of_issue("1")] == ["Logic", "low"]
    assert len(office.store.verdicts.history("1")) == 2


@ONE_DATABASE
def test_an_issue_that_we_never_saw_is_triaged_by_a_command_and_not_by_an_assignment(
    office: Office, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.capture("shop-api", error(0))
    maya = sandbox.sandbox.as_person("maya@example.test")
    maya.assign(1, "maya@example.test")
    office.do(Kind.OBSERVE, "1")
    assert sandbox.sandbox.issues()[0]["comments"] == []
    note = maya.comment(1, "/triage Logic")
    office.do(
        Kind.CORRECT, "1", origin="comment", comment_id=str(note.id), text="/triage Logic", author="Maya"
    )
    (issue,) = sandbox.sandbox.issues()
    assert issue["tags"]["triage.category"] == "Logic"
    assert issue["assignee"] == "maya@example.test"


@ONE_DATABASE
def test_late_words_of_a_comment_do_not_count_but_moved_ones_do(
    office: Office, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.capture("shop-api", error(0))
    office.do(Kind.TRIAGE, "1")
    maya = sandbox.sandbox.as_person("maya@example.test")
    note = maya.comment(1, "/triage category=Network")
    late = {"origin": "comment", "comment_id": str(note.id), "text": "/triage category=Logic", "author": "M"}
    office.do(Kind.CORRECT, "1", **late)
    assert [one.value for one in office.store.corrections.of_issue("1")] == ["Network"]
    office.do(Kind.CORRECT, "1", **late | {"comment_id": "999"})
    assert [one.value for one in office.store.corrections.of_issue("1")] == ["Network"], "it was deleted"
    merged = late | {"comment_id": "998", "text": "/triage category=Network"}
    office.do(Kind.CORRECT, "1", **merged)
    assert [one.value for one in office.store.corrections.of_issue("1")] == ["Network", "Network"]


@ONE_DATABASE
def test_a_comment_without_a_command_costs_one_look(office: Office, sandbox: SandboxServer) -> None:
    sandbox.sandbox.capture("shop-api", error(0))
    note = sandbox.sandbox.as_person("maya@example.test").comment(1, "never mind")
    said = office.do(Kind.CORRECT, "1", origin="comment", comment_id=str(note.id), text="x", edited=True)
    assert said == ["listen: the comment holds no command"]


@ONE_DATABASE
def test_an_edit_that_cannot_be_read_changes_nothing(office: Office, sandbox: SandboxServer) -> None:
    sandbox.sandbox.capture("shop-api", error(0))
    office.do(Kind.TRIAGE, "1")
    maya = sandbox.sandbox.as_person("maya@example.test")
    note = maya.comment(1, "/triage category=Logic")
    said = {"origin": "comment", "comment_id": str(note.id), "text": "", "author": "Maya", "edited": True}
    office.do(Kind.CORRECT, "1", **said)
    maya.edit_comment(1, note.id, "/triage category=Logik")
    office.do(Kind.CORRECT, "1", **said)
    assert [one.value for one in office.store.corrections.of_issue("1")] == ["Logic"]
    ours = [text for text in sandbox.sandbox.issues()[0]["comments"] if "triage:1" in text]
    assert len(ours) == 1
    assert "is no category" in ours[0]


@ONE_DATABASE
def test_an_owner_without_access_is_said_in_the_comment(office: Office, sandbox: SandboxServer) -> None:
    sandbox.sandbox.capture("shop-api", error(0))
    office.do(Kind.CORRECT, "1", origin="form", ref="a" * 32, fields={"owner": "team:search"}, author="Maya")
    (issue,) = sandbox.sandbox.issues()
    assert issue["assignee"] is None
    assert "Nobody was assigned: team search has no access to project shop-api." in issue["comments"][0]


@ONE_DATABASE
def test_a_word_goes_with_an_issue_that_was_merged(
    office: Office, store: Store, sandbox: SandboxServer, version: str
) -> None:
    """What the workflow does where the read says that the issue is another one now."""
    services = build_services(
        fixed_settings(
            sentry_url=sandbox.url,
            sentry_org="acme",
            sentry_auth_token="t",
            sentry_client_secret=sandbox.sandbox.client_secret,
            triage_write=WriteMode.SHADOW,
        ),
        store=store,
    )
    store.work.add(Intent(Kind.CORRECT, "2", "form"), dedupe="f", payload={"origin": "form", "fields": {}})
    job = store.work.find("f")
    assert job is not None
    store.work.claim(job, "w")
    workflows = Workflows(services)
    outcome = {"next": "done", "result": "moved", "reason": "the issue was merged into 1"}
    for _ in range(2):
        workflows._settled(job.id, "2", "w", outcome)
    (moved,) = store.work.due()
    assert (moved.kind, moved.subject) == (Kind.CORRECT, "1")
    assert store.work.payload(moved.id) == {"origin": "form", "fields": {}, "moved": True}


@ONE_DATABASE
def test_again_asks_the_model_once_and_a_persons_word_elsewhere_comes_before_its_own(
    services: Services, sandbox: SandboxServer, store: Store
) -> None:
    office = Office(services)
    sandbox.sandbox.capture("shop-api", error(0))
    office.do(Kind.TRIAGE, "1")
    stored = store.issues.get("1")
    assert stored is not None
    said = verdict(category=Category.NETWORK, source=Source.MODEL)
    store.verdicts.add("1", said, project="shop-api", signature=stored.signature, reason="a model answered")
    services.model = office  # type: ignore[assignment]
    services.settings = services.settings.model_copy(update={"triage_mode": TriageMode.MODEL})
    read, people = TriageSteps(services), PeopleSteps(services, TriageSteps(services))
    assert not read.decide(0, "1").get("ask_model"), "it has been asked"

    note = sandbox.sandbox.as_person("maya@example.test").comment(1, "/triage again")
    payload = {"origin": "comment", "comment_id": str(note.id), "text": "/triage again", "author": "Maya"}
    store.work.add(Intent(Kind.CORRECT, "1", "test"), dedupe="again", payload=payload)
    job = store.work.find("again")
    assert job is not None
    assert people.decide_again(job.id, "1").get("ask_model")
    assert people.wants_anew(job.id), "when its turn comes, its old answer is not taken"
    people.plan_answer(job.id, "1")
    assert not people.decide_again(job.id, "1").get("ask_model"), "the next attempt asks no more"

    same = error(0) | {"fingerprint": ["elsewhere"]}
    sandbox.sandbox.capture("shop-api", same)
    services.model = None
    office.do(Kind.CORRECT, "2", origin="form", ref="b" * 32, fields={"category": "Logic"}, author="Maya")
    office.do(Kind.OBSERVE, "1")
    latest = store.verdicts.latest("1")
    assert latest is not None
    assert (latest.verdict.category, latest.verdict.source) == (Category.LOGIC, Source.REUSED)
