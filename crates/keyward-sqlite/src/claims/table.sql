CREATE TABLE keyward_claim (
    fence       INTEGER PRIMARY KEY AUTOINCREMENT,
    collection  TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    lease_until INTEGER NOT NULL,
    keep_until  INTEGER NOT NULL,
    result      BLOB,
    UNIQUE (collection, owner, id),
    UNIQUE (collection, keep_until, fence)
) STRICT
