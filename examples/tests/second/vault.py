"""The vault's records: docs/formats/vault.md."""

import hashlib
import json
import os

from keyring import Anchor, Keyring, Reader, Root, create, now, u
from sealed import Value, open_value, seal
from store import Store

PURPOSE = "vault"


class Vault:
    def __init__(self, home, anchor):
        root = Root((home / "root").read_text("ascii"))
        self.data = Store(home / "data.db")
        self.keyring = Keyring(Store(home / "keys.db"), root, Anchor(anchor))

    def open_all(self):
        """Every credential, opened."""
        for owner, id, _, text, data in self.data.scan("vault"):
            place, record = id.split("/", 1)
            value, found = Value(text), json.loads(data)
            _, keys = self.keyring.tenant_keys(PURPOSE, owner)
            key = next(key for key in keys if key.id == value.key_id)
            material = self.keyring.open_tenant_key(PURPOSE, owner, key)
            identity = dict(
                purpose=PURPOSE,
                tenant=owner,
                scope=found["scope"],
                place=place,
                record=record,
                kind=found["kind"],
                metadata=data,
                revision=found["revision"],
            )
            opened = open_value(material, key.suite, text, **identity)
            yield dict(
                tenant=owner,
                at=place,
                id=record,
                kind=found["kind"],
                hint=value.hint.decode(),
                key=key.id.hex(),
                suite=key.suite,
                bytes=opened.hex(),
            )

    def barrier(self):
        """Version and epoch of the barrier, put up at 0 where there is none."""
        here = self.data.fetch("barrier", "vault", "seal")
        if here is None:
            data = b"kwbr\x01" + u(0, 8) + PURPOSE.encode()
            with self.data.batch() as batch:
                return batch.put("barrier", "vault", "seal", None, data), 0
        reader = Reader(here[2], b"kwbr", 1)
        epoch = reader.number(8)
        if here[2][reader.at :] != PURPOSE.encode():
            raise ValueError("the barrier is of another purpose")
        return here[0], epoch

    def put(self, tenant, place, record, kind, message, hint=b""):
        version, least = self.barrier()
        key, material = self.keyring.sealing_key(PURPOSE, tenant, least)
        held = self.data.fetch("vault", tenant, f"{place}/{record}")
        before = json.loads(held[2]) if held else None
        revision = before["revision"] + 1 if before else int.from_bytes(os.urandom(6), "big") or 1
        at = now()
        found = dict(
            v=2,
            kind=kind,
            scope="",
            revision=revision,
            event=(hashlib.sha256(PURPOSE.encode()).digest()[:8] + os.urandom(8)).hex(),
            created=before["created"] if before else at,
            updated=at,
            facts={},
        )
        metadata = json.dumps(found, separators=(",", ":")).encode()
        identity = dict(
            purpose=PURPOSE,
            tenant=tenant,
            scope="",
            place=place,
            record=record,
            kind=kind,
            metadata=metadata,
            revision=revision,
        )
        text = seal(material, key.suite, key.id, hint, message, **identity)
        with self.data.batch() as batch:
            batch.require("barrier", "vault", "seal", version)
            batch.put("vault", tenant, f"{place}/{record}", held and held[0], metadata, text)


def make(home, anchor):
    """A home from nothing, with a root file of its own."""
    import base64

    home.mkdir(mode=0o700)
    words = "v1:" + base64.b64encode(os.urandom(32)).decode()
    with os.fdopen(os.open(home / "root", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(words)
    data = Store(home / "data.db", make=True)
    keys = Store(home / "keys.db", make=True)
    create(keys, Root(words), PURPOSE, [(data.identity(), "vault", PURPOSE, True)])
    return Vault(home, anchor)
