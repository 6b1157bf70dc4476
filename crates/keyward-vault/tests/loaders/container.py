"""Reads a JSON array of dotenv files and prints what `docker run --env-file` makes of each.

Written from the page of the command: "a file that contains one variable per line ... lines
beginning with # are comments ... an environment variable name without a value passes the value
of the local environment". Compared once with what the command line 28.2.2 sends to its daemon.
"""

import json
import sys


def load(text):
    found = {}
    for line in text.removeprefix("\ufeff").split("\n"):
        line = line.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not name or " " in name or "\t" in name:
            return None
        if sign:
            found[name] = value
    return list(found.items())


json.dump([load(text) for text in json.load(sys.stdin)], sys.stdout)
