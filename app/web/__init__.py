"""The HTTP side: blueprints that verify, store and answer; nothing here waits for Sentry or a model."""
