"""Sub-commands of `stapes`, one file each. Slow modules are imported only when a command runs."""

import argparse

from stapes.train.cli.adapt import add_adapt
from stapes.train.cli.backbone import add_backbone
from stapes.train.cli.check import add_check
from stapes.train.cli.evaluate import add_evaluate
from stapes.train.cli.inbox import add_inbox
from stapes.train.cli.mine import add_mine
from stapes.train.cli.review import add_review
from stapes.train.cli.studio import add_studio
from stapes.train.cli.suggest import add_suggest
from stapes.train.cli.synth import add_synth
from stapes.train.cli.train import add_train
from stapes.train.cli.tune import add_tune


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-commands of this folder."""
    add_adapt(commands)
    add_backbone(commands)
    add_check(commands)
    add_evaluate(commands)
    add_review(commands)
    add_inbox(commands)
    add_mine(commands)
    add_studio(commands)
    add_suggest(commands)
    add_synth(commands)
    add_train(commands)
    add_tune(commands)
