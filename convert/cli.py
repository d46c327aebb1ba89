"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
