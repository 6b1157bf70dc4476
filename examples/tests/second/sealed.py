"""Sealed values: docs/formats/sealed.md."""

import base64
import hashlib
import hmac
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 16_384
TAG = 16
SALT = 24
COMMITMENT = 32
LONGEST = 1 << 20
HASHES = {1: hashlib.sha512, 2: hashlib.sha256}
LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"


class Refused(Exception):
    """What a page says of the bytes: `malformed`, `not-authentic`, `damaged`, …"""


def expand(key, info, length, suite=1):
    """HKDF-Expand, RFC 5869 section 2.3."""
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([count]), HASHES[suite]).digest()
        out, count = out + block, count + 1
    return out[:length]


def context(domain, *fields):
    """Each field as its length in one byte and its bytes, the domain first."""
    out = b""
    for field in (domain.encode(), *fields):
        long = len(field) >= 255
        out += (b"\xff" + len(field).to_bytes(8, "big") if long else bytes([len(field)])) + field
    if len(out) > 1024:
        raise ValueError("a context has at most 1024 bytes")
    return out


def message_key(key, salt, bound, suite):
    okm = expand(key, LABEL + salt + bound, 76, suite)
    return AESGCM(okm[:32]), okm[32:44], okm[44:]


def nonce(base, number):
    return bytes(a ^ b for a, b in zip(base, number.to_bytes(12, "big")))


def seal_body(key, bound, message, suite=1):
    salt = os.urandom(SALT)
    aead, base, commitment = message_key(key, salt, bound, suite)
    out = salt + commitment
    for number in range(len(message) // CHUNK + 1):
        chunk = message[number * CHUNK : (number + 1) * CHUNK]
        out += aead.encrypt(nonce(base, number), chunk, None)
    return out


def message_len(body_len):
    """How long the message of a body is; no message has some lengths."""
    rest = body_len - SALT - COMMITMENT
    chunks, left = divmod(rest, CHUNK + TAG)
    if rest < 0 or not TAG <= left < CHUNK + TAG:
        raise Refused("malformed")
    return chunks * CHUNK + left - TAG


def open_body(key, bound, body, suite=1):
    message_len(len(body))
    salt, commitment, rest = body[:SALT], body[SALT : SALT + COMMITMENT], body[SALT + COMMITMENT :]
    aead, base, expected = message_key(key, salt, bound, suite)
    if not hmac.compare_digest(commitment, expected):
        raise Refused("not-authentic")
    out = b""
    for number, at in enumerate(range(0, len(rest), CHUNK + TAG)):
        try:
            out += aead.decrypt(nonce(base, number), rest[at : at + CHUNK + TAG], None)
        except InvalidTag:
            raise Refused("damaged") from None
    return out


class Value:
    """A sealed value, taken apart. Nothing in it is verified."""

    def __init__(self, text):
        if not re.fullmatch(r"kw1\.[A-Za-z0-9_-]+", text, re.ASCII) or len(text) % 4 == 1:
            raise Refused("malformed")
        data = base64.urlsafe_b64decode(text[4:] + "=" * (-len(text[4:]) % 4))
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text[4:]:
            raise Refused("malformed")
        self.suite = data[0]
        if self.suite not in HASHES:
            raise Refused("unknown-suite")
        if len(data) < 10 or data[9] > 32 or len(data) < 10 + data[9]:
            raise Refused("malformed")
        self.key_id, self.header = data[1:9], data[: 10 + data[9]]
        self.hint, self.body = self.header[10:], data[10 + data[9] :]
        if not re.fullmatch(rb"[A-Za-z0-9_.*-]*", self.hint):
            raise Refused("malformed")
        if message_len(len(self.body)) > LONGEST:
            raise Refused("malformed")


def bound(header, purpose, tenant, scope, place, record, kind, metadata, revision, domain="kw1/record"):
    """The context of a value. `metadata` are the bytes kept beside it, or None."""
    digest = b"" if metadata is None else hashlib.sha256(metadata).digest()
    words = [word.encode() for word in (purpose, tenant, scope, place, record, kind)]
    return context(domain, header, *words, digest, revision.to_bytes(8, "big"))


def seal(key, suite, key_id, hint, message, **identity):
    header = bytes([suite]) + key_id + bytes([len(hint)]) + hint
    data = header + seal_body(key, bound(header, **identity), message, suite)
    return "kw1." + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def open_value(key, suite, text, **identity):
    value = Value(text)
    if value.suite != suite:
        raise Refused("not-authentic")
    return open_body(key, bound(value.header, **identity), value.body, suite)
