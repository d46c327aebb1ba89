"""Rewrites between reading and planning: each a pure function over the dataclasses of graph.py and steps.py."""
