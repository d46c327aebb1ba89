"""A detector as a C library in the layout that each build system expects.

layouts/ has a file per build system; library.py gathers the C that all of them share, selftest.py writes its self-test;
templates/ holds the example programs.
"""
