"""The frontend's tables as C are, in memory, the tables that stapes_frontend_read makes of frontend.bin."""

import subprocess
from pathlib import Path

import pytest
from big_endian import build_big_endian, needs_big_endian
from frontend_inputs import CONFIGS

from stapes.firmware_sim.device.frontend import FrontendConfig, make_tables
from stapes.firmware_sim.machines.frontend_c import frontend_c
from stapes.firmware_sim.sources import CSRC

MAIN = """
#include <stdio.h>
#include <string.h>

#include "stapes_frontend.h"
#include "tables.h"

int main(void)
{
    static uint32_t memory[sizeof tables / 4];
    static uint8_t file[sizeof tables + 1];
    if (fread(file, 1, sizeof file, stdin) != sizeof tables)
        return 1;
    stapes_frontend_read(memory, file, sizeof tables);
    if (stapes_frontend_init(&tables.head, sizeof tables) != STAPES_FRONTEND_OK)
        return 2;
    if (stapes_frontend_check_crc(&tables.head) != STAPES_FRONTEND_OK)
        return 3;
    return memcmp(memory, &tables, sizeof tables) == 0 ? 0 : 4;
}
"""
SIZES = {**CONFIGS, "negative": FrontendConfig(int8_zero_db=-100.0)}


def written(config: FrontendConfig, folder: Path) -> bytes:
    """Write the program around these tables; return the tables."""
    tables = make_tables(config)
    text = frontend_c("tables", tables)
    (folder / "tables.h").write_text(text.type + text.definition)
    (folder / "main.c").write_text(MAIN)
    return tables


@pytest.mark.parametrize("name", SIZES)
def test_the_tables_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    tables = written(SIZES[name], tmp_path)
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    sources = [tmp_path / "main.c", CSRC / "frontend" / "stapes_frontend.c"]
    subprocess.run(["cc", *strict, f"-I{CSRC / 'frontend'}", *sources, "-o", tmp_path / "program"], check=True)
    assert subprocess.run([tmp_path / "program"], input=tables).returncode == 0


@needs_big_endian
@pytest.mark.parametrize("name", SIZES)
def test_a_big_endian_processor_has_the_same_tables(name: str, tmp_path: Path) -> None:
    tables = written(SIZES[name], tmp_path)
    sources = [tmp_path / "main.c", CSRC / "frontend" / "stapes_frontend.c"]
    program = build_big_endian(sources, [CSRC / "frontend", tmp_path], tmp_path / "program", "-O2")
    assert subprocess.run([program], input=tables).returncode == 0
