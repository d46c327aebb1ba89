"""The C of csrc/, built by _build_ffi.py: names and types are those of csrc/*_api.h."""

from typing import Any

ffi: Any
lib: Any
