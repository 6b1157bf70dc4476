"""Writes the vectors of docs/formats/session.md, made from that page and mac.md alone.

Run in this folder: python3 generate.py. No library beside Python's own.
"""

import base64
import hashlib
import hmac
import struct

KEY = bytes(range(0x40, 0x60))
KEY_ID = bytes.fromhex("0123456789abcdef")
OLD_KEY_ID = bytes.fromhex("00112233445566ff")
DAY = 24 * 60 * 60 * 1000
NOW = 1_767_225_600_000


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


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def marks(*pairs):
    return b"".join(era + struct.pack(">Q", stamp) for era, stamp in pairs)


def times(*values):
    return b"".join(struct.pack(">Q", value) for value in values)


ID = bytes(range(16))
SECRET = bytes(range(32, 64))
PROOF = mac("keyward/v1/session-secret", ID, SECRET)
TOKEN = "kws_" + b64(b"\x01" + KEY_ID + ID + SECRET + PROOF[:8])
ERAS = [bytes([n]) * 16 for n in (0xA1, 0xA2, 0xA3, 0xA4, 0xA5)]


def row(kind, remember, behind, window, absolute, token_key=KEY_ID, name="", ident=ID):
    idle = NOW + window if window else NOW + absolute
    out = b"kwsr\x01" + KEY_ID + token_key + ident + PROOF
    out += bytes([kind, remember])
    out += times(NOW - 1000, NOW, NOW, window, idle, NOW + absolute)
    out += marks((ERAS[0], 0), (ERAS[1], 2), (ERAS[2], 3))
    for value in ("acme", "ada", "admins" if behind else "users", "Firefox on Linux", name):
        out += text(value)
    out += b"\x02" + text("pwd") + text("otp")
    if behind:
        out += b"\x01" + bytes(range(16, 32))
        out += marks((ERAS[0], 1), (ERAS[3], 0), (ERAS[4], 7))
        out += text("ops") + text("root") + text("ticket 7")
    else:
        out += b"\x00"
    return out + b"\x00"


def epoch(scope, tenant, subject, stamps, moved):
    out = b"kwse\x01" + KEY_ID + bytes([scope]) + text(tenant) + text(subject)
    return out + ERAS[scope] + times(moved) + times(*stamps) + times(0, 0, 0, NOW)


def write(name, **fields):
    with open(name + ".txt", "w", encoding="ascii") as file:
        for key, value in fields.items():
            value = value.hex() if isinstance(value, bytes) else str(value)
            print(f"{key}: {value}".rstrip(), file=file)


write("token", key=KEY, key_id=KEY_ID, id=ID, secret=SECRET, proof=PROOF, token=TOKEN)
ROWS = {
    "row_user": row(1, 1, False, 7 * DAY, 90 * DAY, name="at home"),
    "row_rotated": row(1, 0, False, DAY, 90 * DAY, token_key=OLD_KEY_ID),
    "row_admin": row(2, 0, False, 0, DAY),
    "row_staff": row(4, 0, True, 0, DAY // 24),
}
for name, data in ROWS.items():
    write(name, key=KEY, row=data, mac=mac("keyward/v1/session-row", data), expect="ok")
for name, data in {
    "row_extension": ROWS["row_user"][:-1] + b"\x01\x00",
    "row_version_2": ROWS["row_user"][:4] + b"\x02" + ROWS["row_user"][5:],
}.items():
    write(name, key=KEY, row=data, mac=mac("keyward/v1/session-row", data), expect="unavailable")
for name, data in {
    "row_staff_of_nobody": ROWS["row_user"][:69] + b"\x04" + ROWS["row_user"][70:],
    "row_past_its_end": row(1, 1, False, 91 * DAY, 90 * DAY),
    "row_cut": ROWS["row_user"][:-1],
    "row_more": ROWS["row_user"] + b"\x00",
    "row_kind_5": ROWS["row_user"][:69] + b"\x05" + ROWS["row_user"][70:],
}.items():
    write(name, key=KEY, row=data, mac=mac("keyward/v1/session-row", data), expect="corrupt")
for name, data in {
    "epoch_all": epoch(0, "", "", (0, 0, 0, 0), 0),
    "epoch_tenant": epoch(1, "acme", "", (2, 0, 0, 1), NOW),
    "epoch_user": epoch(2, "acme", "ada", (3, 3, 3, 3), NOW),
}.items():
    write(name, key=KEY, epoch=data, mac=mac("keyward/v1/session-epoch", data), expect="ok")
BAD = epoch(0, "acme", "", (0, 0, 0, 0), 0)
write("epoch_all_of_a_tenant", key=KEY, epoch=BAD, mac=mac("keyward/v1/session-epoch", BAD), expect="corrupt")
write("word", tenant="acme", subject="ada", word=hashlib.sha256(encode("keyward/v1/session-user", b"acme", b"ada")).digest()[:16])

# Seeds of the fuzz targets.
CORPUS = "../../../../fuzz/corpus/"
for name, data in ROWS.items():
    open(CORPUS + "session_row/" + name[4:], "wb").write(data)
open(CORPUS + "session_row/extension", "wb").write(ROWS["row_user"][:-1] + b"\x01\x00")
for name, args in {
    "all": (0, "", "", (0, 0, 0, 0), 0),
    "tenant": (1, "acme", "", (2, 0, 0, 1), NOW),
    "user": (2, "acme", "ada", (3, 3, 3, 3), NOW),
}.items():
    open(CORPUS + "session_epoch/" + name, "wb").write(epoch(*args))
open(CORPUS + "session_token/whole", "wb").write(TOKEN.encode())
open(CORPUS + "session_token/other_key", "wb").write(("kws_" + b64(b"\x01" + OLD_KEY_ID + ID + SECRET + PROOF[:8])).encode())
open(CORPUS + "session_token/cut", "wb").write(TOKEN[:-1].encode())
open(CORPUS + "session_token/version_2", "wb").write(("kws_" + b64(b"\x02" + KEY_ID + ID + SECRET + PROOF[:8])).encode())
