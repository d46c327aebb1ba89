"""C names from the names that a model's author gave: readable, unique, safe in C and in C++."""

import re
from collections.abc import Sequence

# Words of C and C++, what <string.h> and POSIX declare beside them, macros of GNU compilers, and what the generated
# function uses itself.
_WORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
    co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
    double dynamic_cast else enum explicit export extern false float for friend goto if inline int long main mutable
    namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
    requires restrict return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while
    xor xor_eq
    bcmp bcopy bzero ffs index ptrdiff_t rindex size_t stpcpy stpncpy strcat strchr strcmp strcoll strcpy strcspn
    strdup strerror strlen strncat strncmp strncpy strndup strpbrk strrchr strsep strsignal strspn strstr strtok strxfrm
    memccpy memchr memcmp memcpy memmem memmove mempcpy memset
    arm avr i386 linux null unix
    arena self states
"""
RESERVED = frozenset(_WORDS.split())
_HEADERS = """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbool stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar wchar wctype
"""
_STDINT = re.compile(r"u?int(_fast|_least)?\d+(_t)?|u?int(ptr|max)(_t)?")


def is_reserved(name: str) -> bool:
    """Whether C, C++ or the generated function has a use of its own for a name."""
    return name in RESERVED or bool(_STDINT.fullmatch(name))


def c_name(text: str) -> str:
    """Letters, digits and single underscores, beginning with a letter, at most 40; '' when nothing is left."""
    return (
        re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", text)).strip("_")[:40].rstrip("_").lstrip("0123456789_").lower()
    )


def module_name(text: str, otherwise: str = "model") -> str:
    """Name of files, functions and types: NAME_t, NAME_step, NAME.h must be nobody else's."""
    name = c_name(text) or otherwise
    taken = is_reserved(name) or is_reserved(f"{name}_t") or f"{name}_".startswith("stapes_")
    return f"{name}_model" if taken or name in _HEADERS.split() else name


def module_globals(module: str) -> list[str]:
    """What the header of a module declares."""
    return [f"{module}_t", f"{module}_step", f"{module}_reset"]


_SUFFIXES = ("", "_bias", "_exponentials", "_multiplier", "_shift", "_start", "_table", "_weights")


class NameMaker:
    """C names: readable, unique, none of them reserved; nor are those of the arrays that a layer of that name has."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = {name.lower() + suffix for name in taken for suffix in _SUFFIXES}

    def make(self, wish: str, otherwise: str) -> str:
        """Return the wish as a C name with a number behind it when it is taken."""
        base = c_name(wish) or otherwise
        if base.startswith("stapes_"):
            base = f"layer_{base}"
        name, count = base, 1
        while is_reserved(name) or any(name.lower() + suffix in self._taken for suffix in _SUFFIXES):
            count += 1
            name = f"{base}_{count}"
        self._taken |= {name.lower() + suffix for suffix in _SUFFIXES}
        return name
