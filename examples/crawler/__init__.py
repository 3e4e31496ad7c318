"""A small crawler that opens a session for every page."""
