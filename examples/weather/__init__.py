"""A small weather service: polls stations, retries, keeps what it has read."""
