"""The forms of secrets, made by Python's standard library and by Bash, and looked for again.

    forms.py secrets SEED          random secrets of every shape, as JSON: names and hexadecimal
    forms.py text SECRETS          a text with every form of each, in lines that belong to others
    forms.py check SECRETS         reads the masked text, and fails if any form of any is in it

Nothing here comes from the crate that it tests: what is a form is written anew after the page
docs/formats/redact.md. `check` makes the forms itself and searches for them one by one.
"""

import base64
import binascii
import email.base64mime
import html
import json
import random
import shlex
import string
import subprocess
import sys
import urllib.parse
import xml.sax.saxutils as sax

LEAST = 8
LONG = 8192
MACHINES = ("raw", "json", "hex", "base64", "utf-16")
ESCAPED = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&"})
WRAPPED = "base64"


def secrets(seed):
    rng = random.Random(seed)
    pick = lambda chars, n: "".join(rng.choice(chars) for _ in range(n))
    alnum = string.ascii_letters + string.digits
    printable = alnum + string.punctuation + " "
    body = alnum + "+/"
    made = []

    def add(name, value):
        value = value.encode() if isinstance(value, str) else value
        made.append({"name": f"{name}-{len(made)}", "hex": value.hex()})

    def pem(lines, label="PRIVATE KEY"):
        raw = rng.randbytes(48 * lines + 17)
        text = base64.encodebytes(raw).decode().replace("\n", "")
        rows = [text[i : i + 64] for i in range(0, len(text), 64)]
        return "\n".join([f"-----BEGIN {label}-----", *rows, f"-----END {label}-----", ""])

    inner = lambda n: "x" + pick(printable, n) + "y"
    for n in (8, 9, 15, 16, 40):
        add("token", "ghp_"[: n - 4] + pick(alnum + "_", n - len("ghp_"[: n - 4])))
        add("base64", pick(body, n - 1) + "=")
        add("password", inner(n - 2))
        add("unicode", "x" + pick("äöß✓中🔑é" + alnum + "\"'&<> \\/", n) + "y")
        add("controls", "x" + pick(alnum + "\t\x00\x01\x0b\x1b\x7f\x08\x0c'\\", n - 2) + "y")
        add("binary", b"\x01" + rng.randbytes(n - 2) + b"\x02")
    add("pem", pem(3))
    add("pem-crlf", pem(2).replace("\n", "\r\n"))
    add("lines", "\n".join(inner(20) for _ in range(5)))
    add("long", pick(printable, 17000).strip() + "y")
    add("url", "postgres://deploy:" + urllib.parse.quote(inner(14), safe="") + "@db.internal/app?a=b")
    add("dsn", f"Server=db.internal;Password={pick(alnum + '+/!$', 20)};User Id=deploy")
    add("libpq", "host=db.internal password='" + pick(alnum + "$& ", 19) + "y' user=deploy")
    key = {
        "type": "service_account",
        "project_id": "some-project-name",
        "private_key_id": pick("0123456789abcdef", 40),
        "private_key": pem(2),
        "client_email": "deploy@some-project-name.example",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    }
    add("key-file", json.dumps(key, indent=2))
    return made


def public(name):
    """What of these secrets is no secret."""
    return {"type", "project_id", "private_key_id", "client_email", "auth_uri"} if name else ()


def parts(value):
    """The value, and what stands in it."""
    found = [value]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return found
    if text.startswith("{"):
        for name, member in json.loads(text).items():
            if name not in public(name):
                found += parts(member.strip().encode())
        return found
    if "\n" in text:
        for line in text.splitlines():
            line = line.strip()
            if len(line.encode()) >= LEAST and not line.startswith("-----"):
                found.append(line.encode())
        if text.startswith("-----BEGIN"):
            found.append(base64.b64decode("".join(l for l in text.split() if len(l) > 20 or "=" in l)))
        return found
    if "://" in text:
        written = text.split("://")[1].split("@")[0].split(":")[1]
        found += [written.encode(), urllib.parse.unquote(written).encode()]
    if ";Password=" in text:
        found.append(text.split(";Password=")[1].split(";")[0].encode())
    if "password='" in text:
        found.append(text.split("password='")[1].split("'")[0].encode())
    return found


def bash(words):
    """What Bash makes of each word: `printf %q`, `@Q` and `declare -p`."""
    script = (
        "while IFS= read -r -d '' word; do "
        "printf '%q\\0' \"$word\"; printf '%s\\0' \"${word@Q}\"; declare -p word; printf '\\0'; done"
    )
    given = b"".join(word + b"\0" for word in words)
    done = subprocess.run(
        ["bash", "-c", script], input=given, capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    said = done.stdout.split(b"\0")[:-1]
    assert len(said) == 3 * len(words), "bash"
    for word, q, quoted, declared in zip(words, said[::3], said[1::3], said[2::3]):
        yield word, unquoted(q), unquoted(quoted), unquoted(declared.split(b"=", 1)[1].rstrip(b"\n"))


def unquoted(word):
    """Without the quotes around it."""
    for begin, end in ((b"$'", b"'"), (b"'", b"'"), (b'"', b'"')):
        if word.startswith(begin) and word.endswith(end) and len(word) > len(begin):
            return word[len(begin) : -len(end)]
    return word


def determined(value, encode):
    """The characters that the value alone determines, with each number of bytes before it."""
    for before in range(3):
        ends = [encode(bytes([x]) * before + value + bytes([x]) * 3) for x in (0, 255)]
        low, high = ends
        same = [a == b for a, b in zip(low, high)]
        first = same.index(True)
        length = same[first:].index(False)
        yield low[first : first + length]


def forms(value):
    """Every form of a part, with its row of the page."""
    yield "raw", value
    yield "hex", binascii.hexlify(value)
    yield "hex", value.hex().upper().encode()
    for encode, row in ((base64.b64encode, WRAPPED), (base64.urlsafe_b64encode, WRAPPED)):
        for form in determined(value, encode):
            yield row, form
    for byte_case in (str.upper, str.lower):
        case = lambda text: percent_case(text, byte_case).encode()
        for safe in ("", "/", "!*'()", ";,/?:@&=+$#!*'()", "!$&'()*+,;=:@", "$&+=:@", "!$&'()*+,;="):
            yield "percent", case(urllib.parse.quote(value, safe=safe))
        yield "percent-form", case(urllib.parse.quote_plus(value))
        yield "percent-form", case(urllib.parse.quote_plus(value, safe="*").replace("~", "%7E"))
    yield "python-repr", repr(value)[2:-1].encode()
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    for dumped in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        inside = dumped[1:-1]
        yield "json", inside.encode()
        yield "json-solidus", inside.replace("/", "\\/").encode()
        yield "json-html", inside.translate(ESCAPED).encode()
        yield "json-html", inside.translate(ESCAPED).replace("'", "\\u0027").encode()
        yield "json-html", upper_escapes(inside.translate(ESCAPED)).encode()
    yield "python-repr", repr(text)[1:-1].encode()
    yield "python-repr", ascii(text)[1:-1].encode()
    yield "doubled", text.replace("'", "''").encode()
    yield "doubled", text.replace('"', '""').encode()
    if "\n" not in text:
        yield "shell-single", unquoted(shlex.quote(text).encode())
    yield "shell-double", "".join("\\" + c if c in '$`"\\' else c for c in text).encode()
    for quote in (True, False):
        yield "entities", html.escape(text, quote=quote).encode()
    for numbers in ({}, {'"': "&#34;", "'": "&#39;"}, {'"': "&quot;", "'": "&apos;"}):
        yield "entities", sax.escape(text, numbers).encode()
    for style in ("&#{};", "&#x{:x};", "&#x{:X};"):
        yield "entities", "".join(style.format(ord(c)) if c in "&<>\"'" else c for c in text).encode()
    for order in ("utf-16-le", "utf-16-be"):
        yield "utf-16", text.encode(order)


def percent_case(text, case):
    pieces = text.split("%")
    return pieces[0] + "".join("%" + case(piece[:2]) + piece[2:] for piece in pieces[1:])


def upper_escapes(text):
    pieces = text.replace("\\\\", "\0").split("\\u")
    text = pieces[0] + "".join("\\u" + piece[:4].upper() + piece[4:] for piece in pieces[1:])
    return text.replace("\0", "\\\\")


def all_forms(known):
    """Every form of every part of every secret, none below 8 bytes: name, row, bytes."""
    taken = [(secret["name"], part) for secret in known for part in parts(bytes.fromhex(secret["hex"]).strip())]
    taken = [(name, part) for name, part in taken if len(part) >= LEAST]
    for name, part in taken:
        for row, form in forms(part):
            if len(form) >= LEAST and (len(part) <= LONG or row in MACHINES):
                yield name, row, form
    words = [(name, part) for name, part in taken if b"\0" not in part and is_text(part)]
    words = [(name, part) for name, part in words if len(part) <= LONG]
    for (name, _), (_, q, quoted, declared) in zip(words, bash([part for _, part in words])):
        yield name, "shell-backslash", q
        yield name, "shell-single", quoted
        yield name, "shell-double", declared


def is_text(part):
    try:
        return bool(part.decode())
    except UnicodeDecodeError:
        return False


def text(known):
    """A log that has every form in it, as it comes and wrapped, also inside what is encoded."""
    rng = random.Random(len(known))
    out = []
    for name, row, form in all_forms(known):
        out += [f"{rng.randrange(1000)} {name} {row} ".encode(), form, b" end\n"]
    for secret in known:
        value = bytes.fromhex(secret["hex"])
        for before in (b"", b"a", b"ab"):
            around = before + value + b": and more"
            out += [base64.encodebytes(around), base64.urlsafe_b64encode(around), b"\n"]
            out += [email.base64mime.body_encode(around, 64, "\r\n").encode(), b"\n"]
            out += [base64.b64encode(around)[i : i + 19] + b"\r" for i in range(0, len(around) * 4 // 3, 19)]
    return b"".join(out)


def check(known, masked):
    """How often each secret was found, by name and row."""
    unwrapped = masked.replace(b"\r", b"").replace(b"\n", b"")
    found = set()
    for name, row, form in all_forms(known):
        if form in (unwrapped if row == WRAPPED else masked):
            found.add((name, row))
    return sorted(found)


def main():
    what, given = sys.argv[1:3]
    if what == "secrets":
        json.dump(secrets(int(given)), sys.stdout)
        return
    with open(given, "rb") as file:
        known = json.load(file)
    if what == "text":
        sys.stdout.buffer.write(text(known))
        return
    masked = sys.stdin.buffer.read()
    found = check(known, masked)
    for name, row in found:
        print(f"{name} is there as {row}")
    count = sum(1 for _ in all_forms(known))
    print(f"{len(known)} secrets, {count} forms, {len(found)} found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
