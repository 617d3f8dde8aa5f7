"""The REST API, one blueprint a subject."""

from . import apps, events, external, issue_list, issues, notes, organization, projects

BLUEPRINTS = (
    issue_list.bp,
    issues.bp,
    events.bp,
    notes.bp,
    external.bp,
    organization.bp,
    projects.bp,
    apps.bp,
)
