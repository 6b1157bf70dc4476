"""The passwords, and how a line is written."""
import json

PASSWORDS = [
    b"",
    b"correct horse",
    "na\u00efve \U0001f40e".encode(),
    b"a" * 71,
    b"b" * 72,
    b"c" * 73,
    b"d" * 70 + "\U0001f40e".encode(),  # Its four bytes lie across the 72nd.
    b"\xff\xa3x\x80",
    b"ab\0cd",
    b" spaces \t",
]


def others(password):
    """What is tried beside the password: close to it, so that what is cut or passed over shows."""
    yield password + b"!"
    if password:
        yield password[:-1]
    if b"\0" in password:
        yield password.split(b"\0")[0]
    if len(password) > 72:
        yield password[:72] + b"other"


def line(by, encoded, password, verdict, scheme=None, context=None):
    if isinstance(encoded, bytes):
        encoded = encoded.decode()
    record = {"by": by, "encoded": encoded, "password_hex": password.hex(), "verdict": verdict}
    if scheme:
        record["scheme"] = scheme
    if context:
        record["context"] = context
    print(json.dumps(record, sort_keys=True))


def emit(by, make, verify, scheme=None, context=None, passwords=PASSWORDS):
    """One line for each password that `make` takes, and for each other one that `verify` judges."""
    made = 0
    for password in passwords:
        try:
            encoded = make(password)
            says = verify(password, encoded)
        except Exception:
            continue  # The library refuses the password: there is no answer to compare with.
        made += 1
        line(by, encoded, password, "match" if says else "mismatch", scheme, context)
        for other in others(password):
            try:
                says = verify(other, encoded)
            except Exception:
                continue
            line(by, encoded, other, "match" if says else "mismatch", scheme, context)
    assert made, (by, scheme)
