"""Labelled recordings: reading, splitting and checking them, and synthesizing them."""
