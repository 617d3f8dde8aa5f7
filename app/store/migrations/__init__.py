"""Alembic's migrations; ``sentry-triage release`` runs them."""
