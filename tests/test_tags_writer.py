"""Tags by annotation events: canary, caps, stops, undo, and that a repeat does no harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.core.aftermath import Snapshot
from app.core.annotation import event_id
from app.core.annotation_rules import AnnotationState, Missing
from app.core.policy import Policy, ProjectPolicy, TagMode, Tags
from app.core.verdict import Verdict
from app.core.vocabulary import Severity
from app.errors import Retryable
from app.sentry.errors import RateLimited
from app.sentry.ingest import EnvelopeSender
from app.sentry.tag_writer import TagOutcome
from app.sentry.tags import CANARY_RETRY, AnnotationTagWriter
from app.sentry.transport import Response
from app.services import build_services
from app.settings import fixed_settings
from app.store import Store
from app.store.engine import migrate
from tests.writeback import ISSUE, NOW, ORG, Clock, FakeTransport, client, event, issue, sample, verdict

RAW = sample("api/issue.get.json")
SENT = event_id("6507376925", 1, verdict().tags())
LOOKUP = f"GET {ORG}/eventids/{SENT}/"
ENVELOPE = "POST /api/4509062593708032/envelope/"
KEYS = "GET /api/0/projects/acme/shop-api/keys/"
OWNERSHIP = "GET /api/0/projects/acme/shop-api/ownership/"
NOT_YET = (404, {"detail": "The requested resource does not exist"})
REGRESSED = [{"type": "set_regression", "data": {"event_id": SENT}}]


def found(group: str = "6507376925") -> dict[str, Any]:
    return {"groupId": group, "eventId": SENT}


@dataclass
class Memory:
    """``AnnotationMemory`` in a dictionary."""

    given: dict[str, Any] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    there: list[str] = field(default_factory=list)
    disabled: str = ""

    def state(self, project_id: str, issue_id: str, version: int, tags: Mapping[str, str]) -> AnnotationState:
        state = AnnotationState(version, disabled=self.disabled, canary_passed=bool(self.there))
        return replace(state, **self.given)

    def was_sent(self, event_id: str) -> bool:
        return event_id in self.sent

    def sending(self, before, project_id, event_id, version, tags) -> None:
        assert "triage.synthetic" not in tags
        self.sent.append(event_id)
        self.snapshots.setdefault(event_id, before)

    def before(self, event_id: str) -> Snapshot | None:
        return self.snapshots.get(event_id)

    def landed(self, project_id: str, event_id: str) -> None:
        self.there.append(event_id)

    def missing(self, project_id: str) -> list[Missing]:
        return []

    def disable(self, project_id: str, reason: str) -> None:
        self.disabled = reason


class World:
    """A Sentry in which all goes well, until a test says otherwise."""

    def __init__(self) -> None:
        self.clock, self.memory = Clock(), Memory()
        self.web = (
            FakeTransport()
            .on(f"GET {ISSUE}/", RAW)
            .on(f"GET {ISSUE}/events/latest/", event())
            .on(OWNERSHIP, sample("api/ownership.get.json"))
            .on(KEYS, sample("api/project.keys.json"))
            .on(ENVELOPE, {"id": SENT})
            .on(LOOKUP, found())
        )

    def write(
        self,
        *,
        of: Verdict | None = None,
        base: str = "https://us.sentry.io",
        policy: Policy | None = None,
        dsn: str | None = None,
    ):
        writer = AnnotationTagWriter(
            client(self.web, self.clock, base),
            EnvelopeSender(self.web, self.clock),
            self.memory,
            allowed_hosts=("*.ingest.us.sentry.io",),
            clock=self.clock,
            sleep=self.clock.sleep,
            dsn_for=lambda project: dsn,
        )
        return writer.write("6507376925", of or verdict(), 1, policy or Policy())

    def sent(self) -> int:
        return len(self.web.calls(ENVELOPE))


@pytest.fixture
def world() -> World:
    return World()


def test_the_canary_lands(world):
    world.web.on(LOOKUP, NOT_YET, NOT_YET, found())
    result = world.write()
    assert (result.outcome, result.event_id, result.group_id) == (TagOutcome.LANDED, SENT, "6507376925")
    assert world.clock.slept == [1.0, 1.0]
    assert (world.memory.sent, world.memory.there, world.memory.disabled) == ([SENT], [SENT], "")


def test_an_unassigned_issue_keeps_its_owners_by_frames(world):
    world.write()
    body = world.web.calls(ENVELOPE)[0].body or b""
    assert b'"frames":[{"filename":"shop/views.py"' in body


def test_a_suggestion_of_code_owners_is_kept_by_frames_too(world):
    world.web.on(OWNERSHIP, {"raw": None})
    owners = [{"type": "codeowners", "owner": "team:42", "date_added": "2026-09-14T08:12:40Z"}]
    world.web.on(f"GET {ISSUE}/", {**RAW, "owners": owners})
    assert world.write().outcome is TagOutcome.LANDED
    assert b'"frames":[{"filename":"shop/views.py"' in (world.web.calls(ENVELOPE)[0].body or b"")


def test_the_issue_is_read_directly_before_sending(world):
    order = []
    world.web.on(KEYS, lambda _body: order.append("keys") or sample("api/project.keys.json"))
    world.web.on(f"GET {ISSUE}/", lambda _body: order.append("issue") or RAW)
    world.web.on(ENVELOPE, lambda _body: order.append("send") or {"id": SENT})
    world.web.send = _raw(world.web.send)
    world.write()
    assert order[: order.index("send") + 1] == ["issue", "keys", "issue", "send"]


def _raw(send):
    """An envelope is no JSON: hand the fake's function an empty body."""

    def sending(request):
        return send(replace(request, body=None) if "/envelope/" in request.url else request)

    return sending


def test_it_is_resolved_between_two_looks(world):
    world.web.on(f"GET {ISSUE}/", RAW, {**RAW, "status": "resolved"})
    result = world.write()
    assert (result.outcome, world.sent()) == (TagOutcome.SKIPPED, 0)
    assert "resolved" in result.reason


def test_landing_elsewhere_stops_the_project(world):
    world.web.on(LOOKUP, found("999"))
    assert world.write().outcome is TagOutcome.WRONG_GROUP
    assert "999" in world.memory.disabled
    assert world.write().outcome is TagOutcome.WRONG_GROUP, "a repeat finds the same"
    assert world.sent() == 1


def test_a_canary_that_never_appears_stops_the_project(world):
    world.web.on(LOOKUP, NOT_YET)
    assert world.write().outcome is TagOutcome.FILTERED
    assert sum(world.clock.slept) == 60
    assert world.memory.disabled.startswith("filtered")


def test_a_later_one_is_only_unconfirmed(world):
    world.memory.there = ["earlier"]
    world.web.on(LOOKUP, NOT_YET)
    assert world.write().outcome is TagOutcome.UNCONFIRMED
    assert sum(world.clock.slept) == 15
    assert world.memory.disabled == ""


@pytest.mark.parametrize(
    ("raw", "stopped"), [("tags.triage.category:Network #net", ""), ("path:a/* #net", "owners")]
)
def test_a_suggestion_by_our_own_tag_may_change_with_it(world, raw, stopped):
    """Another verdict, another owner: that is what a rule on our tag is for."""
    world.web.on(OWNERSHIP, {**sample("api/ownership.get.json"), "raw": raw})
    owners = [{"type": "ownershipRule", "owner": "team:42", "date_added": "2026-09-14T08:12:40Z"}]
    before = {**RAW, "owners": owners}
    world.web.on(f"GET {ISSUE}/", before, before, {**RAW, "owners": []})
    world.write()
    assert stopped in world.memory.disabled
    assert bool(world.memory.disabled) == bool(stopped)


@pytest.mark.parametrize("change", [{"title": "x"}, {"level": "info"}, {"culprit": ""}])
def test_any_other_change_stops_the_project(world, change):
    world.web.on(f"GET {ISSUE}/", RAW, RAW, {**RAW, **change})
    assert world.write().outcome is TagOutcome.CHANGED
    assert world.memory.disabled.startswith("changed: changed: ")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("assigned", {"assignedTo": {"type": "team", "id": "42", "name": "db"}}),
        ("set_resolved_in_commit", {"status": "resolved"}),
    ],
)
def test_what_sentry_itself_does_meanwhile_stops_nothing(world, kind, change):
    acted = {"type": kind, "data": {}, "user": None, "dateCreated": "2026-09-14T12:00:01Z"}
    world.web.on(f"GET {ISSUE}/", RAW, RAW, {**RAW, **change, "activity": [acted, *RAW["activity"]]})
    assert world.write().outcome is TagOutcome.LANDED
    assert world.memory.disabled == ""


@pytest.mark.parametrize(
    ("activity", "put"),
    [
        (REGRESSED, {"status": "resolved"}),
        (
            [*REGRESSED, {"type": "set_resolved_in_release", "data": {"version": "shop@2"}}],
            {"status": "resolved", "statusDetails": {"inRelease": "shop@2"}},
        ),
        (
            [*REGRESSED, {"type": "set_resolved_in_release", "data": {"version": ""}}],
            {"status": "resolved", "statusDetails": {"inNextRelease": True}},
        ),
        (
            [
                *REGRESSED,
                {"type": "set_resolved", "data": {}},
                {"type": "set_resolved_in_release", "data": {}},
            ],
            {"status": "resolved"},
        ),
    ],
)
def test_a_regression_of_ours_is_undone(world, activity, put):
    world.web.on(f"GET {ISSUE}/", RAW, RAW, {**RAW, "substatus": "regressed", "activity": activity})
    world.web.on(f"PUT {ISSUE}/", {**RAW, "status": "resolved"})
    assert world.write().outcome is TagOutcome.UNDONE
    assert world.web.bodies("PUT") == [put]
    assert world.memory.disabled == ""


def test_a_disabled_key_stops_the_project(world):
    world.web.on(ENVELOPE, (403, {"detail": "event submission rejected"}))
    assert world.write().outcome is TagOutcome.REFUSED
    assert world.memory.disabled.startswith("refused")


def test_a_full_quota_waits(world):
    world.web.on(ENVELOPE, Response(429, {"retry-after": "120"}, b""))
    with pytest.raises(RateLimited) as caught:
        world.write()
    assert caught.value.after == 120
    assert world.memory.disabled == ""


def test_after_a_429_the_same_event_is_sent(world):
    world.web.on(ENVELOPE, Response(429, {}, b""), {"id": SENT})
    with pytest.raises(RateLimited):
        world.write()
    world.web.on(LOOKUP, NOT_YET, found())
    assert world.write().outcome is TagOutcome.LANDED
    assert set(world.memory.sent) == {SENT}


def test_a_repeat_after_a_crash_sends_nothing(world):
    world.memory.sent = [SENT]
    assert world.write().outcome is TagOutcome.LANDED
    assert world.sent() == 0
    assert world.memory.there == [SENT]


class TestARepeatAfterACrash:
    """The event is stored already: the issue is looked at as after any other."""

    @pytest.fixture
    def crashed(self, world):
        world.memory.sent = [SENT]
        world.memory.snapshots = {SENT: Snapshot.of(issue())}
        return world

    @pytest.mark.parametrize("change", [{"title": "x"}, {"level": "info"}, {"owners": []}])
    def test_a_change_stops_the_project(self, crashed, change):
        crashed.web.on(f"GET {ISSUE}/", RAW, RAW, {**RAW, **change})
        assert crashed.write().outcome is TagOutcome.CHANGED
        assert crashed.memory.disabled.startswith("changed: changed: ")
        assert (crashed.sent(), crashed.memory.there) == (0, [])

    @pytest.mark.parametrize("snapshots", [{}, {SENT: Snapshot.of(issue())}])
    def test_a_regression_of_ours_is_undone(self, crashed, snapshots):
        crashed.memory.snapshots = snapshots
        crashed.web.on(f"GET {ISSUE}/", RAW, RAW, {**RAW, "activity": REGRESSED})
        crashed.web.on(f"PUT {ISSUE}/", {**RAW, "status": "resolved"})
        assert crashed.write().outcome is TagOutcome.UNDONE
        assert crashed.web.bodies("PUT") == [{"status": "resolved"}]
        assert crashed.memory.disabled == ""

    def test_nothing_else_changed(self, crashed):
        result = crashed.write()
        assert (result.outcome, result.reason) == (TagOutcome.LANDED, "nothing else changed")

    def test_an_event_of_an_older_version_is_not_compared(self, crashed):
        crashed.memory.snapshots = {}
        crashed.web.on(f"GET {ISSUE}/", RAW, RAW, {**RAW, "title": "x"})
        assert crashed.write().outcome is TagOutcome.LANDED

    def test_it_landed_elsewhere(self, crashed):
        crashed.web.on(LOOKUP, found("999"))
        assert crashed.write().outcome is TagOutcome.WRONG_GROUP


def test_other_tags_under_the_same_version_are_another_event(world):
    """As after a new database: it knows nothing of the first event, and Sentry keeps one event of an id."""
    changed = verdict(severity=Severity.LOW)
    again = event_id("6507376925", 1, changed.tags())
    world.memory.sent = [SENT]
    world.web.on(f"GET {ORG}/eventids/{again}/", found()).on(ENVELOPE, {"id": again})
    assert world.write(of=changed).event_id == again != SENT
    assert world.sent() == 1


def test_others_wait_for_the_canary(world):
    world.memory.given = {"canary_pending": True}
    with pytest.raises(Retryable) as caught:
        world.write()
    assert caught.value.after == CANARY_RETRY
    assert world.sent() == 0


def test_a_refresh_has_an_id_of_its_own(world):
    world.memory.given = {"landed": 1}
    again = event_id("6507376925", 1, verdict().tags(), 1)
    world.web.on(f"GET {ORG}/eventids/{again}/", {"groupId": "6507376925"}).on(ENVELOPE, {"id": again})
    assert world.write().event_id == again != SENT


@pytest.mark.parametrize(
    ("words", "prepare"),
    [
        (
            "no readable event",
            lambda w: w.web.on(f"GET {ISSUE}/events/latest/", (404, {"detail": "No matching event"})),
        ),
        ("no active client key", lambda w: w.web.on(KEYS, [{"isActive": False, "dsn": {"public": "x"}}])),
        ("project:read", lambda w: w.web.on(KEYS, (403, {}))),
        ("stopped for this project", lambda w: w.memory.disable("1", "earlier harm")),
        ("24 hours", lambda w: w.memory.given.update(sent_today=500)),
    ],
)
def test_nothing_is_sent(world, words, prepare):
    prepare(world)
    result = world.write()
    assert (result.outcome, world.sent()) == (TagOutcome.SKIPPED, 0)
    assert words in result.reason


def test_off_is_off(world):
    assert world.write(policy=Policy(tags=Tags(mode=TagMode.OFF))).outcome is TagOutcome.SKIPPED
    assert world.sent() == 0


def test_an_odd_dsn_is_not_followed(world):
    keys = [{"isActive": True, "dsn": {"public": "https://k@169.254.169.254/7"}}]
    world.web.on(KEYS, keys)
    result = world.write()
    assert (result.outcome, world.sent()) == (TagOutcome.SKIPPED, 0)
    assert "not among the allowed" in result.reason


def test_a_configured_key_is_used(world):
    own = "https://0fa5@o1.ingest.us.sentry.io/4509062593708032"
    assert world.write(dsn=own).outcome is TagOutcome.LANDED
    assert world.web.calls(KEYS) == []
    assert "sentry_key=0fa5," in world.web.calls(ENVELOPE)[0].headers["X-Sentry-Auth"]


@pytest.mark.parametrize(
    ("words", "dsn"),
    [
        ("another project's", "https://k@o1.ingest.us.sentry.io/77"),
        ("not among the allowed", "https://k@evil.example/4509062593708032"),
        ("not of the form", "o1.ingest.us.sentry.io"),
    ],
)
def test_a_configured_key_that_does_not_fit_is_not_used(world, words, dsn):
    result = world.write(dsn=dsn)
    assert result.outcome is TagOutcome.SKIPPED
    assert words in result.reason
    assert world.web.calls("POST") == []


def test_the_key_of_the_teams_file_is_used(world, database_url, vault):
    store = Store.open(database_url, vault, clock=lambda: NOW)
    migrate(store.engine)
    own = Tags(dsn="https://0fa5@o1.ingest.us.sentry.io/4509062593708032")
    policy = Policy(project={"shop-api": ProjectPolicy(tags=own)})
    settings = fixed_settings(
        sentry_url="https://us.sentry.io", sentry_org="acme", sentry_auth_token="t", sentry_client_secret="s"
    )
    services = build_services(settings, store=store, policy=policy, transport=world.web)
    written = services.tags.write("6507376925", verdict(), 1, policy.for_project("shop-api"))
    assert written.outcome is TagOutcome.LANDED
    assert "sentry_key=0fa5," in world.web.calls(ENVELOPE)[0].headers["X-Sentry-Auth"]
    store.close()
