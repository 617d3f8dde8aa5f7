"""The REST client's logic: which path, what an answer means, when it tries again. No network."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.issue import Issue
from app.errors import Permanent, Retryable
from app.sentry.api import api_path, control_base
from app.sentry.errors import (
    BadAnswer,
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    Redirected,
    ServerTrouble,
    TooLarge,
    Unauthorized,
    Unreachable,
    error_text,
)
from app.sentry.paging import next_cursor
from app.sentry.transport import Response
from tests.writeback import (
    ISSUE,
    ORG,
    SAMPLES,
    TOKEN,
    Clock,
    FakeTransport,
    client,
    event,
    sample,
    transcript,
)

RAW_ISSUE = sample("api/issue.get.json")
NO_EVENT = (404, {"detail": "No matching event"})


def recorded(name: str) -> Response:
    return Response(*transcript(name))


class TestMeanings:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (301, Redirected),
            (400, BadRequest),
            (401, Unauthorized),
            (403, Forbidden),
            (404, NotFound),
            (409, Conflict),
            (410, Gone),
            (413, TooLarge),
            (429, RateLimited),
            (500, ServerTrouble),
            (503, ServerTrouble),
        ],
    )
    def test_each_status_has_one(self, status, error):
        with pytest.raises(error):
            client(FakeTransport().on(f"PUT {ISSUE}/", (status, {"detail": "no"}))).update_issue("6507376925")

    def test_a_revoked_token_waits_for_a_person(self):
        clock = Clock()
        with pytest.raises(Retryable) as caught:
            client(FakeTransport().on(f"GET {ISSUE}/", recorded("56-badtoken.txt")), clock).issue(
                "6507376925"
            )
        assert caught.value.after == 300
        assert clock.slept == []

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b'{"detail": "Invalid token"}', "Invalid token"),
            (b'{"detail": {"code": "x", "message": "Sign in", "extra": {}}}', "Sign in"),
            (b'{"assignedTo": ["User does not exist"]}', "assignedTo: User does not exist"),
            (b'{"non_field_errors": ["No plan"]}', "No plan"),
            (b'"Limit is 5 requests in 1 seconds"', "Limit is 5 requests in 1 seconds"),
            (
                (SAMPLES / "api/note.duplicate.400.v23_7.json").read_bytes(),
                "You have already posted that comment.",
            ),
            (b'{"message": "This API no longer exists."}', "This API no longer exists."),
            (b"<html><h1>502</h1> Bad\nGateway</html>", "502 Bad Gateway"),
            (b"", ""),
        ],
    )
    def test_every_form_of_error_body_is_read(self, body, text):
        assert error_text(body) == text

    @given(
        st.one_of(
            st.binary(), st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
        )
    )
    def test_any_body_gives_one_short_line(self, body):
        text = error_text(body)
        assert len(text) <= 300
        assert "\n" not in text

    def test_a_page_instead_of_json_is_not_believed(self):
        page = Response(200, {}, b"<html>Please sign in</html>")
        with pytest.raises(BadAnswer):
            client(FakeTransport().on(f"GET {ISSUE}/", page)).issue("6507376925")
        with pytest.raises(BadAnswer):
            client(FakeTransport().on(f"GET {ORG}/members/", {"a": 1})).members()


class TestRetrying:
    def test_a_get_gets_another_chance(self):
        clock = Clock()
        fake = FakeTransport().on(f"GET {ISSUE}/", Unreachable("reset"), (503, {}), RAW_ISSUE)
        assert client(fake, clock).issue("6507376925").short_id == "SHOP-API-41"
        assert clock.slept == [0.5, 1.0]

    def test_it_waits_as_long_as_it_is_told(self):
        clock = Clock()
        limited = Response(429, {"retry-after": "7"}, b'"slow down"')
        client(FakeTransport().on(f"GET {ISSUE}/", limited, RAW_ISSUE), clock).issue("6507376925")
        assert clock.slept == [7.0]

    def test_it_reads_sentrys_own_reset_time(self):
        clock = Clock()
        limited = Response(429, {"x-sentry-rate-limit-reset": str(clock.now + 3)}, b"")
        client(FakeTransport().on(f"GET {ISSUE}/", limited, RAW_ISSUE), clock).issue("6507376925")
        assert clock.slept == [3.0]

    def test_over_a_rate_limit_it_tries_as_often_as_there_is_time(self):
        clock = Clock()
        limited = [Response(429, {"retry-after": "1"}, b"") for _ in range(8)]
        client(FakeTransport().on(f"GET {ISSUE}/", *limited, RAW_ISSUE), clock).issue("6507376925")
        assert clock.slept == [1.0] * 8

    def test_a_long_wait_is_left_to_the_job(self):
        clock = Clock()
        with pytest.raises(RateLimited) as caught:
            client(
                FakeTransport().on(f"GET {ISSUE}/", Response(429, {"retry-after": "3600"}, b"")), clock
            ).issue("6507376925")
        assert caught.value.after == 3600
        assert clock.slept == []

    def test_it_gives_up_within_its_budget(self):
        clock = Clock()
        start = clock.now
        fake = FakeTransport().on(f"GET {ISSUE}/", Response(503, {"retry-after": "8"}, b""))
        with pytest.raises(ServerTrouble):
            client(fake, clock).issue("6507376925")
        assert clock.now - start <= 20
        assert len(fake.requests) == 3
        assert [request.timeout for request in fake.requests] == [15, 12, 4]

    def test_a_post_is_repeated_only_where_nothing_was_done(self):
        fake = FakeTransport().on(f"POST {ISSUE}/notes/", Unreachable("timed out"))
        with pytest.raises(Unreachable):
            client(fake).add_note("6507376925", "x")
        assert len(fake.requests) == 1
        fake.on(f"POST {ISSUE}/notes/", (429, "later"), (201, sample("api/note.create.response.json")))
        assert client(fake).add_note("6507376925", "x").id == "4633816001"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410])
    def test_a_plain_no_is_not_asked_again(self, status):
        fake = FakeTransport().on(f"GET {ISSUE}/", (status, {}))
        with pytest.raises((Permanent, Retryable)):
            client(fake).issue("6507376925")
        assert len(fake.requests) == 1


class TestSecrets:
    def test_the_token_is_in_no_message_and_no_repr(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", (403, {"detail": "no"}))
        sentry = client(fake)
        with pytest.raises(Forbidden) as caught:
            sentry.issue("6507376925")
        assert fake.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in f"{caught.value!r} {sentry!r} {fake.requests!r}"

    @pytest.mark.parametrize("bad", ["..", ".", ""])
    def test_no_identifier_leaves_its_place_in_the_path(self, bad):
        with pytest.raises(Permanent):
            client(FakeTransport()).issue(bad)

    @given(st.text(min_size=1).filter(lambda t: t not in {".", ".."} and t.isprintable()))
    def test_an_identifier_is_one_segment(self, text):
        path = urlsplit("https://sentry.example" + api_path("issues", text)).path
        assert path.startswith("/api/0/issues/")
        assert path.count("/") == 5

    def test_the_link_headers_host_is_never_called(self):
        link = '<https://evil.example/api/?cursor=0:100:0>; rel="next"; results="true"; cursor="0:100:0"'
        fake = FakeTransport().on(
            f"GET {ORG}/members/", Response(200, {"link": link}, b'[{"id": 1}]'), [{"id": 2}]
        )
        assert [row["id"] for row in client(fake).members()] == [1, 2]
        assert {urlsplit(request.url).hostname for request in fake.requests} == {"sentry.example"}
        assert fake.queries("GET")[1] == {"cursor": ["0:100:0"]}

    def test_apps_are_asked_of_sentry_io_on_saas_only(self):
        assert control_base("https://de.sentry.io") == "https://sentry.io"
        assert control_base("https://sentry.io") == "https://sentry.io"
        assert control_base("https://sentry.example") == "https://sentry.example"
        assert control_base("https://notsentry.io") == "https://notsentry.io"


class TestPaging:
    def test_the_recorded_header_ends(self):
        assert next_cursor(transcript("50-search-tag.txt")[1]["link"]) is None

    def test_previous_is_not_next(self):
        link = (
            '<https://x/?a=1,2&cursor=9>; rel="previous"; results="true"; cursor="9", '
            '<https://x/?cursor=5>; rel="next"; results="true"; cursor="5"'
        )
        assert next_cursor(link) == "5"
        assert next_cursor("") is None

    def test_the_issue_list_takes_a_query_and_a_cursor(self):
        link = '<https://x/>; rel="next"; results="true"; cursor="0:100:0"'
        fake = FakeTransport().on(
            f"GET {ORG}/issues/", Response(200, {"link": link}, json.dumps([RAW_ISSUE]).encode())
        )
        page = client(fake).issues("is:unresolved", "0:0:0", limit=500, period="14d")
        assert [issue.id for issue in page.items] == ["6507376925"]
        assert page.cursor == "0:100:0"
        assert fake.queries("GET") == [
            {
                "query": ["is:unresolved"],
                "limit": ["100"],
                "sort": ["date"],
                "project": ["-1"],
                "cursor": ["0:0:0"],
                "statsPeriod": ["14d"],
            }
        ]

    def test_the_recorded_search_of_23_7_is_read(self):
        page = client(FakeTransport().on(f"GET {ORG}/issues/", recorded("50-search-tag.txt"))).issues("has:x")
        assert page.cursor is None


class TestIssue:
    def test_todays_shape(self):
        issue = client(FakeTransport().on(f"GET {ISSUE}/", RAW_ISSUE)).issue("6507376925", expand_owners=True)
        assert (issue.supports_priority, issue.priority) == (True, "high")
        assert [owner.key for owner in issue.owners or ()] == ["user:12345", "team:42"]
        assert issue.annotations == ("AI-Triage#Database-high",)
        assert issue.first_seen.isoformat() == "2026-09-14T08:12:33.120000+00:00"

    def test_the_shape_of_23_7(self):
        issue = Issue.from_api(json.loads(transcript("01-get-issue-org.txt")[2]))
        assert (issue.supports_priority, issue.priority, issue.owners) == (False, None, None)
        assert (issue.project_slug, issue.type, issue.category) == ("shop", "error", "error")

    def test_both_suffixes_of_a_time_are_read(self):
        read = Issue.from_api(
            {"id": 1, "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00+00:00"}
        )
        assert read.first_seen == read.last_seen

    def test_a_merged_issue_is_noticed(self):
        issue = client(FakeTransport().on(f"GET {ORG}/issues/3/", RAW_ISSUE)).issue("3")
        assert issue.moved_from("3")
        assert not issue.moved_from("SHOP-API-41")
        assert not issue.moved_from("6507376925")

    @given(
        st.dictionaries(
            st.sampled_from(sorted(RAW_ISSUE)), st.none() | st.text() | st.integers() | st.lists(st.text())
        )
    )
    def test_no_odd_value_breaks_it(self, odd):
        assert Issue.from_api({**RAW_ISSUE, **odd, "id": 5}).id == "5"

    def test_an_update_returns_what_sentry_says(self):
        fake = FakeTransport().on(f"PUT {ISSUE}/", recorded("21-priority-put.txt"))
        after = client(fake).update_issue("6507376925", priority="high")
        assert fake.bodies("PUT") == [{"priority": "high"}]
        assert (after.supports_priority, after.priority) == (False, None)


class TestEvent:
    EVENTS = f"GET {ISSUE}/events"
    SYNTHETIC = event(id="a0", tags=[{"key": "triage.synthetic", "value": "true"}], previousEventID="a1")

    def test_recommended_first(self):
        assert (
            client(FakeTransport().on(f"{self.EVENTS}/recommended/", event())).event("6507376925") == event()
        )

    @pytest.mark.parametrize(
        "no", [NO_EVENT, (400, {"detail": "bad id"}), (404, {"detail": "Event not found"})]
    )
    def test_latest_where_recommended_is_not_known(self, no):
        fake = FakeTransport().on(f"{self.EVENTS}/recommended/", no).on(f"{self.EVENTS}/latest/", event())
        assert client(fake).event("6507376925") == event()

    def test_none_where_all_are_past_retention(self):
        fake = (
            FakeTransport().on(f"{self.EVENTS}/recommended/", NO_EVENT).on(f"{self.EVENTS}/latest/", NO_EVENT)
        )
        assert client(fake).event("6507376925") is None

    def test_a_missing_issue_is_not_a_missing_event(self):
        with pytest.raises(NotFound):
            client(FakeTransport()).event("6507376925")

    def test_ours_are_stepped_over(self):
        fake = (
            FakeTransport()
            .on(f"{self.EVENTS}/recommended/", self.SYNTHETIC)
            .on(f"{self.EVENTS}/latest/", self.SYNTHETIC)
            .on(f"{self.EVENTS}/a1/", {**self.SYNTHETIC, "previousEventID": "a2"})
            .on(f"{self.EVENTS}/a2/", event(id="a2"))
        )
        assert client(fake).event("6507376925")["id"] == "a2"

    def test_a_single_real_event_stands_after_ours(self):
        only = {**self.SYNTHETIC, "previousEventID": None, "nextEventID": "b1"}
        fake = FakeTransport().on(f"{self.EVENTS}/latest/", only).on(f"{self.EVENTS}/b1/", event(id="b1"))
        assert client(fake).event("6507376925", newest=True)["id"] == "b1"

    def test_only_ours_is_none(self):
        fake = FakeTransport().on(f"{self.EVENTS}/latest/", {**self.SYNTHETIC, "previousEventID": None})
        assert client(fake).event("6507376925", newest=True) is None

    def test_lookup(self):
        found = sample("api/eventids.json")
        fake = FakeTransport().on(f"GET {ORG}/eventids/{found['eventId']}/", found)
        assert client(fake).event_lookup(found["eventId"]) == "6507376925"
        assert client(fake).event_lookup("0" * 32) is None


class TestNotes:
    PATH = f"{ISSUE}/notes/"
    NOTE = sample("api/note.create.response.json")

    @pytest.mark.parametrize(
        "duplicate",
        [
            Response(400, {}, (SAMPLES / "api/note.duplicate.400.json").read_bytes()),
            Response(400, {}, (SAMPLES / "api/note.duplicate.400.v23_7.json").read_bytes()),
            recorded("27-comment-post-dup.txt"),
            Response(400, {}, b'{"text": ["You have already posted that comment."]}'),
        ],
    )
    def test_a_duplicate_is_success(self, duplicate):
        fake = (
            FakeTransport()
            .on(f"POST {self.PATH}", duplicate)
            .on(f"GET {self.PATH}", [{"id": "1"}, self.NOTE])
        )
        assert client(fake).add_note("6507376925", self.NOTE["data"]["text"]).id == "4633816001"

    def test_another_400_is_not(self):
        fake = FakeTransport().on(f"POST {self.PATH}", (400, {"text": ["This field may not be blank."]}))
        with pytest.raises(BadRequest, match="blank"):
            client(fake).add_note("6507376925", " ")

    def test_notes_of_23_7_are_read(self):
        notes = client(FakeTransport().on(f"GET {self.PATH}", recorded("28-comment-list.txt"))).notes(
            "6507376925"
        )
        assert any("triage:1" in note.text for note in notes)

    def test_deleting_what_is_gone_is_fine(self):
        client(FakeTransport()).delete_note("6507376925", "1")
        with pytest.raises(Forbidden):
            client(FakeTransport().on(f"DELETE {self.PATH}1/", (403, {}))).delete_note("6507376925", "1")

    def test_edit(self):
        fake = FakeTransport().on(f"PUT {self.PATH}4633816001/", self.NOTE)
        assert client(fake).edit_note("6507376925", "4633816001", "new").id == "4633816001"
        assert fake.bodies("PUT") == [{"text": "new"}]


class TestExternalIssue:
    POST = "POST /api/0/sentry-app-installations/u-1/external-issues/"
    LIST = f"GET {ISSUE}/external-issues/"
    ROW = sample("api/external_issue.response.json")

    def put(self, fake):
        return client(fake).put_external_issue(
            "u-1",
            "6507376925",
            project="Triage",
            identifier="Database-high",
            web_url="https://triage.example/i/41",
            app_slug="ai-triage-1a2b3c",
        )

    def test_todays_server_upserts(self):
        fake = FakeTransport().on(self.POST, self.ROW)
        assert self.put(fake)["id"] == "77"
        request = sample("api/external_issue.request.json")
        assert fake.bodies("POST") == [{**request, "project": "Triage"}]

    def test_23_7_answers_500_and_is_helped(self):
        fake = (
            FakeTransport()
            .on(self.POST, recorded("37-ext-issue-again.txt"), self.ROW)
            .on(self.LIST, [self.ROW, {"id": "9", "serviceType": "jira"}])
            .on("DELETE /api/0/sentry-app-installations/u-1/external-issues/77/", (204, None))
        )
        assert self.put(fake)["id"] == "77"
        assert len(fake.calls("DELETE")) == 1

    def test_a_500_for_another_reason_stays_one(self):
        with pytest.raises(ServerTrouble):
            self.put(FakeTransport().on(self.POST, (500, {})).on(self.LIST, []))
        with pytest.raises(ServerTrouble):
            self.put(
                FakeTransport().on(self.POST, (500, {})).on(self.LIST, [{"id": "9", "serviceType": "jira"}])
            )
        proxy = FakeTransport().on(self.POST, (502, {})).on(self.LIST, [self.ROW])
        with pytest.raises(ServerTrouble):
            self.put(proxy)
        assert proxy.calls("DELETE") == []


def test_the_directory_is_read():
    fake = (
        FakeTransport()
        .on("GET /api/0/projects/acme/shop-api/keys/", sample("api/project.keys.json"))
        .on("GET /api/0/projects/acme/shop-api/ownership/", sample("api/ownership.get.json"))
        .on("GET /api/0/projects/acme/shop-api/teams/", [{"id": "42", "slug": "db-team"}])
        .on(f"GET {ORG}/projects/", [{"slug": "shop-api"}])
        .on(f"GET {ORG}/members/", recorded("39-members.txt"))
        .on(f"GET {ORG}/", {"slug": "acme"})
        .on(f"GET {ORG}/sentry-app-installations/", [{"uuid": "u-1"}])
    )
    sentry = client(fake)
    assert sentry.project_keys("shop-api")[0]["isActive"] is True
    assert sentry.project_ownership("shop-api")["raw"].startswith("path:")
    assert sentry.project_teams("shop-api") == [{"id": "42", "slug": "db-team"}]
    assert sentry.projects() == [{"slug": "shop-api"}]
    assert sentry.members()[1]["user"]["id"] == "2"
    assert sentry.organization()["slug"] == "acme"
    assert sentry.installations() == [{"uuid": "u-1"}]
