"""Writes presets.jsonl: one signed request a line.

    python3 generate.py > presets.jsonl
"""

import base64

from schemes import SCHEMES, base64_key, sign, to_json, verify

BODIES = [
    b"",
    b'{"id":"evt_1","event_id":"Ev1","note":"Zo\xc3\xab \xe2\x9c\x93"}',
    b"\x00\xff\xfe\xef\xbb\xbf not text \r\n",
    bytes(range(256)) * 12,
]

for name, scheme in SCHEMES.items():
    for number, body in enumerate(BODIES):
        secret = bytes([65 + number]) * 40
        if name == "stripe":
            secret = b"whsec_" + secret
        if scheme["key"] is base64_key:
            secret = b"whsec_" + base64.b64encode(bytes(range(number, number + 24 + 40 * number)))
        delivery, now = b"msg_%d" % number, 1_700_000_000 + number
        headers = sign(name, secret, delivery, now, body)
        assert verify(name, secret, headers, body, now)
        print(to_json(name, secret, headers, body, now))
