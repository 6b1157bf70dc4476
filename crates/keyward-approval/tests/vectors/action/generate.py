#!/usr/bin/env python3
"""Writes the vectors of docs/formats/action.md, made from that page and mac.md alone, and with them the
seeds of the fuzz target.

Run in this folder: python3 generate.py. No library beside Python's own.
"""

import hashlib
import hmac
import struct
from pathlib import Path

SEEDS = Path(__file__).parents[5] / "fuzz/corpus/approval_action"
NOW = 1_767_225_600_000
POLICY = hashlib.sha256(b"a policy").digest()


def u16(number):
    return struct.pack(">H", number)


def u64(number):
    return struct.pack(">Q", number)


def short(text):
    data = text.encode()
    return u16(len(data)) + data


def long(data):
    return struct.pack(">I", len(data)) + data


def maybe(text):
    return b"\0" if text is None else b"\1" + short(text)


class Secret:
    """What an action says of a secret argument."""

    def __init__(self, key, tenant, step, name, secret):
        fields = (b"keyward/v1/approval-secret", tenant.encode(), bytes([step]), name.encode(), secret)
        encoded = b"".join(bytes([len(field)]) + field for field in fields)
        self.commitment = hmac.new(key, encoded, hashlib.sha256).digest()


def value(item):
    if isinstance(item, Secret):
        return b"\7" + item.commitment
    if isinstance(item, bool):
        return b"\1" + bytes([item])
    if isinstance(item, int):
        return b"\2" + struct.pack(">q", item)
    if isinstance(item, str):
        return b"\3" + long(item.encode())
    if isinstance(item, bytes):
        return b"\4" + long(item)
    if isinstance(item, list):
        return b"\5" + u16(len(item)) + b"".join(map(value, item))
    pairs = sorted(item.items(), key=lambda pair: pair[0].encode())
    return b"\6" + u16(len(pairs)) + b"".join(short(key) + value(of) for key, of in pairs)


def step(kind, target, arguments):
    pairs = sorted(arguments.items())
    out = short(kind) + short(target) + bytes([len(pairs)])
    return out + b"".join(short(name) + value(of) for name, of in pairs)


def action(steps, reason="", confidence=0xFFFF, kind=1, owner=None, for_whom=None):
    out = b"kwaa\1" + short("acme") + short("deploydesk") + short("worker")
    out += u64(7) + POLICY
    out += bytes([kind]) + short("agent-7") + maybe(owner) + maybe(for_whom)
    out += u64(NOW + 3_600_000) + u64(NOW + 7_200_000)
    out += long(reason.encode()) + u16(confidence)
    return out + bytes([len(steps)]) + b"".join(steps)


def write(name, data, expect="ok"):
    digest = hashlib.sha256(data).hexdigest()
    text = f"action: {data.hex()}\nsha256: {digest}\nexpect: {expect}\n"
    Path(name + ".txt").write_text(text, encoding="ascii")
    SEEDS.mkdir(parents=True, exist_ok=True)
    (SEEDS / name).write_bytes(data)


PLAIN = step("server.delete", "web-1", {"region": "eu-1", "force": False})
SECRET = Secret(bytes(range(32)), "acme", 1, "secret", b"ghp_x8Zq31LkT0uVbN4p")
EVERY = {
    "bool": True,
    "bytes": b"\0\xff",
    "integer": -(2**63),
    "list": [1, "a", [], {}],
    "map": {"b": 1, "a": {"c": 2**63 - 1}, "\u00e9": "\u202e"},
    "secret": SECRET,
    "text": "",
}

write("plain", action([PLAIN]))
write(
    "every",
    action(
        [PLAIN, step("any", "\U0001f600", EVERY)],
        "it is old\n",
        870,
        kind=3,
        owner="ada",
        for_whom="bob",
    ),
)
write("key", action([PLAIN], kind=2, owner="ada"))
write("key_of_nobody", action([PLAIN], kind=2), "corrupt")
write("person_of_somebody", action([PLAIN], kind=1, owner="ada"), "corrupt")
write("no_step", action([]), "corrupt")
write("too_sure", action([PLAIN], confidence=1_001), "corrupt")
write("version_2", b"kwaa\2" + action([PLAIN])[5:], "unavailable")
write("more", action([PLAIN]) + b"\0", "corrupt")
disordered = short("any") + short("a") + b"\2"
disordered += short("text") + value("") + short("bool") + value(True)
write("disordered", action([disordered]), "corrupt")
twice = short("any") + short("a") + b"\2" + (short("bool") + value(True)) * 2
write("twice", action([twice]), "corrupt")
flag = short("any") + short("a") + b"\1" + short("bool") + b"\1\2"
write("flag_2", action([flag]), "corrupt")
inner = b"\7" + SECRET.commitment
nested = short("any") + short("a") + b"\1" + short("list") + b"\5" + u16(1) + inner
write("secret_in_a_list", action([nested]), "corrupt")
surrogate = short("any") + short("a") + b"\1" + short("text") + b"\3" + long(b"\xed\xa0\x80")
write("surrogate", action([surrogate]), "corrupt")
