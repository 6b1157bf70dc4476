"""The SQLite store: docs/formats/store-sqlite.md."""

import os
import pathlib
import re
import sqlite3
from contextlib import contextmanager

APPLICATION = 0x6B777374
VERSION = 2
PAGE = pathlib.Path(__file__).parents[3] / "docs/formats/store-sqlite.md"


def schema():
    """The statements of the page, the first block of SQL."""
    return re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)


class Conflict(Exception):
    """A record is not at the version it was read at."""


class Store:
    def __init__(self, path, make=False):
        if make:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        uri = f"file:{path}?mode=rw"
        self.db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
        if make:
            self.db.execute("PRAGMA journal_mode = WAL")
        for pragma in ("synchronous = FULL", "secure_delete = ON", "temp_store = MEMORY", "cell_size_check = ON"):
            self.db.execute(f"PRAGMA {pragma}")
        if make:
            identity = os.urandom(16).hex()
            self.db.executescript(
                f"BEGIN IMMEDIATE; {schema()} INSERT INTO store VALUES (1, '{identity}');"
                f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
            )
        found = [self.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if found != [APPLICATION, VERSION]:
            raise ValueError(f"{path} is no store of version {VERSION}: {found}")

    def identity(self):
        return self.db.execute("SELECT identity FROM store").fetchone()[0]

    def fetch(self, collection, owner, id):
        """Version, sealed text and data of a record, or None."""
        sql = "SELECT version, sealed, data FROM record WHERE collection = ? AND owner = ? AND id = ?"
        return self.db.execute(sql, (collection, owner, id)).fetchone()

    def scan(self, collection):
        sql = "SELECT owner, id, version, sealed, data FROM record WHERE collection = ? ORDER BY owner, id"
        return self.db.execute(sql, (collection,)).fetchall()

    def count(self, tag):
        """How many records of the vault need the key of a tag."""
        sql = "SELECT count(*) FROM record WHERE collection = 'vault' AND substr(CAST(sealed AS BLOB), 1, 16) = ?"
        return self.db.execute(sql, (tag.encode(),)).fetchone()[0]

    @contextmanager
    def batch(self):
        """A transaction that is done as a whole, or not at all."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self
            self.db.execute("COMMIT")
        except BaseException:
            self.db.execute("ROLLBACK")
            raise

    def require(self, collection, owner, id, version):
        held = self.fetch(collection, owner, id)
        if (held and held[0]) != version:
            raise Conflict(f"{collection}/{owner}/{id}")

    def put(self, collection, owner, id, version, data, sealed=""):
        """Inserts a record, or swaps the one of `version`. Within a batch."""
        number = self.db.execute("SELECT last FROM counter").fetchone()[0] + 1
        self.db.execute("UPDATE counter SET last = ?", (number,))
        self.require(collection, owner, id, version)
        sql = (
            "INSERT INTO record (collection, owner, id, version, mac_key, token_key, word, data, sealed)"
            " VALUES (?, ?, ?, ?, x'', x'', '', ?, ?)"
            if version is None
            else "UPDATE record SET version = ?4, data = ?5, sealed = ?6"
            " WHERE collection = ?1 AND owner = ?2 AND id = ?3"
        )
        self.db.execute(sql, (collection, owner, id, number, data, sealed))
        return number
