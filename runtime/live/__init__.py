"""Listening: where live audio comes from, the loop over it, and where the events that it finds go."""
