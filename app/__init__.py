"""Sentry Triage: triages Sentry issues and writes the answer back into Sentry."""
