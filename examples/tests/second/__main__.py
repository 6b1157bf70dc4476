"""A second implementation of docs/formats, which shares no code with the first.

    second vectors FOLDER               replays the vectors of sealed values
    second keys FOLDER                  replays the vectors of keys that MAC and sign
    second read HOME ANCHOR             opens every credential; one JSON object a line
    second put HOME ANCHOR TENANT AT ID KIND    seals standard input
    second rotate HOME ANCHOR           replaces the key of a home that nobody serves
    second make HOME ANCHOR             makes a home

Python's own modules and the package `cryptography` do the work.
"""

import hashlib
import json
import pathlib
import sys

import keyring
import sealed
import vault


def vector(path):
    lines = path.read_text().split("\n")
    pairs = (line.split(":", 1) for line in lines if line and not line.startswith("#"))
    return {key: words.removeprefix(" ") for key, words in pairs}


def outcome(given):
    words = ("purpose", "tenant", "scope", "place", "record", "kind")
    identity = {word: given[word] for word in words}
    identity.update(metadata=given["metadata"].encode(), revision=int(given["revision"]))
    try:
        key, suite = bytes.fromhex(given["key"]), int(given["suite"])
        message = sealed.open_value(key, suite, given["sealed"], **identity)
    except sealed.Refused as refused:
        return str(refused)
    same = hashlib.sha256(message).hexdigest() == given["sha256"] and len(message) == int(given["length"])
    return "ok" if same else "another message"


def vectors(folder):
    paths = sorted(pathlib.Path(folder).glob("*.txt"))
    for path in paths:
        given = vector(path)
        found = outcome(given)
        if found != given["expect"]:
            sys.exit(f"{path.name}: {found}, and not {given['expect']}")
    print(f"{len(paths)} vectors")


def keys(folder):
    given = {path.name: vector(path) for path in sorted(pathlib.Path(folder).glob("*.txt"))}
    given = {name: words for name, words in given.items() if words["format"] in ("mac", "sign")}
    for name, words in given.items():
        if keyring.replay(words) != (words["expect"] == "ok"):
            sys.exit(f"{name}: not {words['expect']}")
    print(f"{len(given)} vectors")


def main(command, *args):
    if command == "vectors":
        return vectors(*args)
    if command == "keys":
        return keys(*args)
    home, anchor, *rest = args
    paths = pathlib.Path(home), pathlib.Path(anchor)
    if command == "make":
        vault.make(*paths)
        return None
    opened = vault.Vault(*paths)
    if command == "read":
        for found in opened.open_all():
            print(json.dumps(found))
    elif command == "put":
        opened.put(*rest, sys.stdin.buffer.read())
    elif command == "rotate":
        print(opened.keyring.rotate(vault.PURPOSE).hex())
    else:
        sys.exit(__doc__)
    return None


main(*sys.argv[1:])
