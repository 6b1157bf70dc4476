"""Writes the vectors: a second implementation of docs/formats/sealed.md and docs/formats/mac.md.

It shares no code with the crate: Python's hmac and the `cryptography` package do the work.
    pip install cryptography && python3 generate.py sealed mac
"""

import base64
import hashlib
import hmac
import pathlib
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = bytes(range(1, 33))
SALT = bytes(range(100, 124))
KEY_ID = bytes.fromhex("0123456789abcdef")
CHUNK = 16 * 1024


HASH = {1: hashlib.sha512, 2: hashlib.sha256}


def expand(prk, info, length, suite):
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([count]), HASH[suite]).digest()
        out, count = out + block, count + 1
    return out[:length]


def seal_body(key, salt, context, message, suite=1):
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    okm = expand(key, info, 76, suite)
    aead, base, commitment = AESGCM(okm[:32]), okm[32:44], okm[44:76]
    out = salt + commitment
    for number in range(len(message) // CHUNK + 1):
        nonce = bytes(a ^ b for a, b in zip(base, number.to_bytes(12, "big")))
        out += aead.encrypt(nonce, message[number * CHUNK : (number + 1) * CHUNK], None)
    return out


def context(header, **change):
    fields = dict(purpose=b"vault", tenant=b"acme", scope=b"", place=b"account.token", record=b"42",
                  kind=b"api-key", metadata=hashlib.sha256(b"{}").digest(), revision=1, domain=b"kw1/record")
    fields.update(change)
    revision = fields["revision"].to_bytes(8, "big")
    return encode(fields["domain"], header, fields["purpose"], fields["tenant"], fields["scope"],
                  fields["place"], fields["record"], fields["kind"], fields["metadata"], revision)


def encode(*parts):
    def length(part):
        return bytes([len(part)]) if len(part) < 255 else b"\xff" + len(part).to_bytes(8, "big")

    return b"".join(length(part) + part for part in parts)


def header(suite=1, key_id=KEY_ID, hint=b"ghp_****6aKo"):
    return bytes([suite]) + key_id + bytes([len(hint)]) + hint


def text(data):
    return "kw1." + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def value(message=b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo", head=None, key=KEY, suite=1, **change):
    head = header(suite) if head is None else head
    return head + seal_body(key, SALT, context(head, **change), message, suite)


def write(folder, name, expect, sealed, why, message=None, suite=1):
    lines = [f"# {why}", f"expect: {expect}", f"key: {KEY.hex()}", f"suite: {suite}", "purpose: vault", "tenant: acme",
             "scope: ", "place: account.token", "record: 42", "kind: api-key", "metadata: {}",
             "revision: 1", f"sealed: {sealed}"]
    if message is not None:
        lines.append(f"sha256: {hashlib.sha256(message).hexdigest()}")
        lines.append(f"length: {len(message)}")
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def write_mac(folder, name, expect, domain, fields, why, message=None):
    message = encode(domain, *fields) if message is None else message
    short = [field.hex() or "-" if len(field) < 255 else f"{field[:1].hex()}*{len(field)}" for field in fields]
    lines = [f"# {why}", f"expect: {expect}", f"key: {KEY.hex()}", f"domain: {domain.decode()}",
             f"fields: {' '.join(short)}", f"sha256: {hashlib.sha256(message).hexdigest()}",
             f"tag: {hmac.new(KEY, message, hashlib.sha256).hexdigest()}"]
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def macs(folder):
    folder.mkdir(exist_ok=True)
    domain = b"example/v1/link"
    link = [b"acme", (7).to_bytes(8, "big"), b"approve"]
    write_mac(folder, "ok-none", "ok", domain, [], "a domain without a field")
    write_mac(folder, "ok-empty", "ok", domain, [b""], "one field, which is empty")
    write_mac(folder, "ok-usual", "ok", domain, link, "text, a number, text")
    for length in [40, 254, 255, 256, 1024, 70_000]:
        write_mac(folder, f"ok-{length}", "ok", domain, [b"acme", b"\x61" * length],
                  f"a field of {length} bytes: from 255 on its length takes nine")
    for name, message, why in [
        ("shifted", encode(domain, b"acm", b"e" + link[1], link[2]), "a byte moved from one field to the next"),
        ("joined", encode(domain, b"".join(link)), "all fields as one"),
        ("fewer", encode(domain, *link[:2]), "a field is missing"),
        ("more", encode(domain, *link, b""), "an empty field more"),
        ("order", encode(domain, *link[::-1]), "another order"),
        ("short-number", encode(domain, b"acme", b"\x07", b"approve"), "the number in one byte"),
        ("bare", domain + b"".join(link), "no lengths"),
        ("domain", encode(b"example/v2/link", *link), "another domain"),
    ]:
        write_mac(folder, f"other-{name}", "not-authentic", domain, link, f"signed over other bytes: {why}", message)


def sealed(folder):
    folder.mkdir(exist_ok=True)
    token = b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo"
    good = value()
    head = len(header())
    for name, message in [("token", token), ("empty", b""), ("one-byte", b"x"),
                          ("chunk-less-one", bytes(CHUNK - 1)), ("chunk", bytes(CHUNK)),
                          ("chunk-and-one", bytes(CHUNK + 1)), ("two-chunks", b"ab" * CHUNK)]:
        write(folder, f"ok-{name}", "ok", text(value(message)), f"a message of {len(message)} bytes", message)
        write(folder, f"ok-sha256-{name}", "ok", text(value(message, suite=2)),
              f"a message of {len(message)} bytes in suite 2", message, suite=2)
    plain = header(hint=b"")
    write(folder, "ok-no-hint", "ok", text(value(head=plain)), "no hint", token)
    longest = header(hint=b"*" * 32)
    write(folder, "ok-longest-hint", "ok", text(value(head=longest)), "a hint of 32 bytes", token)

    for name, change in [("purpose", dict(purpose=b"billing")), ("tenant", dict(tenant=b"globex")),
                         ("scope", dict(scope=b"admin")), ("place", dict(place=b"account.other")),
                         ("record", dict(record=b"43")), ("kind", dict(kind=b"opaque")),
                         ("metadata", dict(metadata=hashlib.sha256(b"{ }").digest())),
                         ("no-metadata", dict(metadata=b"")), ("revision", dict(revision=2)),
                         ("domain", dict(domain=b"kw1/column")),
                         ("shifted", dict(tenant=b"acm", scope=b"e"))]:
        write(folder, f"other-{name}", "not-authentic", text(value(**change)), f"sealed for another context: {name}")
    write(folder, "other-key", "not-authentic", text(value(key=bytes(32))), "sealed with another key under the same id")

    def patched(at, byte):
        changed = bytearray(good)
        changed[at] = byte
        return text(bytes(changed))

    write(folder, "edited-key-id", "not-authentic", patched(1, 0xFF), "the key id in the header was edited")
    write(folder, "edited-hint", "not-authentic", patched(head - 1, ord("x")), "the hint was edited")
    write(folder, "edited-salt", "not-authentic", patched(head, 0xFF), "the salt was edited")
    write(folder, "edited-commitment", "not-authentic", patched(head + 24, good[head + 24] ^ 1), "one bit of the commitment")
    write(folder, "edited-chunk", "damaged", patched(head + 56, good[head + 56] ^ 1), "one bit of the ciphertext")
    write(folder, "edited-tag", "damaged", patched(len(good) - 1, good[-1] ^ 0x80), "one bit of the last tag")
    write(folder, "cut-message", "damaged", text(good[:-1]), "the last byte is missing")
    write(folder, "longer-message", "damaged", text(good + b"\0"), "a byte follows")
    two = value(b"ab" * CHUNK)
    sealed_chunk = CHUNK + 16
    write(folder, "cut-last-chunk", "malformed", text(two[: head + 56 + 2 * sealed_chunk]), "the last chunk is missing: a length no message has")
    first, second = head + 56, head + 56 + sealed_chunk
    swapped = two[:first] + two[second : second + sealed_chunk] + two[first:second] + two[second + sealed_chunk :]
    write(folder, "swapped-chunks", "damaged", text(swapped), "two chunks changed places")

    write(folder, "other-suite", "not-authentic", text(bytes([2]) + good[1:]), "the suite was edited")
    write(folder, "other-hash", "not-authentic", text(header(2) + seal_body(KEY, SALT, context(header(2)), token, 2)),
          "sealed in suite 2, with a key of suite 1")
    write(folder, "unknown-suite", "unknown-suite", text(bytes([3]) + good[1:]), "a suite of a newer release")
    write(folder, "suite-zero", "unknown-suite", text(bytes([0]) + good[1:]), "suite 0 is never written")
    encoded = text(good)
    for name, broken, why in [
        ("no-prefix", encoded[4:], "the prefix is missing"),
        ("other-prefix", "kw2." + encoded[4:], "another prefix"),
        ("upper-prefix", "KW1." + encoded[4:], "the prefix in capitals"),
        ("padding", encoded + "=", "padding"),
        ("standard-alphabet", encoded[:30] + "+" + encoded[31:], "a character of another alphabet"),
        ("white-space", encoded[:30] + " " + encoded[30:], "white space"),
        ("newline", encoded + "\\n", "what an unquoted newline may become"),
        ("empty", "kw1.", "nothing after the prefix"),
        ("header-only", text(good[:head]), "a header without a body"),
        ("cut-header", text(good[:9]), "the header is cut off"),
        ("no-chunk", text(good[: head + 56]), "no chunk at all"),
        ("cut-tag", text(good[: head + 56 + 15]), "a tag of 15 bytes"),
        ("long-hint", text(header(hint=b"*" * 33) + good[head:]), "a hint of 33 bytes"),
        ("hint-past-end", text(good[:9] + b"\xff" + good[10:]), "a hint longer than the value"),
        ("hint-character", text(header(hint=b"gh/p****6aKo") + good[head:]), "a character no hint has"),
    ]:
        write(folder, f"text-{name}", "malformed", broken, why)
    # Unused bits: a length that leaves four of them in the last character, with one set.
    padded = next(v for v in (value(token + b"x" * n) for n in range(3)) if len(v) % 3 == 1)
    body = text(padded)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    bent = body[:-1] + alphabet[alphabet.index(body[-1]) | 1]
    write(folder, "text-trailing-bits", "malformed", bent, "unused bits of the last character are set")


for name in sys.argv[1:]:
    {"sealed": sealed, "mac": macs}[name](pathlib.Path(__file__).parent / name)
