"""A detector as a C library in the layout that each build system expects.

One module per layout, each with `files(library) -> dict[path, text]`; library.py gathers the C that all of them share.
"""
