"""Writes the vectors of docs/formats/api-key.md, made from that page, token.md and mac.md alone.

Run in this folder: python3 generate.py. No library beside Python's own.
"""

import base64
import hashlib
import hmac
import ipaddress
import os
import struct
import zlib

KEY = bytes(range(0x40, 0x60))
KEY_ID = bytes.fromhex("0123456789abcdef")
OLD_KEY_ID = bytes.fromhex("00112233445566ff")
DAY = 24 * 60 * 60 * 1000
NOW = 1_767_225_600_000
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


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


def times(*values):
    return b"".join(struct.pack(">Q", value) for value in values)


def with_checksum(body):
    left, out = zlib.crc32(body.encode()), ""
    for _ in range(6):
        left, digit = divmod(left, 62)
        out = DIGITS[digit] + out
    return body + out


def prefix_of(address):
    net = ipaddress.ip_network(address)
    return bytes([net.version, net.prefixlen]) + net.network_address.packed.ljust(16, b"\0")


ID = bytes(range(16))
SECRET = bytes(range(32, 64))
ERAS = [bytes([n]) * 16 for n in (0xA1, 0xA2)]
OTHERS = [bytes([n]) * 16 for n in (0xB1, 0xB2)]


def proof(prefix):
    return mac("keyward/v1/api-key-secret", prefix.encode(), ID, SECRET)


def key_text(prefix, version=1, key=KEY_ID):
    return with_checksum(prefix + b64(bytes([version]) + key + ID + SECRET + proof(prefix)[:8]))


def maybe(data):
    return b"\0" if data is None else b"\x01" + data


def row(
    prefix="kwk_",
    token_key=KEY_ID,
    operator=0,
    changed=NOW,
    expires=NOW + 90 * DAY,
    ends=0,
    told=0,
    used=0,
    predecessor=None,
    successor=None,
    client=None,
    scopes="servers:read servers:write",
    ranges=(),
    name="nightly build",
):
    out = b"kwar\x01" + KEY_ID + token_key + ID + proof(prefix) + bytes([operator])
    out += times(NOW, changed, expires, ends, told, used)
    out += ERAS[0] + times(0) + ERAS[1] + times(7)
    out += maybe(predecessor) + maybe(successor) + maybe(client)
    for value in (prefix, "acme", "ada", name, scopes):
        out += text(value)
    out += bytes([len(ranges)]) + b"".join(map(prefix_of, ranges))
    return out + b"\0"


def epoch(scope, tenant, subject, stamp, moved):
    out = b"kwae\x01" + KEY_ID + bytes([scope]) + text(tenant) + text(subject)
    return out + ERAS[min(scope, 1)] + times(moved) + times(stamp) + times(NOW if scope else 0)


def write(name, **fields):
    with open(name + ".txt", "w", encoding="ascii") as file:
        for key, value in fields.items():
            value = value.hex() if isinstance(value, bytes) else str(value)
            print(f"{key}: {value}".rstrip(), file=file)


for name, prefix in {"text": "kwk_", "text_own_prefix": "acme_live_"}.items():
    write(name, key=KEY, key_id=KEY_ID, prefix=prefix, id=ID, secret=SECRET, proof=proof(prefix), text=key_text(prefix))

FULL = {
    "operator": 1,
    "token_key": OLD_KEY_ID,
    "changed": NOW + DAY,
    "ends": NOW + 2 * DAY,
    "told": 7 * DAY,
    "used": NOW + 3_600_000,
    "predecessor": OTHERS[0],
    "successor": OTHERS[1],
    "client": prefix_of("2001:db8:1::/48"),
    "ranges": ("192.0.2.0/24", "2001:db8::/32"),
}
ROWS = {
    "row_plain": row(),
    "row_full": row(**FULL),
    "row_endless": row(expires=0, scopes="", used=NOW),
    "row_own_prefix": row(prefix="acme_live_"),
}
PLAIN = ROWS["row_plain"]
BAD = {
    "row_changed_before_made": row(changed=NOW - 1),
    "row_expired_before_made": row(expires=NOW - 1),
    "row_end_without_successor": row(ends=NOW),
    "row_successor_without_end": row(successor=OTHERS[0]),
    "row_client_without_use": row(client=prefix_of("192.0.2.0/24")),
    "row_client_with_bits_behind": row(used=NOW, client=b"\x04\x18\xc0\x00\x02\x07" + bytes(12)),
    "row_client_of_family_5": row(used=NOW, client=b"\x05\x18" + bytes(16)),
    "row_client_too_long": row(used=NOW, client=b"\x04\x21\xc0\x00\x02\x00" + bytes(12)),
    "row_scopes_unsorted": row(scopes="servers:write servers:read"),
    "row_scope_twice": row(scopes="servers:read servers:read"),
    "row_scope_of_capitals": row(scopes="Servers"),
    "row_scope_too_long": row(scopes="s" * 65),
    "row_scopes_65": row(scopes=" ".join(f"s{n:02}" for n in range(65))),
    "row_ranges_unsorted": row(ranges=("2001:db8::/32", "192.0.2.0/24")),
    "row_range_twice": row(ranges=("192.0.2.0/24", "192.0.2.0/24")),
    "row_ranges_33": row(ranges=tuple(f"10.0.{n}.0/24" for n in range(33))),
    "row_name_too_long": row(name="n" * 65),
    "row_prefix_too_long": row(prefix="p" * 25),
    "row_flag_2": row(operator=2),
    "row_cut": PLAIN[:-1],
    "row_more": PLAIN + b"\0",
    "row_version_0": PLAIN[:4] + b"\0" + PLAIN[5:],
}
NEWER = {
    "row_extension": PLAIN[:-1] + b"\x01\0",
    "row_version_2": PLAIN[:4] + b"\x02" + PLAIN[5:],
}
for rows, expect in ((ROWS, "ok"), (BAD, "corrupt"), (NEWER, "unavailable")):
    for name, data in rows.items():
        write(name, key=KEY, row=data, mac=mac("keyward/v1/api-key-row", data), expect=expect)
EPOCHS = {
    "epoch_all": (epoch(0, "", "", 0, 0), "ok"),
    "epoch_tenant": (epoch(1, "acme", "", 7, NOW), "ok"),
    "epoch_all_of_a_tenant": (epoch(0, "acme", "", 0, 0), "corrupt"),
    "epoch_user": (epoch(2, "acme", "ada", 0, 0), "corrupt"),
}
for name, (data, expect) in EPOCHS.items():
    write(name, key=KEY, epoch=data, mac=mac("keyward/v1/api-key-epoch", data), expect=expect)
write("word", tenant="acme", word=hashlib.sha256(encode("keyward/v1/api-key-tenant", b"acme")).digest()[:16])

# Seeds of the fuzz targets.
CORPUS = "../../../../../fuzz/corpus/"
for folder in ("api_key_row", "api_key_text", "api_key_epoch"):
    os.makedirs(CORPUS + folder, exist_ok=True)


def seed(path, data):
    with open(CORPUS + path, "wb") as file:
        file.write(data)


for name, data in (ROWS | NEWER).items():
    seed("api_key_row/" + name[4:], data)
for name, (data, _) in EPOCHS.items():
    seed("api_key_epoch/" + name[6:], data)
seed("api_key_text/whole", key_text("kwk_").encode())
seed("api_key_text/own_prefix", key_text("acme_live_").encode())
seed("api_key_text/cut", key_text("kwk_")[:-1].encode())
seed("api_key_text/version_2", key_text("kwk_", version=2).encode())
seed("api_key_text/other_key", key_text("kwk_", key=OLD_KEY_ID).encode())
seed("api_key_text/scopes", b"servers:read servers:write")
seed("api_key_text/ranges", b"192.0.2.0/24, 2001:db8::/32")
