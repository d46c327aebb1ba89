"""The site builds without a warning, its links lead somewhere, and its pages load nothing from other hosts."""

import asyncio
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import ClientSession, web
from chromium import Chromium

from benchmarks.readme_table import tables
from docs.hooks.c_headers import api_headers
from docs.hooks.commands import sub_commands
from stapes.runtime import labels

ROOT = Path(__file__).resolve().parents[2]

# Addresses in the theme's scripts, and why no page requests them.
NEVER_REQUESTED = {
    "https://unpkg.com/mermaid": "loaded by pages with a Mermaid diagram; there is none",
    "https://unpkg.com/resize-observer-polyfill": "loaded by browsers without ResizeObserver; the page refuses it",
    "https://api.github.com/": "loaded where repo_url is set; it is not",
    "https://${": "GitLab's interface, loaded where repo_url is set",
    "http://www.w3.org/": "a name space of SVG",
    "https://fontawesome.com": "a licence",
    "https://bit.ly/": "in the text of a warning of the search",
    "https://squidfunk.github.io/mkdocs-material/": "a link",
}


class Page(html.parser.HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.text = path, path.read_text(encoding="utf-8")
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = {""}
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") not in ("prev", "next", "canonical"):
            self.loads.add(given["href"])
        self.loads |= {given[name] for name in ("src", "srcset", "poster", "data-src") if name in given}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(target)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return target


@cache
def read_pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def text_of(site: Path, page: str) -> str:
    """The words of a page as a reader sees them."""
    return html.unescape(re.sub(r"<[^>]+>", "", (site / page).read_text(encoding="utf-8")))


def test_every_link_and_picture_leads_to_a_file_and_an_anchor_that_exist(site: Path) -> None:
    pages = read_pages(site)
    for page in pages.values():
        if page.path.name == "404.html":
            continue  # its links begin at the root of a server
        for link in page.links | page.loads:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("data:"):
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            assert target.is_file(), f"{page.path.name} links to {link}"
            if target in pages and parts.fragment:
                assert unquote(parts.fragment) in pages[target].anchors, f"{page.path.name} links to {link}"


def test_no_page_or_style_sheet_loads_from_another_host(site: Path) -> None:
    for page in read_pages(site).values():
        assert not [load for load in page.loads if re.match(r"(https?:)?//", load)], page.path
        assert "default-src 'self'" in page.text, f"{page.path}: the browser is not told to refuse other hosts"
        assert 'class="mermaid"' not in page.text
        assert 'data-md-component="source"' not in page.text
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", page.text)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_address_in_the_scripts_is_one_that_is_never_requested(site: Path) -> None:
    for script in site.rglob("*.js"):
        if "lunr" in script.parts:
            continue  # rules of languages for the search, without a request in them
        code = re.sub(r"/\*.*?\*/", "", script.read_text(encoding="utf-8"), flags=re.DOTALL)
        for address in re.findall(r"https?://[^\"'`\s)]+", code):
            assert address.startswith(tuple(NEVER_REQUESTED)), f"{script.name}: {address}"


def test_a_browser_fetches_everything_from_where_the_page_is(site: Path, tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's chromium")

    async def fetched() -> list[str]:
        application = web.Application()
        application.router.add_static("/", site)
        runner = web.AppRunner(application)
        await runner.setup()
        server = web.TCPSite(runner, "127.0.0.1", 0)
        await server.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        with Chromium(tmp_path / "profile", (1200, 900)) as browser:
            async with ClientSession() as session:
                page = await browser.open(session, f"{address}/listening.html")
                await page.until("document.querySelector('.md-typeset img').complete")
                entries = await page.value("JSON.stringify(performance.getEntriesByType('resource').map(e => e.name))")
        await runner.cleanup()
        return [name.removeprefix(address) for name in json.loads(entries)]

    names = asyncio.run(fetched())
    assert "/live-page.png" in names
    assert not [name for name in names if not name.startswith("/")]


def test_pages_are_light_or_dark_as_the_reader_wants(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert 'data-md-color-scheme="default"' in text
    assert 'data-md-color-scheme="slate"' in text
    assert "prefers-color-scheme" in text


def test_the_reference_holds_every_command_and_option(site: Path) -> None:
    text = text_of(site, "reference/commands.html")
    for name, parser in sub_commands().items():
        section = text.split(f"stapes {name}¶")[1].split("¶")[0]
        for action in parser._actions:
            for option in set(action.option_strings) - {"-h", "--help"}:
                assert option in section, f"stapes {name} {option}"


def test_the_reference_holds_every_public_name_of_labels_and_every_c_header(site: Path) -> None:
    python, c = text_of(site, "reference/python.html"), text_of(site, "reference/c-headers.html")
    assert not [name for name in labels.__all__ if name.islower() and f"{name}(" not in python]
    for header in api_headers():
        assert " ".join(header.read_text(encoding="utf-8").split()) in " ".join(c.split()), header


def test_the_first_tables_of_what_is_measured_are_those_of_the_readme(site: Path) -> None:
    text = text_of(site, "measured.html")
    rows = [row.split(" | ") for row in tables().splitlines() if " | " in row]
    assert len(rows) > 20
    for _, measured, *_ in rows:
        assert measured.strip("*") in text
