"""The demo: a small shop whose real libraries fail for real, a sandbox Sentry, and the app between them."""
