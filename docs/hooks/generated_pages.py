"""mkdocs hook: pages of the site that are made from the code and from the benchmarks' results at build time.

Run `python -m mkdocs build` from the repository: `docs` and `benchmarks` are imported from there.
"""

from collections.abc import Callable

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from docs.hooks.c_headers import headers_page
from docs.hooks.commands import commands_page
from docs.hooks.measured import measured_page
from docs.hooks.parts import parts_page

PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/c-headers.md": headers_page,
    "reference/parts.md": parts_page,
    "measured.md": measured_page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that lie in docs/."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files
