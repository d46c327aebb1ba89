"""Operators become steps: calls of kernels, moves of blocks, fills."""
