"""Latency, size, parity and accuracy, measured beside peers."""
