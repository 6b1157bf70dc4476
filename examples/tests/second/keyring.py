"""Keys at rest: docs/formats/keyring.md and anchor.md."""

import base64
import fcntl
import hashlib
import hmac
import os
import pathlib
import time
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sealed import context, expand, open_body, seal_body

STATES = ["", "pending", "active", "retired", "disabled", "destroyed"]
SEAL, MAC, SIGN = 1, 2, 3
RAW = 1
UNREGISTERED, ENDING = 1, 2


def now():
    return time.time_ns() // 1_000_000


class Reader:
    def __init__(self, data, magic, version):
        self.data, self.at = data, 0
        if self.bytes(4) != magic or self.number(1) != version:
            raise ValueError(f"not {magic} of version {version}")

    def bytes(self, length):
        if self.at + length > len(self.data):
            raise ValueError("cut short")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length):
        return int.from_bytes(self.bytes(length), "big")

    def text(self, length):
        return self.bytes(self.number(length)).decode("ascii")

    def end(self):
        if self.at != len(self.data):
            raise ValueError("something follows the last field")


def u(value, length):
    return value.to_bytes(length, "big")


def text(value, length=1):
    return u(len(value), length) + value.encode("ascii")


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


class Root:
    """The root text: `v2:<base64>,v1:<base64>`."""

    def __init__(self, words):
        entries = [entry.strip().split(":", 1) for entry in words.split(",")]
        pad = lambda key: key.replace("-", "+").replace("_", "/").rstrip("=") + "="
        self.keys = {int(name[1:]): base64.b64decode(pad(key), validate=True) for name, key in entries}

    def wrap(self, bound, key):
        version = max(self.keys)
        body = seal_body(self.keys[version], bound, key)
        return version, body

    def unwrap(self, bound, wrapped):
        version, body = wrapped
        return open_body(self.keys[version], bound, body)


def read_wrapped(reader):
    version, length = reader.number(4), reader.number(2)
    if (version == 0) != (length == 0) or length > 4096:
        raise ValueError("a wrapped key is missing by half")
    return (version, reader.bytes(length)) if length else None


def write_wrapped(wrapped):
    return u(wrapped[0], 4) + u(len(wrapped[1]), 2) + wrapped[1] if wrapped else bytes(6)


@dataclass
class RingKey:
    id: bytes
    made_epoch: int
    suite: int
    purpose: str
    state: str
    changed: int
    promoted_epoch: int
    times: list  # made, promoted, retired, disabled, destroyed
    wrapped: tuple
    flags: int = 0
    algorithm: int = SEAL
    public: bytes = b""
    follows: bytes = b""
    signature: bytes = b""


@dataclass
class Rules:
    """What holds for the keys of a purpose."""

    purpose: str
    algorithm: int = SEAL
    flags: int = 0
    write: int = 2
    oldest: int = 1
    longest_life: int = 0

    def check(self):
        fields = self.flags, self.write, self.oldest, self.longest_life
        if self.algorithm == SEAL:
            right = fields[0] == fields[3] == 0 and 1 <= self.oldest <= self.write <= 2
        elif self.algorithm == MAC:
            right = fields[:3] == (0, 0, 0)
        else:
            right = self.algorithm == SIGN and self.flags <= RAW and fields[1:] == (0, 0, 0)
        if not right:
            raise ValueError("a purpose of the ring is not one of ours")


@dataclass
class Ring:
    id: bytes
    epoch: int
    floor: int
    mac: tuple  # epoch and wrapped key
    previous: tuple
    filter: tuple
    pages: int
    digest: bytes
    purposes: list = field(default_factory=list)
    keys: list = field(default_factory=list)

    def rules(self, purpose):
        return next(rules for rules in self.purposes if rules.purpose == purpose)

    def active(self, purpose):
        return next(key for key in self.keys if key.purpose == purpose and key.state == "active")

    def find(self, id):
        return next(key for key in self.keys if key.id == id)


def read_mac(reader):
    epoch, wrapped = reader.number(8), read_wrapped(reader)
    if (epoch == 0) != (wrapped is None):
        raise ValueError("a MAC key is missing by half")
    return (epoch, wrapped) if wrapped else None


def parse_ring(data):
    reader = Reader(data[:-32], b"kwrg", 3)
    ring = Ring(
        id=reader.bytes(16),
        epoch=reader.number(8),
        floor=reader.number(8),
        mac=read_mac(reader),
        previous=read_mac(reader),
        filter=read_wrapped(reader),
        pages=reader.number(2),
        digest=reader.bytes(32),
    )
    for _ in range(reader.number(2)):
        rules = Rules(reader.text(1), *(reader.number(1) for _ in range(4)), reader.number(8))
        rules.check()
        ring.purposes.append(rules)
    for _ in range(reader.number(2)):
        id, made, algorithm, suite = reader.bytes(8), reader.number(8), reader.number(1), reader.number(1)
        state, flags, purpose = STATES[reader.number(1)], reader.number(1), reader.text(1)
        changed, promoted = reader.number(8), reader.number(8)
        times = [reader.number(8) for _ in range(5)]
        wrapped = read_wrapped(reader)
        if flags > UNREGISTERED | ENDING or not state:
            raise ValueError("a key of the ring is not one of ours")
        if algorithm != ring.rules(purpose).algorithm or (algorithm == SEAL) != (suite > 0):
            raise ValueError("a key of the ring is not what its purpose is for")
        published = [reader.bytes(length) for length in (32, 8, 64)] if algorithm == SIGN else []
        ring.keys.append(
            RingKey(id, made, suite, purpose, state, changed, promoted, times, wrapped, flags, algorithm, *published)
        )
    reader.end()
    return ring


def write_ring(ring):
    out = b"kwrg\x03" + ring.id + u(ring.epoch, 8) + u(ring.floor, 8)
    for epoch, wrapped in (ring.mac, ring.previous or (0, None)):
        out += u(epoch, 8) + write_wrapped(wrapped)
    out += write_wrapped(ring.filter) + u(ring.pages, 2) + ring.digest + u(len(ring.purposes), 2)
    for rules in ring.purposes:
        out += text(rules.purpose) + bytes([rules.algorithm, rules.flags, rules.write, rules.oldest])
        out += u(rules.longest_life, 8)
    out += u(len(ring.keys), 2)
    for key in ring.keys:
        state = STATES.index(key.state)
        out += key.id + u(key.made_epoch, 8) + bytes([key.algorithm, key.suite, state, key.flags])
        out += text(key.purpose) + u(key.changed, 8) + u(key.promoted_epoch, 8)
        out += b"".join(u(at, 8) for at in key.times) + write_wrapped(key.wrapped)
        out += key.public + key.follows + key.signature
    return out


def registry_digest(pages):
    parts = [u(len(page), 8) + page for page in pages]
    return hashlib.sha256(b"keyward/v1/coverage\x00" + b"".join(parts)).digest()


def registry_page(entries):
    """`entries`: store, name, purpose, and whether all that write to it observe a barrier."""
    out = b"kwcv\x01" + u(len(entries), 2)
    for store, name, purpose, has_barrier in entries:
        out += text(store) + text(name, 2) + text(purpose) + bytes([has_barrier])
    return out


def parse_page(data):
    reader = Reader(data, b"kwcv", 1)
    entries = []
    for _ in range(reader.number(2)):
        entries.append((reader.text(1), reader.text(2), reader.text(1), bool(reader.number(1))))
    reader.end()
    return entries


@dataclass
class TenantKey:
    id: bytes
    issued_epoch: int
    suite: int
    flags: int
    wrapped_by: bytes
    made: int
    wrapped: bytes


class Keyring:
    """A ring that was read and verified, and the store it lies in."""

    def __init__(self, store, root, anchor):
        self.store, self.root, self.anchor = store, root, anchor
        self.load()

    def load(self):
        pin = self.anchor.load().get("ring")  # First, so that a rotation beside us is no alarm.
        self.version, _, data = self.store.fetch("keyring", "", "ring")
        ring = parse_ring(data)
        self.macs = {}
        for epoch, wrapped in filter(None, (ring.mac, ring.previous)):
            bound = context("keyward/v1/ring-mac", ring.id, u(epoch, 8))
            self.macs[epoch] = self.root.unwrap(bound, wrapped)
        self.mac = self.macs[ring.mac[0]]
        if not hmac.compare_digest(mac(self.mac, b"keyward/v1/ring\x00", data[:-32]), data[-32:]):
            raise ValueError("the ring is not authentic")
        if pin and (pin[0] != ring.id or pin[1] > ring.epoch or (pin[1] == ring.epoch and pin[2] != data[-32:])):
            raise ValueError("the ring is not what the anchor remembers")
        pages = [self.store.fetch("coverage", "", f"{page:04x}") for page in range(ring.pages)]
        if registry_digest([page[2] for page in pages]) != ring.digest:
            raise ValueError("the registry is not what the ring says")
        self.filter = self.root.unwrap(context("keyward/v1/ring-filter", ring.id), ring.filter)
        self.registered = [entry for page in pages for entry in parse_page(page[2])]
        self.ring = ring
        self.anchor.pin("ring", ring.id, ring.epoch, data[-32:])

    def material(self, key):
        return self.root.unwrap(key_context(self.ring.id, key), key.wrapped)

    def key_id(self, purpose, tenant=None):
        return key_id(self.filter, purpose, tenant)

    def tenant_keys(self, purpose, tenant):
        record = self.store.fetch("tenant-keys", tenant, purpose)
        return (record[0], self.parse_tenant(record[2], purpose, tenant)) if record else (None, [])

    def tenant_prefix(self, purpose, tenant):
        return context("keyward/v1/tenant-keys", self.ring.id, purpose.encode(), tenant.encode())

    def parse_tenant(self, data, purpose, tenant):
        reader = Reader(data[:-32], b"kwtk", 2)
        epoch, mac_epoch = reader.number(8), reader.number(8)
        if max(epoch, mac_epoch) > self.ring.epoch:
            raise ValueError("the record is newer than the ring: read the ring anew")
        keys = []
        for _ in range(reader.number(2)):
            keys.append(
                TenantKey(
                    reader.bytes(8),
                    reader.number(8),
                    reader.number(1),
                    reader.number(1),
                    reader.bytes(8),
                    reader.number(8),
                    reader.bytes(reader.number(2)),
                )
            )
        reader.end()
        prefix = self.tenant_prefix(purpose, tenant)
        expected = mac(self.macs[mac_epoch], b"keyward/v1/tenant-keys\x00", prefix, data[:-32])
        if not hmac.compare_digest(expected, data[-32:]):
            raise ValueError("a tenant's record is not authentic")
        return keys

    def write_tenant(self, keys, purpose, tenant):
        out = b"kwtk\x02" + u(self.ring.epoch, 8) + u(self.ring.mac[0], 8) + u(len(keys), 2)
        for key in keys:
            out += key.id + u(key.issued_epoch, 8) + bytes([key.suite, key.flags]) + key.wrapped_by
            out += u(key.made, 8) + u(len(key.wrapped), 2) + key.wrapped
        prefix = self.tenant_prefix(purpose, tenant)
        return out + mac(self.mac, b"keyward/v1/tenant-keys\x00", prefix, out)

    def tenant_context(self, purpose, tenant, key):
        words = (key.wrapped_by, purpose.encode(), tenant.encode(), key.id, u(key.issued_epoch, 8))
        return context("keyward/v1/tenant-key", self.ring.id, *words, bytes([key.suite]))

    def open_tenant_key(self, purpose, tenant, key):
        by = self.ring.find(key.wrapped_by)
        if by.state not in ("active", "retired"):
            raise ValueError(f"the ring key is {by.state}")
        return open_body(self.material(by), self.tenant_context(purpose, tenant, key), key.wrapped, by.suite)

    def sealing_key(self, purpose, tenant, least):
        """The tenant's last key, if the active ring key wraps it; else a new one."""
        version, keys = self.tenant_keys(purpose, tenant)
        active = self.ring.active(purpose)
        last = keys[-1] if keys else None
        if not last or last.wrapped_by != active.id or last.issued_epoch < least or last.suite != active.suite:
            made = TenantKey(
                self.key_id(purpose, tenant), self.ring.epoch, active.suite, 0, active.id, now(), b""
            )
            bound = self.tenant_context(purpose, tenant, made)
            made.wrapped = seal_body(self.material(active), bound, os.urandom(32), active.suite)
            keys = [key for key in keys if self.ring.find(key.wrapped_by).state != "destroyed"] + [made]
            with self.store.batch() as batch:
                batch.require("keyring", "", "ring", self.version)
                batch.put("tenant-keys", tenant, purpose, version, self.write_tenant(keys, purpose, tenant))
        return keys[-1], self.open_tenant_key(purpose, tenant, keys[-1])

    def change(self, ring):
        """Writes the next state of the ring."""
        body = write_ring(replace(ring, epoch=self.ring.epoch + 1))
        data = body + mac(self.mac, b"keyward/v1/ring\x00", body)
        with self.store.batch() as batch:
            batch.put("keyring", "", "ring", self.version, data)
        self.load()

    def rotate(self, purpose):
        """A new key, Pending and then Active. For a home that nobody serves."""
        made = new_key(self.root, self.ring.id, self.filter, purpose, self.ring.epoch + 1, self.ring.rules(purpose).write)
        self.change(replace(self.ring, keys=[*self.ring.keys, made]))
        epoch, at, keys = self.ring.epoch + 1, now(), list(self.ring.keys)
        for number, key in enumerate(keys):
            if key.purpose != purpose or key.state not in ("pending", "active"):
                continue
            times = list(key.times)
            if key.state == "pending":
                times[1] = at
                keys[number] = replace(key, state="active", changed=epoch, promoted_epoch=epoch, times=times)
            else:
                times[2] = at
                keys[number] = replace(key, state="retired", changed=epoch, times=times)
        self.change(replace(self.ring, keys=keys))
        return made.id


def key_id(filter, purpose, tenant=None):
    random = os.urandom(4)
    domain, words = ("keyward/v1/tenant-key-id", [purpose, tenant]) if tenant else ("keyward/v1/ring-key-id", [purpose])
    return random + mac(filter, context(domain, *(word.encode() for word in words), random))[:4]


def key_context(ring, key):
    words = (ring, key.id, u(key.made_epoch, 8), bytes([key.algorithm]), bytes([key.suite]))
    return context("keyward/v1/ring-key", *words, key.purpose.encode())


def new_key(root, ring, filter, purpose, epoch, suite):
    key = RingKey(key_id(filter, purpose), epoch, suite, purpose, "pending", epoch, 0, [now(), 0, 0, 0, 0], None)
    key.wrapped = root.wrap(key_context(ring, key), os.urandom(32))
    return key


def create(store, root, purpose, columns):
    """The first ring, with one Active key, and a registry of `columns`."""
    id, mac_key, filter = os.urandom(16), os.urandom(32), os.urandom(32)
    page = registry_page(columns)
    ring = Ring(
        id=id,
        epoch=1,
        floor=0,
        mac=(1, root.wrap(context("keyward/v1/ring-mac", id, u(1, 8)), mac_key)),
        previous=None,
        filter=root.wrap(context("keyward/v1/ring-filter", id), filter),
        pages=1,
        digest=registry_digest([page]),
        purposes=[Rules(purpose)],
    )
    key = new_key(root, id, filter, purpose, 1, 1)
    times = [key.times[0], key.times[0], 0, 0, 0]
    ring.keys = [replace(key, state="active", promoted_epoch=1, times=times)]
    body = write_ring(ring)
    with store.batch() as batch:
        batch.put("keyring", "", "ring", None, body + mac(mac_key, b"keyward/v1/ring\x00", body))
        batch.put("coverage", "", "0000", None, page)


def derived(material, label, domain, ring, key, *tenant):
    """Of a key that MACs or signs: what its material is derived into."""
    bound = context(domain, ring, key.id, key.purpose.encode(), *(name.encode() for name in tenant))
    info = b"keyward/v1/derive\x00" + bytes([len(label)]) + label.encode() + bound
    return expand(material, info, 32, 2)


def signed(domain, *fields):
    """What a signature of a domain and fields is over."""
    out = b""
    for part in (domain.encode(), *fields):
        out += (bytes([len(part)]) if len(part) < 255 else b"\xff" + u(len(part), 8)) + part
    return out


def check_follows(ring, before, key):
    """That `before` signed that `key` follows it."""
    if key.follows != before.id:
        raise ValueError("it follows another key")
    fields = (ring.id, key.purpose.encode(), before.id, before.public, key.id, key.public)
    Ed25519PublicKey.from_public_bytes(before.public).verify(key.signature, signed("keyward/v1/successor", *fields))


def replay(given):
    """A vector of a MAC or a signature."""
    data, root = bytes.fromhex(given["ring"]), Root(given["root"])
    ring = parse_ring(data)
    key, message = ring.find(bytes.fromhex(given["key"])), given["message"].encode()
    material = root.unwrap(key_context(ring.id, key), key.wrapped)
    if given["format"] == "mac":
        tenant = [given["tenant"]] if "tenant" in given else []
        words = ("tenant-mac", "keyward/v1/tenant-mac-key") if tenant else ("mac", "keyward/v1/mac-key")
        of = derived(material, *words, ring.id, key, *tenant)
        return mac(of, signed(given["domain"], message)).hex() == given["tag"]
    of_purpose = [other for other in ring.keys if other.purpose == key.purpose]
    is_raw = bool(ring.rules(key.purpose).flags & RAW)
    for before, after in zip(of_purpose, of_purpose[1:]):
        if is_raw:
            assert after.signature == bytes(64)
        else:
            check_follows(ring, before, after)
    private = Ed25519PrivateKey.from_private_bytes(derived(material, "sign", "keyward/v1/signing-key", ring.id, key))
    said = message if is_raw else signed(given["domain"], message)
    return private.public_key().public_bytes_raw() == key.public and private.sign(said).hex() == given["signature"]


class Anchor:
    """The file that remembers the newest ring: docs/formats/anchor.md."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def load(self):
        if not self.path.exists():
            return {}
        head, *lines = self.path.read_text("ascii").removesuffix("\n").split("\n")
        if head != "keyward-anchor/2":
            raise ValueError("not an anchor of version 2")
        pins = {}
        for name, id, counter, digest in (line.split(" ") for line in lines):
            pins[name] = bytes.fromhex(id), int(counter), bytes.fromhex(digest)
        return pins

    def pin(self, name, id, counter, digest):
        lock = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        pins = self.load()
        if name not in pins or pins[name][1] < counter:
            pins[name] = id, counter, digest
            lines = [f"{name} {id.hex()} {counter} {digest.hex()}\n" for name, (id, counter, digest) in sorted(pins.items())]
            new = os.open(f"{self.path}.new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            os.write(new, ("keyward-anchor/2\n" + "".join(lines)).encode("ascii"))
            os.fsync(new)
            os.close(new)
            os.rename(f"{self.path}.new", self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        os.close(lock)
