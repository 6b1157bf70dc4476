"""The other side of the differential test.

    differential.py verify              one case a line in, its verdict a line out
    differential.py generate SEED COUNT SCHEME   cases with their verdicts
"""

import base64
import random
import sys

from schemes import SCHEMES, base64_key, from_json, sign, to_json, verify

NOW = 1_795_000_000


def secret_of(chance, name):
    if SCHEMES[name]["key"] is base64_key:
        key = chance.randbytes(chance.choice([16, 24, 32, 63, 64, 65, 100]))
        return b"whsec_" + base64.b64encode(key)
    text = bytes(chance.choices(range(33, 127), k=chance.choice([16, 32, 64, 65, 90])))
    return b"whsec_" + text if name == "stripe" else text


def flip(chance, value):
    at = chance.randrange(len(value)) if value else None
    if at is None:
        return b"x"
    return value[:at] + bytes([chance.choice(range(33, 127))]) + value[at + 1:]


def damage(chance, name, secret, headers, body, now):
    """One change, or none that matters."""
    headers = list(headers)
    at = chance.randrange(len(headers))
    known, value = headers[at]
    kind = chance.randrange(16)
    if kind == 0:
        body = body + b"\n"
    elif kind == 1 and body:
        body = body[:-1]
    elif kind == 2:
        headers[at] = (known, flip(chance, value))
    elif kind == 3:
        headers[at] = (known, value.upper())
    elif kind == 4:
        headers.append((known, value))
    elif kind == 5:
        headers.append((known, flip(chance, value)))
    elif kind == 6:
        del headers[at]
    elif kind == 7:
        now += chance.choice([-301, -300, -61, -60, 60, 61, 299, 300, 301, 10**6])
    elif kind == 8:
        headers[at] = (known, chance.choice([b"+", b"0", b"-", b" "]) + value)
    elif kind == 9:
        headers[at] = (known, value + chance.choice([b"=", b" ", b",", b".", b"0"]))
    elif kind == 10:
        headers[at] = (known, value[:-1])
    elif kind == 11:
        other = sign(name, secret_of(chance, name), b"msg_other", now, body)[-1][1]
        between = {"pairs": b",", "versions": b" "}.get(SCHEMES[name]["kind"], b"")
        several = chance.choice([1, 2, 14, 15, 16])
        headers[-1] = (headers[-1][0], headers[-1][1] + (between + other) * several)
    elif kind == 12:
        between = {"pairs": b",v0=00,v1=zz", "versions": b" v1a,AAAA v1,zz v1"}
        more = between.get(SCHEMES[name]["kind"], b"")
        headers[-1] = (headers[-1][0], headers[-1][1] + more)
    elif kind == 13:
        secret = secret_of(chance, name)
    elif kind == 14:
        headers[at] = (known, b"x" * chance.choice([0, 8192, 8193]))
    return secret, headers, body, now


def generate(seed, count, name):
    chance = random.Random(seed)
    for number in range(count):
        secret = secret_of(chance, name)
        body = chance.randbytes(chance.choice([0, 1, 40, 63, 64, 65, 200]))
        now = NOW + chance.randrange(-10**6, 10**6)
        headers = sign(name, secret, b"msg_%d" % number, now, body)
        for _ in range(chance.choice([0, 1, 1, 2])):
            if headers:
                secret, headers, body, now = damage(chance, name, secret, headers, body, now)
        verdict = verify(name, secret, headers, body, now)
        print(to_json(name, secret, headers, body, now, verdict=verdict))


if sys.argv[1] == "verify":
    for line in sys.stdin:
        print("1" if verify(*from_json(line)) else "0")
else:
    generate(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
