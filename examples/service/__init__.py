"""A small web service whose handlers stop its event loop, each in its own way."""
