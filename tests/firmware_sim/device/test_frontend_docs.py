"""docs/frontend.md: what it shows runs, with the same bits in Python and in C; its table is that of the settings."""

import re
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from page_blocks import ROOT, read_blocks

from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.sources import CSRC

PAGE = ROOT / "docs" / "frontend.md"
MAIN = """
#include <stdio.h>

int main(void)
{
    static int16_t pcm[8000];
    static int8_t features[128];
    if (start() != STAPES_FRONTEND_OK || fread(pcm, sizeof pcm[0], 8000, stdin) != 8000)
        return 1;
    for (size_t t = 0; t < stapes_frontend_frames(TABLES, 8000); t++) {
        hear(pcm + t * TABLES->hop, features);
        fwrite(features, 1, TABLES->n_bands, stdout);
    }
    return 0;
}
"""


def block(language: str) -> str:
    [text] = [block.text for block in read_blocks(PAGE) if block.language == language]
    return text


def test_the_examples_in_python_and_c_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    exec(block("python"), names)
    (tmp_path / "example.c").write_text(block("c") + MAIN)
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    command = [
        "gcc",
        "-std=c99",
        "-O2",
        *warnings,
        f"-I{CSRC / 'frontend'}",
        "example.c",
        CSRC / "frontend" / "stapes_frontend.c",
        "-o",
        "example",
    ]
    subprocess.run(command, check=True)
    heard = subprocess.run(["./example"], input=names["pcm"].tobytes(), capture_output=True, check=True).stdout
    assert np.array_equal(np.frombuffer(heard, np.int8).reshape(names["features"].shape), names["features"])


def test_the_table_of_settings_is_that_of_the_class() -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", PAGE.read_text(encoding="utf-8"), re.M)
    shown = [pair for names, defaults in rows for pair in zip(names.split(", "), defaults.split(", "), strict=True)]
    assert shown == [(f"`{field.name}`", str(field.default)) for field in fields(FrontendConfig)]
