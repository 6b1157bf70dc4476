"""The schemes of docs/webhooks.md a second time: Python's standard library, nothing of the crate.

What is a tag, a time or an id is written here as a regular expression; the crate reads bytes.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re

PAST, FUTURE = 300, 60
TIME = re.compile(rb"\A(?:0|[1-9][0-9]{0,14})\Z")
SIGNED_ID = re.compile(rb"\A[!-\-/-~]{1,255}\Z")
UNSIGNED_ID = re.compile(rb"\A[!-~]{1,255}\Z")
EVENT = re.compile(rb"\A[ -~]{1,255}\Z")
HEX = re.compile(rb"\A[0-9A-Fa-f]{64}\Z")
SVIX = ("svix-id", "svix-timestamp", "svix-signature")
WEBHOOK = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Refused(Exception):
    pass


def tag_of(text, encoding):
    if encoding == "hex":
        return binascii.unhexlify(text) if HEX.match(text) else None
    try:
        tag = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return tag if len(tag) == 32 and base64.b64encode(tag) == text else None


def text_key(secret):
    return secret


def base64_key(secret):
    return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)


def over_body(header, prefix, id_header=None, event=None):
    return dict(kind="one", sets=[(id_header, None, header)], prefix=prefix, key=text_key,
                signs_id=False, encoding="hex", event=event,
                message=lambda i, t, body: body)


def standard(sets, event=None):
    return dict(kind="versions", sets=sets, key=base64_key, signs_id=True, encoding="base64",
                event=event, message=lambda i, t, body: i + b"." + t + b"." + body)


SCHEMES = {
    "github": over_body("x-hub-signature-256", b"sha256=", "x-github-delivery", "x-github-event"),
    "jira": over_body("x-hub-signature", b"sha256=", "x-atlassian-webhook-identifier"),
    "meta": over_body("x-hub-signature-256", b"sha256="),
    "razorpay": over_body("x-razorpay-signature", b"", "x-razorpay-event-id"),
    "slack": dict(kind="one", sets=[(None, "x-slack-request-timestamp", "x-slack-signature")],
                  prefix=b"v0=", key=text_key, signs_id=False, encoding="hex", event=None,
                  message=lambda i, t, body: b"v0:" + t + b":" + body),
    "stripe": dict(kind="pairs", sets=[(None, None, "stripe-signature")], key=text_key,
                   signs_id=False, encoding="hex", event=None,
                   message=lambda i, t, body: t + b"." + body),
    "standard-webhooks": standard([WEBHOOK]),
    "svix": standard([SVIX, WEBHOOK]),
    "resend": standard([SVIX]),
    "gitlab-signed": standard([WEBHOOK], "x-gitlab-event"),
    "gitlab-token": dict(kind="token", sets=[("idempotency-key", None, "x-gitlab-token")],
                         key=text_key, signs_id=False, event="x-gitlab-event"),
}


def one(headers, name):
    lines = {value for known, value in headers if known == name}
    if not lines:
        return None
    if len(lines) > 1 or any(len(line) > 8192 for line in lines):
        raise Refused(name)
    return lines.pop()


def shaped(text, form):
    if text is not None and not form.match(text):
        raise Refused("form")
    return text


def signatures(scheme, value):
    """The tags that are some, and the time if the header holds it."""
    time, found, seen = None, [], 0
    if scheme["kind"] == "one":
        if not value.startswith(scheme["prefix"]):
            raise Refused("prefix")
        found.append(tag_of(value[len(scheme["prefix"]):], scheme["encoding"]))
        seen = 1
    elif scheme["kind"] == "pairs":
        for pair in value.split(b","):
            name, equals, text = pair.partition(b"=")
            if not equals:
                raise Refused("pair")
            if name == b"v1":
                seen += 1
                found.append(tag_of(text, scheme["encoding"]))
            if name == b"t":
                if time is not None and time != text:
                    raise Refused("two times")
                time = text
        if time is None:
            raise Refused("no time")
    else:
        for entry in value.split(b" "):
            version, comma, text = entry.partition(b",")
            if comma and version == b"v1":
                seen += 1
                found.append(tag_of(text, scheme["encoding"]))
    found = [tag for tag in found if tag is not None]
    if not found or seen > 16:
        raise Refused("signatures")
    return found, time


def verify(name, secret, headers, body, now):
    """Whether a request is taken. Raises nothing."""
    scheme = SCHEMES[name]
    try:
        for names in scheme["sets"]:
            if any(known in names for known, _ in headers):
                break
        else:
            raise Refused("no header")
        id_name, time_name, signature_name = names
        value = one(headers, signature_name)
        if value is None:
            raise Refused("no signature")
        given = one(headers, id_name) if id_name else None
        shaped(given, SIGNED_ID if scheme["signs_id"] else UNSIGNED_ID)
        if scheme["signs_id"] and given is None:
            raise Refused("no id")
        if scheme["event"]:
            shaped(one(headers, scheme["event"]), EVENT)
        key = scheme["key"](secret)
        if scheme["kind"] == "token":
            return hmac.compare_digest(value, key)
        found, time = signatures(scheme, value)
        if time_name:
            time = one(headers, time_name)
        if time is not None or time_name:
            if time is None or not TIME.match(time):
                raise Refused("time")
            if not -FUTURE <= now - int(time) <= PAST:
                raise Refused("window")
        right = hmac.new(key, scheme["message"](given, time, body), hashlib.sha256).digest()
        return any([hmac.compare_digest(right, tag) for tag in found])
    except Refused:
        return False


def sign(name, secret, delivery, now, body):
    """The headers of a request."""
    scheme = SCHEMES[name]
    id_name, time_name, signature_name = scheme["sets"][0]
    time = str(now).encode()
    key = scheme["key"](secret)
    headers = []
    if id_name:
        headers.append((id_name, delivery))
    if time_name:
        headers.append((time_name, time))
    if scheme["kind"] == "token":
        return headers + [(signature_name, key)]
    tag = hmac.new(key, scheme["message"](delivery, time, body), hashlib.sha256)
    value = {
        "one": lambda: scheme["prefix"] + tag.hexdigest().encode(),
        "pairs": lambda: b"t=" + time + b",v1=" + tag.hexdigest().encode(),
        "versions": lambda: b"v1," + base64.b64encode(tag.digest()),
    }[scheme["kind"]]()
    return headers + [(signature_name, value)]


def to_json(name, secret, headers, body, now, **more):
    return json.dumps(dict(
        scheme=name, secret=secret.decode("latin-1"), now=now,
        headers=[[known, value.decode("latin-1")] for known, value in headers],
        body=base64.b64encode(body).decode(), **more))


def from_json(line):
    case = json.loads(line)
    headers = [(name, value.encode("latin-1")) for name, value in case["headers"]]
    return (case["scheme"], case["secret"].encode("latin-1"), headers,
            base64.b64decode(case["body"]), case["now"])
