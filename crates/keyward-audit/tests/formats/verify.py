#!/usr/bin/env python3
"""Verifies exports, proofs and checkpoints: docs/formats/audit.md, and nothing else of keyward.

    verify.py export FILE VKEY...            the run of entries in FILE is in the log of these keys
    verify.py proof FILE LEAF-HEX VKEY...    the leaf is in the log
    verify.py checkpoint FILE VKEY...        the log said so
    verify.py batch                          cases on standard input, a verdict a line

A refusal is exit 1, and its reason is on standard error. Needs Python 3.9 and `cryptography`.
"""

import base64
import binascii
import functools
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST = 2**63 - 1
EXACT = 2**53 - 1
MAX_ENTRY = 65_536
MAX_LINE = 66_560
MAX_NOTE = 16_384
MAX_PROOF = 20_480
MAX_SIGNATURES = 16
MAX_HASHES = 63
EMPTY = hashlib.sha256(b"").digest()

# Unicode's White_Space, without what is below U+0020.
SPACE = set("\x20\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}

SMALL_ORDER = {
    bytes.fromhex(h)
    for h in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
}


class Refused(Exception):
    """The file is not good."""


def need(condition, why):
    if not condition:
        raise Refused(why)


# Encodings


def text_of(data, why):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(why) from None


def unbase64(text, why, length=None):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(why) from None
    need(base64.b64encode(data).decode("ascii") == text, why)
    need(length is None or len(data) == length, why)
    return data


def number(text, why, most=MOST):
    # No more digits than 2^64 has: a long text is not worth reading.
    need(len(text) <= 20 and re.fullmatch("0|[1-9][0-9]*", text, re.ASCII), why)
    value = int(text)
    need(value <= most, why)
    return value


# The tree


def leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect(start, end):
    """The levels of the largest perfect subtrees of [start, end)."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start > 0:
            level = min(level, (start & -start).bit_length() - 1)
        yield level
        start += 1 << level


class Stack:
    def __init__(self):
        self.nodes = []

    def push(self, level, value):
        while self.nodes and self.nodes[-1][0] == level:
            value = node_hash(self.nodes.pop()[1], value)
            level += 1
        self.nodes.append((level, value))

    def push_all(self, start, end, hashes, why):
        levels = list(perfect(start, end))
        need(len(levels) == len(hashes), why)
        for level, value in zip(levels, hashes):
            self.push(level, value)

    def root(self):
        if not self.nodes:
            return EMPTY
        return functools.reduce(lambda right, left: node_hash(left[1], right), self.nodes[-2::-1], self.nodes[-1][1])


def inclusion(leaf, index, size, root, path):
    """RFC 9162, section 2.1.3.2."""
    why = "the hashes do not lead from the leaf to the root"
    need(index < size, why)
    fn, sn, value = index, size - 1, leaf
    for other in path:
        need(sn != 0, why)
        if fn & 1 or fn == sn:
            value = node_hash(other, value)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = node_hash(value, other)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and value == root, why)


def consistency(old, old_root, new, new_root, path):
    """RFC 9162, section 2.1.4.2."""
    why = "the hashes do not lead from one root to the other"
    need(old <= new, why)
    if old == 0:
        need(not path and old_root == EMPTY and (new > 0 or new_root == EMPTY), why)
        return
    if old == new:
        need(not path and old_root == new_root, why)
        return
    need(path, why)
    if old & (old - 1) == 0:
        path = [old_root] + path
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for other in path[1:]:
        need(sn != 0, why)
        if fn & 1 or fn == sn:
            fr, sr = node_hash(other, fr), node_hash(other, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, other)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and fr == old_root and sr == new_root, why)


# Keys, notes, checkpoints


# Of one text, one key: in a batch there are few.
@functools.lru_cache(maxsize=64)
def key_of(vkey):
    return Key(vkey)


class Key:
    def __init__(self, vkey):
        why = "not a key"
        match = re.fullmatch(r"([!-*,-~]{1,128})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", vkey, re.ASCII)
        need(match, why)
        self.name, key_id, encoded = match.groups()
        data = unbase64(encoded, why, 33)
        need(data[0] == 1, why)
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        need(self.id.hex() == key_id, why)
        small = data[1:32] + bytes([data[32] & 0x7F])
        need(small not in SMALL_ORDER, "a key under which anybody signs")
        self.vkey = vkey
        try:
            self.public = Ed25519PublicKey.from_public_bytes(data[1:])
        except ValueError:
            raise Refused(why) from None

    def verify(self, text, signature):
        why = "a signature that does not verify"
        try:
            self.public.verify(signature, text)
        except (InvalidSignature, ValueError):
            raise Refused(why) from None


def open_note(data, keys):
    """The text, and the vkeys that signed it."""
    why = "not a note"
    need(len(data) <= MAX_NOTE, why)
    note = text_of(data, why)
    need(note.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f]", note), why)
    end = note.rfind("\n\n")
    need(end >= 0, why)
    text, lines = note[: end + 1], note[end + 2 :]
    need(lines, why)
    lines = lines[:-1].split("\n")
    need(len(lines) <= MAX_SIGNATURES, why)
    known = {(key.name, key.id): key for key in keys}
    signers = set()
    for line in lines:
        need(line.startswith("\u2014 "), why)
        name, space, encoded = line[2:].partition(" ")
        need(space and name and "+" not in name and not SPACE.intersection(name), why)
        signature = unbase64(encoded, why)
        need(len(signature) >= 5, why)
        key = known.get((name, signature[:4]))
        need(key, "a signature of an unknown key")
        need(key.vkey not in signers, why)
        key.verify(text.encode(), signature[4:])
        signers.add(key.vkey)
    return text, signers


def open_checkpoint(data, keys):
    """Origin, size, root, and the vkeys that signed them."""
    why = "not a checkpoint"
    text, signers = open_note(data, keys)
    lines = text.split("\n")
    need(len(lines) == 4 and lines[3] == "", why)
    origin, size, root = lines[:3]
    need(re.fullmatch(r"[!-*,-~]{1,128}", origin, re.ASCII), why)
    size, root = number(size, why), unbase64(root, why, 32)
    need(all(key.name == origin for key in keys), "a checkpoint of another log")
    return origin, size, root, signers


def check_proof(data, leaf, keys):
    why = "not a proof"
    need(len(data) <= MAX_PROOF, why)
    text = text_of(data, why)
    front, empty, checkpoint = text.partition("\n\n")
    need(empty, why)
    lines = front.split("\n")
    need(len(lines) >= 2 and lines[0] == "c2sp.org/tlog-proof@v1", why)
    need(lines[1].startswith("index "), why)
    index = number(lines[1][6:], why)
    path = [unbase64(line, why, 32) for line in lines[2:]]
    need(len(path) <= MAX_HASHES, why)
    _, size, root, _ = open_checkpoint(checkpoint.encode(), keys)
    inclusion(leaf_hash(leaf), index, size, root, path)


# Entries


def pairs(members):
    names = [name for name, _ in members]
    need(len(set(names)) == len(names), "a member twice")
    return dict(members)


def refuse_number(_):
    raise Refused("a number of another form")


SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def escape(match):
    return SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def write_string(text):
    return '"' + re.sub(r'[\x00-\x1f"\\]', escape, text) + '"'


def a_string(value):
    need(isinstance(value, str), "not a string")
    return write_string(value)


def a_number(value):
    if isinstance(value, str):
        value = number(value, "not a number", 2**64 - 1)
        need(value > EXACT, "a number in quotes")
        return f'"{value}"'
    need(type(value) is int and 0 <= value <= EXACT, "not a number")
    return str(value)


def a_flag(value):
    need(isinstance(value, bool), "not a flag")
    return "true" if value else "false"


def a_true(value):
    need(value is True, "not true")
    return "true"


def the_version(value):
    need(type(value) is int and value == 2, "another version")
    return "2"


def an_object(members, required):
    """What writes an object of these members, in this order."""

    def write(value):
        need(isinstance(value, dict), "not an object")
        need(set(value) <= set(members) and set(required) <= set(value), "other members")
        out = (f'"{name}":{of(value[name])}' for name, of in members.items() if name in value)
        return "{" + ",".join(out) + "}"

    return write


TYPES = {
    "digest": a_string,
    "flag": a_flag,
    "id": a_string,
    "key": a_string,
    "number": a_number,
    "revision": a_number,
    "time": a_number,
    "word": a_string,
}


def a_detail(value):
    need(isinstance(value, list) and value, "not a detail")
    out = []
    for pair in value:
        need(isinstance(pair, list) and len(pair) == 2, "not a detail")
        name, typed = pair
        need(isinstance(typed, dict) and len(typed) == 1, "not one type")
        (kind, held), = typed.items()
        need(kind in TYPES, "another type")
        out.append(f'[{a_string(name)},{{"{kind}":{TYPES[kind](held)}}}]')
    return "[" + ",".join(out) + "]"


AN_ACTOR = an_object({"subject": a_string, "staff": a_true, "for": a_string, "request": a_string}, ["subject"])

AN_ENTRY = an_object(
    {
        "v": the_version,
        "at": a_number,
        "behind": a_number,
        "action": a_string,
        "outcome": a_string,
        "error": a_string,
        "reason": a_string,
        "id": a_string,
        "run": a_string,
        "actor": AN_ACTOR,
        "tenant": a_string,
        "place": a_string,
        "record": a_string,
        "key": a_string,
        "found": a_number,
        "detail": a_detail,
    },
    ["v", "at", "action", "outcome"],
)


def check_entry(data):
    """That these bytes are the one text of an entry; gives it."""
    why = "not an entry"
    need(len(data) <= MAX_ENTRY, why)
    text = text_of(data, why)
    try:
        entry = json.loads(
            text, object_pairs_hook=pairs, parse_float=refuse_number, parse_constant=refuse_number
        )
    except (ValueError, RecursionError):
        raise Refused(why) from None
    try:
        need(AN_ENTRY(entry).encode() == data, "another form of an entry")
    except UnicodeEncodeError:
        raise Refused(why) from None
    return entry


# Exports

DECIMAL = rb"(0|[1-9][0-9]{0,18})"
BASE64 = rb"([A-Za-z0-9+/=]{44})"
FIRST = re.compile(
    rb'\{"keyward-audit-export":1,"key":"([!#-\[\]-~]+)","log":"([0-9a-f]{32})",'
    rb'"from":' + DECIMAL + rb',"until":' + DECIMAL + rb',"left":\[(.*)\]\}'
)
ENTRY = re.compile(
    rb'\{"seq":' + DECIMAL + rb',"day":' + DECIMAL + rb',"class":"([a-z0-9.-]{1,16})",'
    rb'"digest":"' + BASE64 + rb'"(?:,"salt":"' + BASE64 + rb'","body":(.*))?\}'
)
LAST = re.compile(rb'\{"right":\[(.*)\],"checkpoint":(".*")\}')


def hashes(listed, why):
    if not listed:
        return []
    quoted = listed.decode("ascii", "replace").split(",")
    need(all(len(q) == 46 and q[0] == q[-1] == '"' for q in quoted), why)
    return [unbase64(q[1:-1], why, 32) for q in quoted]


def a_line(file, form, why):
    line = file.readline(MAX_LINE)
    need(line.endswith(b"\n"), why)
    match = form.fullmatch(line[:-1])
    need(match, why)
    return match.groups()


def check_export(file, keys):
    """Gives the number of the first entry, that after the last, and how many were erased."""
    why = "not an export"
    vkey, log, start, end, left = a_line(file, FIRST, why)
    named = key_of(vkey.decode("ascii"))
    log = log.decode("ascii")
    start, end = number(start.decode(), why), number(end.decode(), why)
    need(start <= end, why)
    stack, day, erased = Stack(), 0, 0
    stack.push_all(0, start, hashes(left, why), why)
    for seq in range(start, end):
        why = f"not entry {seq}"
        line = a_line(file, ENTRY, why)
        at, on, kind, digest, salt, body = line
        need(number(at.decode(), why) == seq, why)
        on = number(on.decode(), why, 2**32 - 1)
        need(on >= day, why)
        day = on
        digest = unbase64(digest.decode(), why, 32)
        if salt is None:
            erased += 1
        else:
            salt = unbase64(salt.decode(), why, 32)
            need(hashlib.sha256(salt + body).digest() == digest, f"entry {seq} is another one")
            check_entry(body)
        leaf = b"\x01" + bytes.fromhex(log) + day.to_bytes(4, "big") + kind.ljust(16, b"\x00") + digest
        stack.push(0, leaf_hash(leaf))
    why = "not an export"
    right, checkpoint = a_line(file, LAST, why)
    try:
        note = json.loads(checkpoint)
        need(write_string(note).encode() == checkpoint, why)
    except ValueError:
        raise Refused(why) from None
    origin, size, root, signers = open_checkpoint(note.encode(), keys)
    need(named.vkey in signers, "the key that is named did not sign")
    need(origin == "keyward-log/" + log, "a checkpoint of another log")
    need(end <= size, why)
    stack.push_all(end, size, hashes(right, why), why)
    need(stack.root() == root, "the entries do not lead to the root")
    need(file.read(1) == b"", why)
    return start, end, erased


# Many cases in one process


class Bytes:
    """A file in memory."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def readline(self, most):
        end = self.data.find(b"\n", self.at, self.at + most)
        end = end + 1 if end >= 0 else min(self.at + most, len(self.data))
        line, self.at = self.data[self.at : end], end
        return line

    def read(self, most):
        return self.data[self.at : self.at + most]


def growth(data):
    lines = data.decode().split("\n")
    old, old_root, new, new_root = lines[:4]
    roots = [bytes.fromhex(h) for h in [old_root, new_root] + lines[4:]]
    consistency(number(old, "size"), roots[0], number(new, "size"), roots[1], roots[2:])


def judge(kind, keys, data, extra):
    try:
        if kind == "export":
            check_export(Bytes(data), [key_of(k) for k in keys])
        elif kind == "proof":
            check_proof(data, extra, [key_of(k) for k in keys])
        elif kind == "checkpoint":
            open_checkpoint(data, [key_of(k) for k in keys])
        elif kind == "entry":
            check_entry(data)
        elif kind == "key":
            key_of(text_of(data, "not a key"))
        elif kind == "growth":
            growth(data)
        else:
            raise ValueError(kind)
    except Refused:
        return False
    return True


def batch():
    """Lines of words: `case KIND KEYS HEX HEX`, and of the last one `flip BIT` and `cut BYTES`."""
    verdicts = []
    for line in sys.stdin:
        word, *rest = line.rstrip("\n").split("\t")
        if word == "case":
            kind, keys, data, extra = rest
            keys = keys.split(" ") if keys else []
            data, extra = bytes.fromhex(data), bytes.fromhex(extra)
            changed = data
        elif word == "flip":
            bit = int(rest[0])
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            changed = bytes(changed)
        else:
            changed = data[: int(rest[0])]
        verdicts.append("1" if judge(kind, keys, changed, extra) else "0")
    print("\n".join(verdicts))


def main(command, *words):
    if command == "batch":
        return batch()
    path, *rest = words
    with open(path, "rb") as file:
        if command == "export":
            start, end, erased = check_export(file, [key_of(k) for k in rest])
            print(f"entries {start} to {end}, without the last, {erased} of them erased")
        elif command == "proof":
            leaf, *keys = rest
            check_proof(file.read(MAX_PROOF + 1), bytes.fromhex(leaf), [key_of(k) for k in keys])
        elif command == "checkpoint":
            origin, size, *_ = open_checkpoint(file.read(MAX_NOTE + 1), [key_of(k) for k in rest])
            print(f"{origin} has {size} entries")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as refused:
        sys.exit(f"refused: {refused}")
