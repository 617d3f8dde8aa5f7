"""The annotation event: it repeats what the issue shows and adds nothing but tags."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.annotation import annotation_event, event_id, event_tags, event_time, is_synthetic, stored_hash
from app.core.vocabulary import Source
from tests.writeback import event, issue, sample, transcript, verdict


def made(**options):
    return annotation_event(issue(), event(), verdict(), 1, **options)


def test_it_is_the_recorded_event_with_our_own_tags_id_and_time():
    recorded, ours = sample("ingest/annotation_event.json"), made()
    same = ("platform", "level", "checksum", "fingerprint", "culprit", "environment", "exception")
    assert {key: ours[key] for key in same} == {key: recorded[key] for key in same}
    assert set(ours) == set(recorded)
    assert ours["tags"] == {
        "triage.category": "Database",
        "triage.severity": "high",
        "triage.action": "later",
        "triage.confidence": "high",
        "triage.source": "offline",
        "triage.synthetic": "true",
    }


def test_frames_are_names_only():
    recorded = sample("ingest/annotation_event.with_frames.json")
    assert made(with_frames=True)["exception"] == recorded["exception"]


def test_frames_of_libraries_are_not_sent():
    said = event()
    said["entries"][0]["data"]["values"][0]["stacktrace"]["frames"][1]["inApp"] = False
    frames = annotation_event(issue(), said, verdict(), 1, with_frames=True)["exception"]["values"][0]
    assert [frame["filename"] for frame in frames["stacktrace"]["frames"]] == ["shop/views.py"]


def test_frames_are_left_out_where_they_would_make_a_culprit():
    built = annotation_event(issue(culprit=""), event(), verdict(), 1, with_frames=True)
    assert "stacktrace" not in built["exception"]["values"][0]


def test_nothing_of_the_person_or_the_source_code_is_sent():
    text = json.dumps(made(with_frames=True))
    for private in (
        "user",
        "jane",
        "198.51",
        "request",
        "breadcrumbs",
        "contexts",
        "release",
        "vars",
        "connect(",
    ):
        assert private not in text.replace("timeout expired", "")


TAGS = {"triage.category": "Database", "triage.severity": "high"}


def test_the_id_is_a_function_of_issue_version_tags_and_refresh():
    assert made()["event_id"] == made()["event_id"] == event_id("6507376925", 1, verdict().tags())
    others = ({}, TAGS, {**TAGS, "triage.severity": "low"})
    ids = {event_id(i, v, t, r) for i in ("1", "11") for v in (1, 2, 11) for t in others for r in (0, 1)}
    assert len(ids) == 36
    assert all(len(i) == 32 and i.startswith("00000000") for i in ids)


def test_the_order_of_the_tags_does_not_change_the_id():
    assert event_id("1", 1, TAGS) == event_id("1", 1, dict(reversed(TAGS.items())))


def test_it_is_dated_a_second_before_the_last_real_event():
    first = issue().first_seen
    assert event_time(issue(last_seen=first + timedelta(hours=1))) == first + timedelta(
        minutes=59, seconds=59
    )


def test_it_is_never_dated_before_first_seen():
    # 23.7.1 cuts lastSeen to whole seconds, so it can lie before firstSeen.
    seen = issue().first_seen
    cut = issue(last_seen=seen.replace(microsecond=0))
    assert event_time(cut) == seen
    assert made()["timestamp"] == pytest.approx(seen.timestamp(), abs=1e-6)


def test_a_message_event_is_repeated_as_its_log_entry():
    message = issue(type="default", level="warning", metadata={"title": "disk nearly full"})
    said = event(entries=[{"type": "message", "data": {"formatted": "disk nearly full\non /var"}}])
    built = annotation_event(message, said, verdict(), 1)
    assert built["logentry"] == {"formatted": "disk nearly full\non /var"}
    assert built["level"] == "warning"
    assert "exception" not in built


def test_the_issues_own_metadata_decides_the_title():
    other = issue(metadata={"type": "Timeout", "value": "slow"})
    value = annotation_event(other, event(), verdict(), 1)["exception"]["values"][0]
    assert (value["type"], value["value"]) == ("Timeout", "slow")


def test_without_an_environment_none_is_made_up():
    tags = [tag for tag in event()["tags"] if tag["key"] != "environment"]
    assert "environment" not in annotation_event(issue(), event(tags=tags), verdict(), 1)


def test_an_abstaining_verdict_is_tagged_unknown():
    built = annotation_event(issue(), event(), verdict(confidence=0.3, source=Source.MODEL), 1)
    assert built["tags"]["triage.category"] == "Unknown"
    assert built["tags"]["triage.confidence"] == "low"


@pytest.mark.parametrize(
    ("changed_issue", "changed_event"),
    [({}, {"fingerprints": ["short"]}), ({"last_seen": None}, {}), ({"type": "csp"}, {})],
)
def test_what_cannot_be_annotated_is_an_error_not_a_broken_event(changed_issue, changed_event):
    with pytest.raises(ValueError):
        annotation_event(issue(**changed_issue), event(**changed_event), verdict(), 1)


@given(st.one_of(st.none(), st.text(), st.lists(st.one_of(st.none(), st.text(), st.integers()))))
def test_only_32_hex_digits_are_a_stored_hash(value):
    found = stored_hash({"fingerprints": value})
    assert found is None or (len(found) == 32 and set(found) <= set("0123456789abcdef"))


def test_our_own_events_are_recognised_in_every_shape_of_tags():
    assert is_synthetic(made())
    assert is_synthetic({"tags": [{"key": "triage.synthetic", "value": "true"}]})
    assert is_synthetic({"tags": [["triage.synthetic", "true"]]})
    assert not is_synthetic(event())
    assert event_tags({"tags": [None, 3, "ab", ["x"]]}) == {}


def test_an_event_of_sentry_23_7_is_annotated_too():
    from app.core.issue import Issue

    old = Issue.from_api(json.loads(transcript("01-get-issue-org.txt")[2]))
    latest = json.loads(transcript("04-events-latest.txt")[2])
    built = annotation_event(old, latest, verdict(), 1)
    assert built["checksum"] == latest["fingerprints"][0]
    assert built["exception"]["values"][0]["type"] == "FreshError"
    assert built["timestamp"] == pytest.approx(old.first_seen.timestamp(), abs=1e-6)
