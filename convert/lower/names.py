"""Make C names from the names that a model's author chose: readable, unique, not reserved in C or C++."""

import re
from collections.abc import Sequence

LONGEST = 40  # letters of a C name that a model's author chose; suffixes come on top of it

# Last parts of tensor names that say which operation was done rather than which layer it belongs to. TensorFlow gives
# them, with a number behind them where a name is used again: conv0/Relu, dense/BiasAdd/ReadVariableOp1, lstm/mul_3.
_OPERATION = re.compile(
    r"(?i)(add(v2)?|bias_?add|const|conv2d|depthwise|fused_?batch_?norm(v3)?|kernel|logistic|mat_?mul|mul|read_?variable_?op"
    r"|relu6?|resource|sigmoid|softmax|sub|tanh|tensordot|value|x|y)(_?\d+)?"
)
_CALL_WRAPPER = re.compile(r"(?i)stateful_?partitioned_?call(_?\d+)?")

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
    """Return small letters, digits and single underscores, a letter first, at most LONGEST; '' when none is left."""
    words = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", text)).strip("_")
    return words[:LONGEST].rstrip("_").lstrip("0123456789_").lower()


def layer_part(tensor_name: str) -> str:
    """Return the part of a tensor's name that tells its layer: model/conv0/Relu;conv0/Conv2D gives conv0.

    '' where the name consists of TensorFlow's call wrapper only.
    """
    parts = [part for part in re.split(r"[/:]", tensor_name.split(";")[0]) if part]
    while len(parts) > 1 and (_OPERATION.fullmatch(parts[-1]) or parts[-1].isdigit()):
        parts.pop()
    return "" if not parts or _CALL_WRAPPER.fullmatch(parts[-1]) else parts[-1]


def module_name(text: str, otherwise: str = "model") -> str:
    """Return a name for files, functions and types, such that NAME_t, NAME_step and NAME.h mean nothing else in C."""
    name = c_name(text) or otherwise
    if f"{name}_".startswith("stapes_"):
        return c_name(f"model_{name}")
    taken = is_reserved(name) or is_reserved(f"{name}_t") or name in _HEADERS.split()
    return f"{name}_model" if taken else name


def module_globals(module: str) -> list[str]:
    """Return the names that the header of a module declares."""
    return [f"{module}_t", f"{module}_step", f"{module}_reset"]


_SUFFIXES = ("", "_bias", "_exponentials", "_multiplier", "_shift", "_start", "_table", "_weights")


class NameMaker:
    """Makes C names that are unique and not reserved; so are the names of the arrays of a layer of that name."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = {name.lower() + suffix for name in taken for suffix in _SUFFIXES}

    def make(self, wish: str, otherwise: str, operator: str = "") -> str:
        """Return the wish as a C name; where it is taken, the operator's name or else a number is appended."""
        name = base = c_name(wish) or otherwise
        if base.startswith("stapes_"):
            name = base = f"layer_{base}"
        if operator and not self._is_free(name):
            kind = "layer" if base == operator else operator
            name = base = f"{base[: LONGEST - len(kind)].rstrip('_')}_{kind}"
        count = 1
        while not self._is_free(name):
            count += 1
            name = f"{base}_{count}"
        self._taken |= {name.lower() + suffix for suffix in _SUFFIXES}
        return name

    def _is_free(self, name: str) -> bool:
        return not is_reserved(name) and all(name.lower() + suffix not in self._taken for suffix in _SUFFIXES)
