"""Each rule that keeps an annotation event from doing harm, one test a rule, and the check afterwards."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from app.core.aftermath import Snapshot, regression_event, same_after
from app.core.annotation_rules import AnnotationState, Ownership, may_annotate, with_frames
from app.core.issue import Activity, Actor, Owner
from app.core.policy import Policy, TagMode, Tags
from tests.writeback import NOW, event, issue, sample

PATH_RULES = Ownership(frozenset({"path"}))
BY_RULE = (Owner("ownershipRule", "team:42"),)
BY_CODEOWNERS = (Owner("codeowners", "team:42"),)
BY_COMMIT = (Owner("suspectCommit", "user:7"),)


def without_frames():
    said = event()
    for frame in said["entries"][0]["data"]["values"][0]["stacktrace"]["frames"]:
        frame["inApp"] = False
    return said


def decide(*, of=None, said=None, policy=None, ownership=None, now=NOW, **state):
    return may_annotate(
        of or issue(),
        said or event(),
        now,
        policy or Policy(),
        AnnotationState(version=1, **state),
        ownership,
    )


def after(before=None, **changes):
    kept = json.loads(json.dumps(Snapshot.of(before or issue()).to_json()))
    return same_after(Snapshot.from_json(kept), issue(**changes), "000000000abc")


def test_an_open_error_may_be_annotated():
    assert decide() == (True, "every rule allows it")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("tags are off", {"policy": Policy(tags=Tags(mode=TagMode.OFF))}),
        ("everywhere", {"kill_switch": True}),
        ("stopped for this project: wrong_group", {"disabled": "wrong_group"}),
        ("is resolved", {"of": issue(status="resolved")}),
        ("is ignored", {"of": issue(status="ignored")}),
        ("pending_merge", {"of": issue(status="pending_merge")}),
        ("archived", {"of": issue(substatus="archived_until_condition_met")}),
        ("status details", {"of": issue(status_details={"ignoreCount": 5})}),
        ("performance issue", {"of": issue(category="performance")}),
        ("feedback issue", {"of": issue(category="feedback")}),
        ("no first and last seen", {"of": issue(first_seen=None)}),
        ("older than 29 days", {"now": NOW + timedelta(days=30)}),
        ("in the future", {"now": NOW - timedelta(days=1)}),
        ("our own event", {"said": event(tags=[{"key": "triage.synthetic", "value": "true"}])}),
        ("no stored hash", {"said": event(fingerprints=["not-a-hash"])}),
        ("no stored hash", {"said": event(fingerprints=[])}),
        ("processing errors", {"said": event(errors=[{"type": "js_no_source"}])}),
        ("neither an exception nor a message", {"of": issue(type="csp")}),
        ("annotation events of the last 24 hours", {"sent_today": 500}),
        ("annotation events of the last 24 hours", {"policy": Policy(tags=Tags(max_per_day=0))}),
        ("still being watched", {"canary_pending": True}),
    ],
)
def test_a_rule_says_no_and_why(words, options):
    allowed, reason = decide(**options)
    assert not allowed
    assert words in reason


def test_a_clock_that_lags_by_seconds_is_no_reason():
    assert decide(now=issue().last_seen - timedelta(seconds=20))[0]


class TestOncePerVerdict:
    def test_the_same_verdict_is_not_sent_twice(self):
        allowed, reason = decide(issue_version=1, issue_sent_at=NOW - timedelta(days=2))
        assert (allowed, reason) == (False, "this verdict's tags are on the issue already")

    def test_a_new_version_with_the_same_tags_is_not_sent(self):
        assert not decide(issue_version=0, tags_unchanged=True, issue_sent_at=NOW - timedelta(days=2))[0]

    def test_a_changed_verdict_waits_a_day(self):
        assert not decide(issue_version=0, issue_sent_at=NOW - timedelta(hours=23))[0]
        assert decide(issue_version=0, issue_sent_at=NOW - timedelta(hours=24))[0]

    def test_a_persons_correction_does_not_wait(self):
        assert decide(issue_version=0, issue_sent_at=NOW - timedelta(hours=1), manual=True)[0]

    def test_an_active_issue_is_refreshed_before_the_search_forgets_it(self):
        seen = issue(last_seen=NOW - timedelta(hours=1))
        assert not decide(of=seen, issue_version=1, issue_sent_at=NOW - timedelta(days=12))[0]
        assert decide(of=seen, issue_version=1, issue_sent_at=NOW - timedelta(days=13))[0]

    def test_a_quiet_issue_is_not_refreshed(self):
        quiet = issue(last_seen=NOW - timedelta(days=14), first_seen=NOW - timedelta(days=14))
        allowed, reason = decide(of=quiet, issue_version=1, issue_sent_at=NOW - timedelta(days=13))
        assert (allowed, reason) == (False, "no real event since the tags were sent")


class TestOwners:
    def test_rules_on_paths_are_met_by_frames(self):
        assert decide(of=issue(owners=BY_RULE), ownership=PATH_RULES)[0]

    def test_without_a_culprit_frames_would_make_one(self):
        assert not decide(of=issue(owners=BY_RULE, culprit=""), ownership=PATH_RULES)[0]

    @pytest.mark.parametrize("kind", ["url", "tags.customer"])
    def test_rules_that_the_event_cannot_repeat_stop_it(self, kind):
        rules = Ownership(frozenset({kind}))
        assert not decide(of=issue(owners=BY_RULE), ownership=rules)[0]
        assert not decide(of=issue(owners=None), ownership=rules)[0]

    def test_not_where_nobody_would_be_lost(self):
        rules = Ownership(frozenset({"url"}))
        assert decide(of=issue(owners=()), ownership=rules)[0]
        assert decide(of=issue(owners=BY_RULE, assigned_to=Actor("team", "42")), ownership=rules)[0]

    def test_rules_on_our_own_tags_are_welcome(self):
        rules = Ownership.from_api(sample("api/ownership.get.json"))
        assert rules.matchers == {"path", "tags.triage.category"}
        assert decide(of=issue(owners=BY_RULE), ownership=rules)[0]

    @pytest.mark.parametrize("owners", [BY_RULE, BY_CODEOWNERS])
    def test_a_suggestion_is_met_by_frames_where_no_rules_are_to_be_seen(self, owners):
        assert with_frames(issue(owners=owners), Ownership())
        assert not with_frames(issue(owners=owners, assigned_to=Actor("team", "42")), Ownership())
        assert decide(of=issue(owners=owners))[0]

    @pytest.mark.parametrize("owners", [(), None, BY_COMMIT])
    def test_no_frames_are_sent_where_nothing_rests_on_them(self, owners):
        assert not with_frames(issue(owners=owners), Ownership())
        assert with_frames(issue(owners=owners), PATH_RULES), "a rule may suggest somebody from now on"

    @pytest.mark.parametrize("owners", [BY_RULE, BY_CODEOWNERS])
    @pytest.mark.parametrize(
        ("words", "said", "changes"),
        [
            ("java frames", event(platform="java"), {}),
            ("cocoa frames", event(platform="cocoa"), {}),
            ("dart frames", event(platform=None), {"platform": "dart"}),
            ("no in-app frames", without_frames(), {}),
            ("a message has no frames", event(), {"type": "default", "metadata": {"title": "disk full"}}),
        ],
    )
    def test_a_suggestion_that_the_event_cannot_carry_stops_it(self, owners, words, said, changes):
        allowed, reason = decide(of=issue(owners=owners, **changes), said=said)
        assert not allowed
        assert words in reason
        assert decide(of=issue(owners=BY_COMMIT, **changes), said=said)[0], "it rests on no frames"

    def test_a_suggestion_by_our_own_tag_needs_no_frames(self):
        ours = Ownership(frozenset({"tags.triage.category"}))
        assert decide(of=issue(owners=BY_RULE), said=without_frames(), ownership=ours)[0]
        assert not decide(of=issue(owners=BY_CODEOWNERS), said=without_frames(), ownership=ours)[0]

    def test_rules_are_read_from_any_text(self):
        assert Ownership.from_api({"raw": None}).matchers == frozenset()
        raw = '# a comment\n\nurl:*/pay/* #web\n"path:my dir/*" a@b.test'
        assert Ownership.from_api({"raw": raw}).matchers == {"url", "path"}


class TestAftermath:
    def test_nothing_else_changes(self):
        assert after() == (True, "nothing else changed")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("title", "other"),
            ("level", "info"),
            ("culprit", ""),
            ("status", "resolved"),
            ("owners", ()),
            ("assigned_to", Actor("user", "7")),
            ("first_seen", NOW - timedelta(days=9)),
            ("last_seen", NOW - timedelta(days=9)),
            ("id", "1"),
        ],
    )
    def test_any_other_change_is_found(self, name, value):
        same, reason = after(**{name: value})
        assert not same
        assert reason

    def test_last_seen_may_come_cut_to_seconds(self):
        assert after(last_seen=issue().last_seen.replace(microsecond=0))[0]

    def test_a_real_event_in_between_explains_the_title(self):
        assert after(title="newer", last_seen=NOW)[0]

    def test_a_real_event_does_not_explain_an_assignee(self):
        assert not after(last_seen=NOW, assigned_to=Actor("user", "7"))[0]

    def test_a_person_explains_status_and_assignee(self):
        acts = (Activity("assigned", {}, "9", NOW), Activity("set_resolved", {}, "9", NOW))
        changed = {"status": "resolved", "assigned_to": Actor("user", "7"), "activity": acts}
        assert after(**changed)[0]
        assert not after(issue(activity=acts), **changed)[0], "what was there before explains nothing"

    @pytest.mark.parametrize("kind", ["assigned", "unassigned"])
    def test_sentrys_own_assignment_explains_the_assignee(self, kind):
        by_rule = (Activity(kind, {"integration": "projectOwnership"}, "", NOW),)
        assert after(assigned_to=Actor("user", "7"), activity=by_rule)[0]
        assert not after(status="resolved", assigned_to=Actor("user", "7"), activity=by_rule)[0]

    @pytest.mark.parametrize("kind", ["set_resolved_in_commit", "set_resolved", "set_ignored"])
    def test_a_commit_or_a_tracker_explains_the_status(self, kind):
        by_commit = (Activity(kind, {"commit": "4f1c"}, "", NOW),)
        assert after(status="resolved", activity=by_commit)[0]
        assert not after(status="resolved", assigned_to=Actor("user", "7"), activity=by_commit)[0]

    def test_a_change_of_priority_does_not_explain_the_status(self):
        assert not after(status="resolved", activity=(Activity("set_priority", {}, "9", NOW),))[0]

    def test_a_regression_explains_the_status_unless_it_was_ours(self):
        resolved = issue(status="resolved")
        ours = (Activity("set_regression", {"event_id": "00000000-0abc"}, "", NOW),)
        assert not after(resolved, activity=ours)[0]
        real = (Activity("set_regression", {"event_id": "77"}, "", NOW),)
        assert after(resolved, activity=real)[0]

    def test_what_is_kept_tells_nothing_of_the_application(self):
        kept = json.dumps(Snapshot.of(issue(title="jane@shop.example", owners=BY_RULE)).to_json())
        assert "jane" not in kept
        assert Snapshot.from_json({**json.loads(kept), "owners": None}).owners is None

    def test_a_regression_is_ours_by_its_event_id(self):
        ours = issue(activity=(Activity("set_regression", {"event_id": "00000000abc"}),))
        assert regression_event(ours) == "00000000abc"
        resolved_since = issue(activity=(Activity("set_resolved", {}), *ours.activity))
        assert regression_event(resolved_since) is None
        assert regression_event(issue()) is None
