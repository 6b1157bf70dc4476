"""Reads a JSON array of dotenv files and prints what `python-dotenv` makes of each."""

import io
import json
import logging
import sys

from dotenv import dotenv_values

logging.disable()
results = []
for text in json.load(sys.stdin):
    # Line ends become `\n`, as when it opens a file by its name.
    read = dotenv_values(stream=io.StringIO(text, newline=None), interpolate=False)
    results.append([[name, value] for name, value in read.items() if value is not None])
json.dump(results, sys.stdout)
