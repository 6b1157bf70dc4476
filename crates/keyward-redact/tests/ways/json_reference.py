"""Compares JSON that was masked with what this program masks itself.

Input: [secrets, [[text, masked], ...]]. Each text is read with every member in its order and each
number as it is spelled. What a string says is masked, overlapping secrets as one; a number that
holds a secret becomes a string; keys of one object that look alike are numbered.
"""

import json
import sys

DOT = "\u2022"


class Number(str):
    """A number, as it is spelled."""


class Members(list):
    """An object, with all its members in order."""


def read(text):
    return json.loads(
        text,
        object_pairs_hook=Members,
        parse_int=Number,
        parse_float=Number,
        parse_constant=lambda name: sys.exit(f"{name} is no JSON"),
    )


def mask(text, secrets):
    hits = []
    for secret in secrets:
        at = text.find(secret)
        while at >= 0:
            hits.append((at, at + len(secret)))
            at = text.find(secret, at + 1)
    out, end = [], 0
    for start, stop in sorted(hits):
        if start >= end:
            out.append(text[end:start] + DOT * 3)
        end = max(end, stop)
    return "".join(out) + text[end:]


def numbered(pairs):
    """The new keys, for pairs of an old and a new one."""
    used = {old for old, new in pairs if old == new}
    given = {}
    for old, new in pairs:
        if old == new or old in given:
            continue
        key, number = new, 1
        while key in used:
            number += 1
            key = new + (f"{number}{DOT}" if new.endswith(DOT) else f"{DOT}{number}{DOT}")
        used.add(key)
        given[old] = key
    return [given.get(old, new) for old, new in pairs]


def masked(value, secrets):
    if isinstance(value, Members):
        keys = numbered([(key, mask(key, secrets)) for key, _ in value])
        return Members((key, masked(item, secrets)) for key, (_, item) in zip(keys, value))
    if isinstance(value, list):
        return [masked(item, secrets) for item in value]
    if isinstance(value, Number):
        new = mask(value, secrets)
        return value if new == value else new
    if isinstance(value, str):
        return mask(value, secrets)
    return value


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, tuple):
        return all(map(same, a, b))
    return a == b


def main():
    sys.setrecursionlimit(10_000)
    secrets, pairs = json.load(sys.stdin)
    for text, out in pairs:
        expected, found = masked(read(text), secrets), read(out)
        if not same(expected, found):
            sys.exit(f"{text!r}\n  came out as {out!r}\n  and should say {expected!r}")
    print(len(pairs), "alike")


main()
