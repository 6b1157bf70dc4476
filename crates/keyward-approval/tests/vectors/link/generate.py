#!/usr/bin/env python3
"""Writes the vectors of docs/formats/approval-link.md, made from that page and mac.md alone.

Run in this folder: python3 generate.py. No library beside Python's own.
"""

import base64
import hashlib
import hmac
import struct

KEY = bytes(range(0x40, 0x60))
KEY_ID = bytes.fromhex("0123456789abcdef")


def encode(domain, *fields):
    out = b""
    for field in (domain.encode(), *fields):
        if len(field) < 255:
            out += bytes([len(field)]) + field
        else:
            out += b"\xff" + struct.pack(">Q", len(field)) + field
    return out


def mac(domain, *fields):
    return hmac.new(KEY, encode(domain, *fields), hashlib.sha256).digest()


def name(domain, *fields):
    return mac("keyward/v1/keyed-name", domain.encode(), mac(domain, *fields))


def vector(file, tenant, gate, expires, slot, digest, code):
    owner = tenant.encode()
    act = mac("keyward/v1/approval-link-action", owner, digest)[:16]
    expiry = struct.pack(">Q", expires)[3:]
    number = struct.pack(">H", slot)
    tag = mac("keyward/v1/approval-link", owner, gate, expiry, number, act)
    body = b"\x01" + KEY_ID + gate + expiry + number + act + tag
    token = "kwl_" + base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    fields = {
        "key": KEY.hex(),
        "key_id": KEY_ID.hex(),
        "tenant": tenant,
        "gate": gate.hex(),
        "expires": expires,
        "slot": slot,
        "digest": digest.hex(),
        "act": act.hex(),
        "mac": tag.hex(),
        "token": token,
        "code": code,
        "code_digest": name("keyward/v1/approval-code", owner, gate, code.encode()).hex(),
    }
    with open(file, "w", encoding="ascii") as out:
        out.writelines(f"{key}: {value}\n" for key, value in fields.items())


DIGEST = hashlib.sha256(b"an action").digest()
vector("first.txt", "acme", bytes(range(16)), 1_767_225_600, 0, DIGEST, "042137")
vector("last.txt", "t" * 128, b"\xff" * 16, 2**40 - 1, 65_535, b"\0" * 32, "999999")
