"""The thin edge to Sentry: REST, ingest, and the single writes."""
