"""Labelled recordings: read, split, checked."""
