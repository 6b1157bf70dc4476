#!/usr/bin/env python3
"""Writes hidden.txt: the ranges of characters that have no shape of their own by their general
category, from Python's own tables (unicodedata). What is not assigned is left out, since two releases
of Unicode differ in it."""

import unicodedata
from pathlib import Path

HIDDEN = {"Cc", "Cf", "Co", "Zl", "Zp", "Zs"}

ranges = []
for code in range(0x110000):
    if 0xD800 <= code < 0xE000 or code == 0x20:
        continue
    if unicodedata.category(chr(code)) in HIDDEN:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])

lines = [f"# Unicode {unicodedata.unidata_version}: first and last of each range."]
lines += [f"{first:x} {last:x}" for first, last in ranges]
(Path(__file__).parent / "hidden.txt").write_text("\n".join(lines) + "\n")
