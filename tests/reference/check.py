#!/usr/bin/env python3
"""Checks the reference model of docs/ecdsa.md: published vectors, algebra, and that it still makes tests/vectors/."""
import importlib
import sys
import time

MODULES = ("transcript", "curve", "aes", "chacha", "gf128", "base_ot", "pairwise", "extension", "vector_ole", "ecdsa", "make_vectors")

if __name__ == "__main__":
    for name in MODULES:
        start = time.monotonic()
        importlib.import_module(name).check()
        print(f"{name}: {time.monotonic() - start:.1f} s")
    sys.exit(0)
