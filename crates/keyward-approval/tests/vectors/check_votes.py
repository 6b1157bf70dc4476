"""Checks the votes of an export by a file of trust, from docs/formats/passkey-vote.md alone.

    python3 check_votes.py EXPORT.json TRUST.toml [MILLISECONDS]

Says who approved and under which rule, or why nothing follows from the export. With a time, whether it
held then; else what holds of any time at which it could be decided. Which rule the action needs,
it does not ask the policy: whoever reads "under RULE" compares it. Needs Python 3.11 and `cryptography`.
"""

import base64
import hashlib
import json
import sys
import tomllib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def need(is_so, what):
    if not is_so:
        raise SystemExit(what)


def from_base64url(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text, "base64url")
    return data


def encode(domain, *fields):
    """docs/formats/mac.md"""
    out = b""
    for field in (domain, *fields):
        data = field.encode() if isinstance(field, str) else field
        size = bytes([len(data)]) if len(data) < 255 else b"\xff" + len(data).to_bytes(8, "big")
        out += size + data
    return out


def u32(number):
    return number.to_bytes(4, "big")


def u64(number):
    return number.to_bytes(8, "big")


class Action:
    """The front of an action's bytes: docs/formats/action.md"""

    KINDS = {1: "person", 2: "api-key", 3: "agent"}

    def __init__(self, data):
        need(data[:5] == b"kwaa\x01", "the action")
        self.data, self.at = data, 5
        self.tenant, self.service, self.executor = self.text(), self.text(), self.text()
        self.at += 8 + 32
        self.kind = self.KINDS[self.byte()]
        self.subject = self.text()
        self.owner, self.for_whom = self.maybe(), self.maybe()
        self.decide_by, self.run_by = self.time(), self.time()

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def text(self):
        size = int.from_bytes(self.data[self.at : self.at + 2], "big")
        self.at += 2 + size
        return self.data[self.at - size : self.at].decode()

    def maybe(self):
        return self.text() if self.byte() == 1 else ""

    def time(self):
        self.at += 8
        return int.from_bytes(self.data[self.at - 8 : self.at], "big")


def span(text):
    """Milliseconds of `30m`."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]] * 1000


def may_vote(what, rule, trust, action, whose, approves):
    """That the rule names him, and that it is not his own ask."""
    named = [one for one in trust["approver"] if (one["tenant"], one["subject"]) == (action.tenant, whose)]
    need(len(named) == 1, f"{what}: {whose} is no approver")
    meant = {whose, *("role:" + role for role in named[0].get("roles", []))}
    need(meant & set(rule["approvers"]), f"{what}: the rule does not name {whose}")
    is_owner = action.kind == "agent" and action.owner == whose != action.subject
    is_own = whose in (action.subject, action.owner, action.for_whom)
    allowed = rule.get("owner-may-approve", False) and is_owner
    need(not approves or not is_own or allowed, f"{what}: {whose} asks for it himself")


def signed(what, of, challenge, trust, tenant, who):
    """That `who` of the file of trust signed `challenge`."""
    keys = [
        key["public-key"]
        for one in trust["approver"]
        if (one["tenant"], one["subject"]) == (tenant, who)
        for key in one.get("passkey", [])
        if key["id"] == of["id"]
    ]
    need(keys == [of["public-key"]], f"{what}: no passkey of {who}")
    client, data = from_base64url(of["client-data"]), from_base64url(of["authenticator-data"])
    pairs = json.loads(client, object_pairs_hook=list)
    said = dict(pairs)
    need(len(said) == len(pairs), f"{what}: a name twice")
    need(said["type"] == "webauthn.get", f"{what}: type")
    need(said["challenge"] == base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(), f"{what}: challenge")
    need(said["origin"] == trust["origin"], f"{what}: origin")
    need(said.get("crossOrigin", False) is False and "topOrigin" not in said, f"{what}: frame")
    need(len(data) == 37 and data[:32] == hashlib.sha256(trust["rp-id"].encode()).digest(), f"{what}: RP ID")
    need(data[32] in (0x05, 0x0D, 0x1D), f"{what}: flags")
    key = load_der_public_key(from_base64url(of["public-key"]))
    message, signature = data + hashlib.sha256(client).digest(), from_base64url(of["signature"])
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), SHA256())
        else:
            need(isinstance(key.curve, ec.SECP256R1), f"{what}: curve")
            key.verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        need(False, f"{what}: signature")


def check(export, text, at=None):
    need(hashlib.sha256(text).hexdigest() == export["trust"]["sha256"], "another file of trust")
    trust = tomllib.loads(text.decode())
    rule = tomllib.loads(trust["policy"])["rule"].get(export["rule"])
    need(rule and rule.get("passkey", False), "the rule needs no passkey")
    action = Action(from_base64url(export["action"]))
    need(action.service == trust["service"], "another service")
    ends = max(action.run_by, export["scope"]["until"]) if export["scope"] else action.run_by
    need(at is None or at < ends, "it may no longer run")
    latest = action.decide_by if at is None else at
    scope = b"once"
    if export["scope"]:
        fixed, until, count = (export["scope"][name] for name in ("fixed", "until", "count"))
        most = rule.get("class")
        fits = most and 0 < count <= most["count"] and until <= latest + span(most["span"])
        need(fits, "a class that the rule does not allow")
        scope = encode("keyward/v1/passkey-scope-class", "\n".join(fixed), u64(until), u32(count))
    requester = encode("keyward/v1/passkey-requester", action.kind, action.subject, action.owner)

    def challenge(decision, approver, delegation, nonce):
        return hashlib.sha256(
            encode(
                "keyward/v1/passkey-vote",
                trust["service"],
                bytes.fromhex(export["gate"]),
                action.data,
                export["rule"],
                u32(rule["quorum"]),
                decision,
                scope,
                requester,
                action.for_whom,
                approver,
                delegation,
                bytes.fromhex(nonce),
            )
        ).digest()

    people = []
    for number, vote in enumerate(export["votes"], 1):
        what, approver, delegation = f"vote {number}", vote["approver"], b""
        given = vote["delegation"]
        may_vote(what, rule, trust, action, given["from"] if given else approver, vote["decision"] == "approve")
        if given:
            asks = (action.subject, action.owner, action.for_whom)
            need(given["from"] not in asks and approver not in asks, f"{what}: of who asks for it")
            fits = "delegation" in rule and given["until"] <= latest + span(rule["delegation"])
            lasts = given["from"] != approver and (at is None or at < given["until"])
            need(fits and lasts, f"{what}: a delegation that the rule does not allow")
            until = u64(given["until"])
            leave = encode("keyward/v1/passkey-delegation-given", approver, until)
            leave = challenge("delegate", given["from"], leave, given["nonce"])
            signed(f"{what}, delegation", given["signed"], leave, trust, action.tenant, given["from"])
            delegation = encode("keyward/v1/passkey-delegation-held", given["from"], until, leave)
            people.append(given["from"])
        over = challenge(vote["decision"], approver, delegation, vote["nonce"])
        signed(what, vote["signed"], over, trust, action.tenant, approver)
        need(vote["decision"] == "approve", f"{what}: a denial")
        people.append(approver)
    need(len(set(people)) == len(people), "one person twice")
    need(len(export["votes"]) >= max(rule["quorum"], 1), "too few")
    return [vote["approver"] for vote in export["votes"]]


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file, open(sys.argv[2], "rb") as trust:
        export = json.load(file)
        people = check(export, trust.read(), int(sys.argv[3]) if len(sys.argv) > 3 else None)
    print("approved by", ", ".join(people), "under", export["rule"])
