"""The runtime's sub-commands of `stapes`, one per file. Heavy modules are imported only when a command runs."""

import argparse

from stapes.runtime.cli.bench import add_bench
from stapes.runtime.cli.detect import add_detect
from stapes.runtime.cli.labels import add_labels
from stapes.runtime.cli.listen import add_listen
from stapes.runtime.cli.simulate import add_simulate
from stapes.runtime.cli.size import add_size
from stapes.runtime.cli.verify import add_verify


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these sub-commands to the parser."""
    add_simulate(commands)
    add_verify(commands)
    add_size(commands)
    add_bench(commands)
    add_detect(commands)
    add_listen(commands)
    add_labels(commands)
