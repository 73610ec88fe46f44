"""The page: a session as messages in and out, served locally or run in the browser."""
