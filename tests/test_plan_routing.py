"""Who should look: routes, globs, Sentry's suggestions, and what Sentry will take as an assignee."""

from __future__ import annotations

import json

import pytest

from app.core.digest import Digest, ExceptionInfo, Frame
from app.core.issue import Owner
from app.core.owners import Directory, resolve_owner
from app.core.policy import Policy, Route
from app.core.routing import innermost_path, path_fits, route
from app.core.vocabulary import Category
from tests.writeback import digest, issue, transcript, verdict


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("shop/payments/api.py", "shop/payments/**", True),
        ("shop/payments/v2/api.py", "shop/payments/**", True),
        ("shop/payments.py", "shop/payments/**", False),
        ("shop/a/b.py", "shop/*.py", False),
        ("shop/b.py", "shop/*.py", True),
        ("/app/shop/b.py", "**/shop/*.py", True),
        ("/shop/b.py", "shop/*.py", True),
        ("./shop/b.py", "/shop/**", True),
        ("shop\\b.py", "shop/*.py", True),
        ("webpack:///./src/pay/cart.ts", "src/pay/**", True),
        ("src/.hidden/x.ts", "src/**", True),
        ("shop/b.py", "SHOP/**", False),
        ("", "**", False),
    ],
)
def test_globs(path, pattern, fits):
    assert path_fits(path, pattern) is fits


def test_the_path_is_the_in_app_frame_nearest_to_the_crash():
    library = Frame(filename="psycopg/connection.py", in_app=False)
    own = (Frame(filename="shop/views.py", in_app=True), Frame(filename="shop/db.py", in_app=True), library)
    cause = ExceptionInfo(frames=(Frame(filename="shop/cause.py", in_app=True),))
    assert innermost_path(Digest(exceptions=(cause, ExceptionInfo(frames=own)))) == "shop/db.py"
    assert innermost_path(Digest(exceptions=(cause, ExceptionInfo(frames=(library,))))) == "shop/cause.py"
    assert innermost_path(Digest(frames=own)) == "shop/db.py"
    assert innermost_path(Digest(frames=(library,))) == ""


class TestRoute:
    POLICY = Policy(
        route=(
            Route(owner="team:payments", category=Category.DATABASE, path="shop/payments/**"),
            Route(owner="dba@acme.test", category=Category.DATABASE, project="shop-api"),
            Route(owner="team:web", project="shop-web"),
        )
    )

    def test_the_first_that_fits_decides_and_says_which(self):
        assert route(verdict(), digest("shop/payments/a.py"), issue(), self.POLICY) == (
            "team:payments",
            "route 1 of triage.toml: category Database, path shop/payments/**",
        )

    def test_everything_named_must_fit(self):
        assert route(verdict(), digest("shop/db.py"), issue(), self.POLICY)[0] == "dba@acme.test"
        logic = verdict(category=Category.LOGIC)
        assert (
            route(logic, digest("shop/db.py"), issue(project_slug="shop-web"), self.POLICY)[0] == "team:web"
        )

    def test_an_abstaining_verdict_has_no_category_to_route_by(self):
        assert route(verdict(confidence=0.4), digest(), issue(owners=()), self.POLICY)[0] is None

    def test_then_whom_sentry_suggests_rules_before_commits(self):
        owner, reason = route(verdict(), digest(), issue(), Policy())
        assert owner == "team:42"
        assert "ownershipRule" in reason
        commit = issue(owners=(Owner("suspectCommit", "user:12345"),))
        assert route(verdict(), digest(), commit, Policy())[0] == "user:12345"

    def test_else_nobody(self):
        assert route(verdict(), digest(), issue(owners=()), Policy()) == (
            None,
            "no route fits and Sentry suggests nobody",
        )


class TestOwners:
    MEMBERS = json.loads(transcript("39-members.txt")[2])
    TEAMS = ({"id": "2", "slug": "backend"},)
    DIRECTORY = Directory.from_api("shop", TEAMS, MEMBERS)

    @pytest.mark.parametrize(
        ("owner", "actor"),
        [
            ("team:backend", "team:2"),
            ("team:2", "team:2"),
            ("alice@lab.test", "user:2"),
            ("Alice@Lab.test", "user:2"),
            ("user:2", "user:2"),
        ],
    )
    def test_those_with_access_become_actors(self, owner, actor):
        assert resolve_owner(owner, self.DIRECTORY)[0] == actor

    @pytest.mark.parametrize(
        ("owner", "words"),
        [
            ("team:frontend", "no access to project shop"),
            ("team:3", "no access to project shop"),
            ("nobody@lab.test", "not a member"),
            ("user:99", "not a member"),
        ],
    )
    def test_others_are_named_with_the_reason(self, owner, words):
        actor, reason = resolve_owner(owner, self.DIRECTORY)
        assert actor is None
        assert words in reason

    def test_invited_and_deactivated_people_are_not_assigned(self):
        rows = [
            {"id": "8", "email": "new@lab.test", "user": None, "pending": True},
            {"id": "9", "email": "left@lab.test", "user": {"id": "9", "isActive": False}},
        ]
        people = Directory.from_api("shop", (), rows)
        for mail in ("new@lab.test", "left@lab.test"):
            assert "has not joined yet or was deactivated" in resolve_owner(mail, people)[1]

    def test_a_member_whose_projects_are_known_needs_this_one(self):
        row = {"email": "bob@lab.test", "user": {"id": "3", "isActive": True}, "projects": ["shop-web"]}
        assert resolve_owner("bob@lab.test", Directory.from_api("shop-web", (), [row]))[0] == "user:3"
        assert resolve_owner("bob@lab.test", Directory.from_api("shop", (), [row]))[0] is None

    def test_the_members_id_is_not_the_users(self):
        row = {"id": "500", "email": "bob@lab.test", "user": {"id": "3"}}
        assert resolve_owner("bob@lab.test", Directory.from_api("shop", (), [row]))[0] == "user:3"
