"""Machines to run a detector on: emulated boards, the firmware built for them, and what it costs there."""
