"""The reference of commands, made from the parsers of the `stapes` command."""

import argparse
import re
from collections.abc import Iterator
from itertools import groupby

from stapes.runtime.main import build_parser

INTRODUCTION = """# Commands

Results are printed to stdout, progress and notes to stderr. An error is one line that begins with `error:`, and the
exit code is 1; `stapes --debug COMMAND …` shows the traceback as well. `stapes COMMAND --help` prints what this page
says.

A program that runs stapes gets all that stderr says as lines of JSON with `stapes --progress json COMMAND …`. Each line
is an object, and its `kind` says what else it holds:

| `kind` | fields |
|---|---|
| `info`, `warning`, `error` | `text` |
| `progress` | `task` and `detail`, texts; `done` and `of`, in units of the task; `seconds_left`, null while unknown; \
`of_all`: whether these seconds are of all tasks of the run |
| `done` | `text`: a task is done |
| `end` | `exit_code`; the last line. A process without one was killed |

Libraries may write lines of their own, which are not JSON.
"""


def sub_commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every sub-command, by name."""
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(sorted(action.choices.items()))
    raise AssertionError("the stapes command has no sub-commands")


def commands_page() -> str:
    """Return the page in Markdown: a table of all commands, then each with its options and examples."""
    commands = sub_commands()
    overview = [f"| [`{name}`](#stapes-{name}) | {_purpose(name)} |" for name in commands]
    sections = [_section(name, parser) for name, parser in commands.items()]
    return "\n".join([INTRODUCTION, "| command | purpose |", "|---|---|", *overview, "", *sections])


def _purpose(name: str) -> str:
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            [help_text] = [one.help for one in action._choices_actions if one.dest == name]
            return _escaped(help_text or "")
    raise AssertionError(name)


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    usage = argparse.HelpFormatter(parser.prog, width=100)
    usage.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    lines = [f"## stapes {name} {{ #stapes-{name} }}", "", _escaped(" ".join((parser.description or "").split()))]
    lines += [
        "",
        "```text",
        usage.format_help().strip(),
        "```",
        "",
        *_options(parser),
        "",
        *_epilog(parser.epilog or ""),
    ]
    return "\n".join([*lines, ""])


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield "| argument | meaning |"
    yield "|---|---|"
    formatter = argparse.HelpFormatter(parser.prog)
    for group in parser._action_groups:
        for action in group._group_actions:
            if isinstance(action, argparse._HelpAction):
                continue
            meaning = formatter._expand_help(action) if action.help else ""
            yield f"| `{_invocation(action)}` | {_escaped(meaning)} |"


def _invocation(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    value = "\\|".join(map(str, action.choices)) if action.choices and metavar is None else metavar
    if not action.option_strings:
        return value or action.dest
    name = ", ".join(action.option_strings)
    if action.nargs == 0:
        return name
    return (
        f"{name} [{value or action.dest.upper()}]" if action.nargs == "?" else f"{name} {value or action.dest.upper()}"
    )


def _epilog(epilog: str) -> Iterator[str]:
    """Indented lines are commands, the others are prose."""
    for indented, group in groupby(epilog.strip().splitlines(), lambda line: line.startswith(" ")):
        text = "\n".join(line.removeprefix("  ") for line in group)
        yield from ("```sh", text, "```", "") if indented else (_escaped(text[:1].upper() + text[1:]), "")


def _escaped(text: str) -> str:
    """Text as Markdown: what stands in backticks is kept, elsewhere signs that mean something are escaped."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part.replace("|", "\\|") if at % 2 else re.sub(r"([*_<\[\]|])", r"\\\1", part) for at, part in enumerate(parts)
    )
