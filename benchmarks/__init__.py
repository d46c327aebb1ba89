"""Latency, size, parity and accuracy, compared with those of peers."""
