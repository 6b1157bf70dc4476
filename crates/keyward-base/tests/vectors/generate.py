"""Writes the vectors: a second implementation of docs/formats/token.md.

It shares no code with the crate: Python's base64 and zlib do the work.
    python3 generate.py token
"""

import base64
import pathlib
import sys
import zlib

KEY_ID = bytes.fromhex("0123456789abcdef")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def token(prefix, payload, version=1, has_checksum=False):
    header = bytes([version]) + KEY_ID
    text = prefix + base64.urlsafe_b64encode(header + payload).rstrip(b"=").decode()
    return text + checksum(text) if has_checksum else text


def checksum(text):
    number, out = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(DIGITS))
        out = DIGITS[digit] + out
    return out


def write(folder, name, what, prefix, payload, **more):
    lines = [
        f"# {what}",
        f"prefix: {prefix}",
        f"key: {KEY_ID.hex()}",
        f"payload: {payload.hex()}",
        f"text: {token(prefix, payload, **more)}",
    ]
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def tokens(folder):
    folder.mkdir(exist_ok=True)
    session = bytes(range(16)) + bytes(range(32, 64)) + (258).to_bytes(8, "big")
    secret = bytes(range(64, 96))
    write(folder, "session", "Without a checksum, 56 bytes", "kws_", session)
    write(folder, "api-key", "With a checksum, 32 bytes", "kwk_", secret, has_checksum=True)
    write(folder, "own-prefix", "The same under an application's own prefix", "acme_key_", secret, has_checksum=True)


for name in sys.argv[1:]:
    {"token": tokens}[name](pathlib.Path(__file__).parent / name)
