"""Rewrites of the graph between reading and lowering: pure functions from Graph to Graph."""
