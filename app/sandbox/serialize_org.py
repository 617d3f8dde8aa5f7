"""The organisation's parts as the API shows them: members, teams, projects, keys, apps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .formats import iso
from .model import App, Key, Member, Ownership, Project, Team
from .serialize import user
from .state import State

Json = dict[str, Any]
_DETAIL_ONLY = ("isInternal", "isPublic", "avatar", "color", "status")
SECRET_SHOWN_FOR = timedelta(days=1)
_AVATAR = {"avatarType": "letter_avatar", "avatarUuid": None}
_MEMBER_FLAGS = [
    "idp:provisioned",
    "idp:role-restricted",
    "sso:linked",
    "sso:invalid",
    "member-limit:restricted",
]
_TEAM_ACCESS = [
    "event:read",
    "org:read",
    "member:read",
    "alerts:read",
    "project:releases",
    "project:read",
    "event:write",
    "team:read",
]
_PROJECT_FLAGS = [
    "firstTransactionEvent",
    "hasSessions",
    "hasProfiles",
    "hasReplays",
    "hasMonitors",
    "hasMinifiedStackTrace",
]


def organization(state: State) -> Json:
    features = ["open-membership"] if state.open_membership else []
    return {
        "id": "1",
        "slug": state.org,
        "status": {"id": "active", "name": "active"},
        "name": state.org.title(),
        "dateCreated": iso(state.created),
        "isEarlyAdopter": False,
        "require2FA": False,
        "requireEmailVerification": False,
        "avatar": _AVATAR,
        "features": features,
        "links": {"organizationUrl": state.url, "regionUrl": state.url},
        "hasAuthProvider": False,
        "isDefault": True,
        "defaultRole": "member",
        "openMembership": state.open_membership,
    }


def member(who: Member) -> Json:
    pending = who.user is None
    return {
        "id": str(who.id),
        "email": who.email,
        "name": who.user.name if who.user else who.email,
        "user": user(who.user) if who.user else None,
        "role": who.role,
        "roleName": who.role.title(),
        "orgRole": who.role,
        "pending": pending,
        "expired": False,
        "flags": dict.fromkeys(_MEMBER_FLAGS, False),
        "dateCreated": iso(who.created),
        "inviteStatus": "approved",
        "inviterName": None,
        "groupOrgRoles": [],
    }


def team_ref(team: Team) -> Json:
    return {"id": str(team.id), "slug": team.slug, "name": team.name}


def team(state: State, group: Team, *, with_projects: bool = False) -> Json:
    shown: Json = {
        **team_ref(group),
        "dateCreated": iso(group.created),
        "isMember": False,
        "teamRole": None,
        "flags": {"idp:provisioned": False},
        "access": list(_TEAM_ACCESS),
        "hasAccess": True,
        "isPending": False,
        "memberCount": len(group.users),
        "avatar": _AVATAR,
        "orgRole": None,
    }
    if with_projects:
        owned = [p for p in state.projects.values() if group in p.teams]
        shown |= {"externalTeams": [], "projects": [_project_base(p) for p in owned]}
    return shown


def _project_base(project: Project) -> Json:
    return {
        "id": str(project.id),
        "slug": project.slug,
        "name": project.name,
        "platform": project.platform,
        "dateCreated": iso(project.created),
        "isBookmarked": False,
        "isMember": False,
        "features": [],
        "firstEvent": iso(project.first_event),
        "access": [],
        "hasAccess": True,
        "isInternal": False,
        "isPublic": False,
        "avatar": _AVATAR,
        "color": "#3fbfb9",
        "status": "active",
        **dict.fromkeys(_PROJECT_FLAGS, False),
    }


def project(state: State, item: Project, *, detail: bool = False) -> Json:
    teams = [team_ref(group) for group in item.teams]
    found = {name for i in state.issues.values() if i.project is item for name in i.environments}
    versions = [event.data["release"] for event in _events(state, item) if event.data["release"]]
    shown: Json = {
        "team": teams[0] if teams else None,
        "teams": teams,
        **_project_base(item),
        "environments": sorted(found),
        "eventProcessing": {"symbolicationDegraded": False},
        "platforms": [],
        "latestRelease": {"version": versions[-1]} if versions else None,
        "hasUserReports": False,
        "latestDeploys": None,
    }
    if not detail:
        return {key: value for key, value in shown.items() if key not in _DETAIL_ONLY}
    shown["organization"] = organization(state)
    shown |= {"options": {}, "resolveAge": 0, "groupingConfig": "newstyle:2023-01-11"}
    return shown


def _events(state: State, item: Project) -> list[Any]:
    return sorted((e for e in state.events.values() if e.project is item), key=lambda e: e.order)


def key(state: State, project: Project, client_key: Key) -> Json:
    scheme, _, host = state.url.partition("://")
    public = state.dsn(project, client_key)
    tail = f"sentry_key={client_key.public}"
    limit = client_key.rate_limit
    return {
        "id": client_key.public,
        "name": client_key.label,
        "label": client_key.label,
        "public": client_key.public,
        "secret": client_key.secret,
        "projectId": project.id,
        "isActive": client_key.active,
        "rateLimit": {"count": limit[0], "window": limit[1]} if limit else None,
        "dsn": {
            "secret": f"{scheme}://{client_key.public}:{client_key.secret}@{host}/{project.id}",
            "public": public,
            "csp": f"{state.url}/api/{project.id}/csp-report/?{tail}",
            "security": f"{state.url}/api/{project.id}/security/?{tail}",
            "minidump": f"{state.url}/api/{project.id}/minidump/?{tail}",
            "unreal": f"{state.url}/api/{project.id}/unreal/{client_key.public}/",
            "cdn": f"{state.url}/js-sdk-loader/{client_key.public}.min.js",
        },
        "browserSdkVersion": "7.x",
        "browserSdk": {"choices": [["latest", "latest"], ["7.x", "7.x"]]},
        "dateCreated": iso(client_key.created),
        "dynamicSdkLoaderOptions": {"hasReplay": True, "hasPerformance": True, "hasDebug": False},
    }


def ownership(rules: Ownership) -> Json:
    return {
        "raw": rules.raw,
        "fallthrough": rules.fallthrough,
        "dateCreated": iso(rules.created),
        "lastUpdated": iso(rules.updated),
        "isActive": True,
        "autoAssignment": rules.auto_assignment,
        "codeownersAutoSync": rules.codeowners_auto_sync,
    }


def installation(state: State, app: App) -> Json:
    return {
        "app": {"uuid": app.uuid, "slug": app.slug},
        "organization": {"slug": state.org},
        "uuid": app.installation,
        "status": "installed",
    }


def app(state: State, item: App) -> Json:
    """With the secret in clear only for a day; after that masked."""
    fresh = state.now() - item.created <= SECRET_SHOWN_FOR
    return {
        "allowedOrigins": [],
        "author": item.author,
        "avatars": [],
        "events": list(item.events),
        "featureData": [],
        "isAlertable": item.is_alertable,
        "name": item.name,
        "overview": item.overview,
        "popularity": 1,
        "redirectUrl": None,
        "schema": item.schema,
        "scopes": list(item.scopes),
        "slug": item.slug,
        "status": "internal",
        "uuid": item.uuid,
        "verifyInstall": False,
        "webhookUrl": item.webhook_url,
        "clientId": item.client_id,
        "clientSecret": item.client_secret if fresh else "****************",
        "owner": {"id": 1, "slug": state.org},
    }
