"""YAMNet as a whole, which has 3.7 MB of weights, and a Cortex-M55 whose code and constants lie in external memory.

The model (google-coral/coralmicro, Apache-2.0) is measured where ../shared/models is beside this checkout. The emulated
Cortex-M55 has 512 KB of flash, and external RAM at another address, where the firmware lies instead. The processor
takes its first stack pointer and its first instruction from where the flash begins.
"""

from dataclasses import replace
from pathlib import Path

from stapes.firmware_sim.machines.boards import BOARDS

YAMNET = Path("../shared/models/yamnet_spectra_in_int8.tflite")
_INTERNAL = BOARDS["cortex-m55"]
EXTERNAL_M55 = replace(_INTERNAL, name="cortex-m55-external", flash_origin=0x60000000, flash_bytes=16 << 20)
LARGE_BOARDS = ("cortex-m7", EXTERNAL_M55.name)

FIRST_VECTORS = """extern int board_handler_stack_top;
void board_reset(void);
extern const void *const board_first_vectors[2];
__attribute__((section(".first_vectors"))) const void *const board_first_vectors[2] = {
    &board_handler_stack_top, (const void *)board_reset};
"""
FIRST_VECTORS_FLAGS = (
    "-Wl,--undefined=board_first_vectors",
    f"-Wl,--section-start=.first_vectors={_INTERNAL.flash_origin:#x}",
)
