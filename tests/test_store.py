"""The store, on SQLite and on a real Postgres: what goes in comes out, once, and encrypted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, inspect, text

from app.core.aftermath import Snapshot
from app.core.digest import Digest, ExceptionInfo, Frame
from app.core.intake import Intent, Kind
from app.core.issue import Issue, Owner
from app.core.verdict import Evidence, Verdict
from app.core.vocabulary import Category, Severity, Source
from app.errors import UserError
from app.store import Store
from app.store.engine import is_migrated, migrate
from app.store.tables import metadata
from app.store.vault import Vault, derived_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ISSUE = Intent(Kind.TRIAGE, "41", "issue.created")
VERDICT = Verdict(
    category=Category.DATABASE,
    severity=Severity.CRITICAL,
    root_cause="The database refused the connection.",
    confidence=0.97,
    source=Source.OFFLINE,
    evidence=(Evidence(id="exception:0.type", seen="OperationalError", says="raised by the driver"),),
)


def read(store: Store, digest: Digest) -> None:
    """Issue 41 has been read."""
    store.issues.save_read(
        "41",
        project="shop",
        short_id="SHOP-1",
        status="unresolved",
        signature="s" * 32,
        first_seen=NOW,
        last_seen=NOW,
        digest=digest,
        extra={"hash": "x"},
    )


def test_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    inspector = inspect(store.engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column for column in inspector.get_columns(table.name)}
        assert columns.keys() == {column.name for column in table.columns}, table.name
        for column in table.columns:
            if not column.primary_key:
                assert columns[column.name]["nullable"] == column.nullable, f"{table.name}.{column.name}"


def test_migrating_again_changes_nothing(store: Store) -> None:
    store.work.add(ISSUE, dedupe="a")
    migrate(store.engine)
    assert is_migrated(store.engine)
    assert store.work.find("a") is not None


def test_the_same_request_is_one_row(store: Store) -> None:
    assert store.work.add(ISSUE, dedupe="a")
    assert not store.work.add(ISSUE, dedupe="a")
    assert store.work.counts() == {"queued": 1}


def test_one_subject_has_one_job_at_a_time_and_equal_work_is_merged(store: Store) -> None:
    for dedupe in "abc":
        store.work.add(ISSUE, dedupe=dedupe)
    store.work.add(Intent(Kind.TRIAGE, "42", "issue.created"), dedupe="d")
    first, other = store.work.due()
    assert (first.subject, other.subject) == ("41", "42")
    assert store.work.claim(first, "w1")
    assert not store.work.claim(first, "w2"), "another worker cannot claim it"
    assert [job.subject for job in store.work.due()] == ["42"]
    assert store.work.counts() == {"done": 2, "queued": 1, "running": 1}


def test_work_that_comes_while_its_subject_is_busy_waits(store: Store) -> None:
    store.work.add(ISSUE, dedupe="a")
    (job,) = store.work.due()
    store.work.claim(job, "w1")
    store.work.add(ISSUE, dedupe="b")
    assert store.work.due() == []
    store.work.finish(job.id, "w1", "triaged", "")
    assert [job.state for job in store.work.due()] == ["queued"]


def test_what_was_put_in_for_later_is_not_answered_by_what_runs_now(store: Store) -> None:
    """A second look at a model that was away: the job that runs now has asked it already."""
    store.work.add(ISSUE, dedupe="a")
    store.work.add(ISSUE, dedupe="same")
    store.work.add(ISSUE, dedupe="later", delay=120.0)
    (job,) = store.work.due()
    store.work.claim(job, "w1")
    assert store.work.counts() == {"running": 1, "done": 1, "queued": 1}
    store.work.finish(job.id, "w1", "triaged", "")
    assert store.work.due() == [], "it waits for its time"


def test_a_worker_suspended_after_its_claim_merges_nothing_into_a_job_that_has_ended(store: Store) -> None:
    store.work.add(ISSUE, dedupe="a")
    (job,) = store.work.due()

    def meanwhile(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        """Another worker's sweep starts the job and ends it; a new one comes and Sentry is away."""
        assert statement.startswith("UPDATE work")
        store.work.finish(job.id, "w1", "triaged", "")
        store.work.add(ISSUE, dedupe="b")
        (later,) = store.work.due()
        assert store.work.claim(later, "w2")
        store.work.postpone(later.id, "w2", 60.0, "Sentry answered 500")

    event.listen(store.engine, "after_cursor_execute", meanwhile, once=True)
    assert store.work.claim(job, "w1")
    assert store.work.counts() == {"done": 1, "queued": 1}


def test_a_workflow_that_repeats_its_end_cannot_touch_the_next_attempt(store: Store) -> None:
    store.work.add(ISSUE, dedupe="a")
    (job,) = store.work.due()
    store.work.claim(job, "w1")
    store.work.postpone(job.id, "w1", 0.0, "Sentry answered 500")
    (again,) = store.work.due()
    assert again.attempts == 1
    store.work.claim(again, "w2")
    store.work.finish(job.id, "w1", "triaged", "the old one, once more")
    still = store.work.get(job.id)
    assert still is not None
    assert still.state == "running"


def test_a_failed_job_can_be_run_again(store: Store) -> None:
    store.work.add(ISSUE, dedupe="a")
    (job,) = store.work.due()
    store.work.claim(job, "w1")
    store.work.fail(job.id, "w1", "no")
    assert store.work.due() == []
    assert store.work.run_again(job.id)
    assert not store.work.run_again(job.id)
    assert [again.attempts for again in store.work.due()] == [1]


def test_work_is_due_at_its_time(database_url: str, vault: Vault) -> None:
    now = NOW
    timed = Store.open(database_url, vault, clock=lambda: now)
    migrate(timed.engine)
    timed.work.add(ISSUE, dedupe="a", delay=60)
    assert timed.work.due() == []
    now = NOW + timedelta(seconds=61)
    assert len(timed.work.due()) == 1
    assert timed.work.oldest_due() == NOW + timedelta(seconds=60)
    timed.close()


def test_payload_and_content_are_unreadable_in_the_database(store: Store) -> None:
    secret = "customer@example.test"
    store.work.add(ISSUE, dedupe="a", payload={"message": secret})
    digest = Digest(
        title=secret, exceptions=(ExceptionInfo(type="E", value=secret, frames=(Frame(function="f"),)),)
    )
    read(store, digest)
    store.verdicts.add(
        "41", VERDICT.model_copy(update={"root_cause": secret}), project="shop", signature="", reason=""
    )
    for table in metadata.sorted_tables:
        with store.engine.connect() as connection:
            dump = repr(connection.execute(text(f"SELECT * FROM {table.name}")).all())
        assert secret not in dump
    job = store.work.find("a")
    assert job is not None
    assert store.work.payload(job.id) == {"message": secret}
    assert store.issues.content("41") == (digest, {"hash": "x"})


def test_an_equal_verdict_is_no_new_version(store: Store) -> None:
    first = store.verdicts.add("41", VERDICT, project="shop", signature="s", reason="rule")
    again = store.verdicts.add("41", VERDICT, project="shop", signature="s", reason="rule")
    changed = store.verdicts.add(
        "41",
        VERDICT.model_copy(update={"severity": Severity.HIGH}),
        project="shop",
        signature="s",
        reason="x",
    )
    assert (first.version, again.version, changed.version) == (1, 1, 2)
    assert [stored.version for stored in store.verdicts.history("41")] == [1, 2]
    assert first.verdict == VERDICT


def test_a_verdict_and_the_issue_that_names_it_are_kept_together(store: Store) -> None:
    read(store, Digest())

    def die(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("UPDATE issues"):
            raise KeyboardInterrupt

    event.listen(store.engine, "before_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        store.verdicts.add("41", VERDICT, project="shop", signature="s", reason="rule")
    event.remove(store.engine, "before_cursor_execute", die)
    assert store.verdicts.history("41") == []
    store.verdicts.add("41", VERDICT, project="shop", signature="s", reason="rule")
    assert store.issues.known(["41"])["41"].version == 1


def test_what_no_key_opens_any_more_still_counts_as_a_version(store: Store) -> None:
    """The client secret was rotated, and what its key had sealed was not sealed again."""
    store.verdicts.add("41", VERDICT, project="shop", signature="s", reason="rule")
    other = Store(store.engine, Vault([derived_key("another secret")]))
    assert other.verdicts.latest("41") is None
    assert other.verdicts.add("41", VERDICT, project="shop", signature="s", reason="rule").version == 2


def test_only_what_a_model_or_a_person_said_is_reused(store: Store) -> None:
    store.verdicts.add("41", VERDICT, project="shop", signature="s", reason="")
    assert store.verdicts.same_signature("s", but_not="42") is None
    human = VERDICT.model_copy(update={"source": Source.HUMAN})
    store.verdicts.add("41", human, project="shop", signature="s", reason="")
    assert store.verdicts.same_signature("s", but_not="41") is None
    found = store.verdicts.same_signature("s", but_not="42")
    assert found is not None
    assert found.verdict == human


def test_facts_are_kept_and_replaced(store: Store) -> None:
    assert store.facts.get("cursor", 7) == 7
    store.facts.put("cursor", {"at": 1})
    store.facts.put("cursor", {"at": 2})
    assert store.facts.get("cursor") == {"at": 2}


def test_workers_beat_and_are_forgotten(database_url: str, vault: Vault) -> None:
    now = NOW
    timed = Store.open(database_url, vault, clock=lambda: now)
    migrate(timed.engine)
    timed.workers.beat("a", host="h", pid=1)
    now = NOW + timedelta(seconds=20)
    timed.workers.beat("b", host="h", pid=2)
    assert timed.workers.alive(within=10) == {"b"}
    timed.workers.leave("b")
    timed.workers.forget(older_than=10)
    assert timed.workers.alive(within=1000) == set()
    timed.close()


def test_write_log_counts_what_was_done_lately(store: Store) -> None:
    for outcome in ("written", "written", "refused"):
        store.writes.add("41", 1, "assignee", outcome=outcome, before=None, after="team:2", reason="route")
    assert store.writes.written_within("assignee", 3600) == 2
    assert [(write.before, write.after) for write in store.writes.of_issue("41")] == [(None, "team:2")] * 3


TAGS = {"triage.category": "Database"}
BEFORE = Snapshot.of(
    Issue(id="41", title="down", status="unresolved", owners=(Owner("codeowners", "team:1"),))
)


def test_annotation_memory_of_one_project(database_url: str, vault: Vault) -> None:
    now = NOW
    timed = Store.open(database_url, vault, clock=lambda: now)
    migrate(timed.engine)
    memory = timed.annotations
    assert not memory.state("2", "41", 1, TAGS).canary_passed
    memory.sending(BEFORE, "2", "e1", 1, TAGS)
    memory.sending(replace(BEFORE, status="resolved"), "2", "e1", 1, TAGS)
    assert memory.was_sent("e1")
    assert memory.before("e1") == BEFORE, "of an event that leaves again, the first one"
    assert memory.before("e2") is None
    assert memory.state("2", "42", 1, TAGS).canary_pending, "another issue waits for the canary"
    assert not memory.state("2", "41", 1, TAGS).canary_pending
    memory.landed("2", "e1")
    state = memory.state("2", "41", 1, TAGS)
    assert (state.canary_passed, state.sent_today, state.landed, state.tags_unchanged) == (
        True,
        1,
        1,
        True,
    )
    assert memory.state("2", "41", 2, {"triage.category": "Logic"}).tags_unchanged is False
    now = NOW + timedelta(hours=25)
    assert memory.state("2", "41", 1, TAGS).sent_today == 0
    timed.close()


def test_a_dead_canary_does_not_hold_the_project_for_ever(database_url: str, vault: Vault) -> None:
    now = NOW
    timed = Store.open(database_url, vault, clock=lambda: now)
    migrate(timed.engine)
    timed.annotations.sending(BEFORE, "2", "e1", 1, TAGS)
    now = NOW + timedelta(minutes=5)
    assert not timed.annotations.state("2", "42", 1, TAGS).canary_pending
    timed.close()


def test_a_stopped_project_can_be_switched_on_again(store: Store) -> None:
    store.annotations.disable("2", "wrong_group: it landed in issue 9")
    assert store.annotations.state("2", "41", 1, TAGS).disabled.startswith("wrong_group")
    assert store.annotations.disabled_projects() == {"2": "wrong_group: it landed in issue 9"}
    store.annotations.enable("2")
    assert store.annotations.state("2", "41", 1, TAGS).disabled == ""


def test_a_database_that_is_not_there_is_said_in_one_sentence(vault: Vault) -> None:
    dead = Store.open("postgresql+psycopg://nobody@127.0.0.1:9/none", vault)
    with pytest.raises(UserError, match="cannot be reached") as caught:
        migrate(dead.engine)
    assert "DATABASE_URL" in caught.value.hint


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_vault_gives_back_what_it_was_given(value: object) -> None:
    vault = Vault([derived_key("k")])
    assert vault.open(vault.seal(value)) == value


def test_vault_rotates() -> None:
    old, new = derived_key("old"), derived_key("new")
    sealed = Vault([old]).seal("x")
    both = Vault([new, old])
    assert both.open(sealed) == "x"
    rotated = both.rotate(sealed)
    assert Vault([new]).open(rotated) == "x"
    assert Vault([new]).open(sealed) is None
    assert Vault([new]).rotate(sealed) is None


def test_a_bad_key_is_said_in_one_sentence() -> None:
    with pytest.raises(UserError, match="TRIAGE_ENCRYPTION_KEY"):
        Vault(["not a key"])
