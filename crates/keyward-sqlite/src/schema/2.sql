CREATE TABLE store (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT    NOT NULL
) STRICT;

CREATE TABLE counter (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO counter (one, last) VALUES (1, 0);

CREATE TABLE record (
    collection TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    expires    INTEGER,
    mac_key    BLOB    NOT NULL,
    token_key  BLOB    NOT NULL,
    word       TEXT    NOT NULL,
    data       BLOB    NOT NULL,
    sealed     TEXT    NOT NULL,
    PRIMARY KEY (collection, owner, id)
) STRICT;
CREATE INDEX record_sealed ON record (collection, substr(CAST(sealed AS BLOB), 1, 16), owner, id);
CREATE INDEX record_mac_key ON record (collection, mac_key) WHERE mac_key <> x'';
CREATE INDEX record_token_key ON record (collection, token_key) WHERE token_key <> x'';
CREATE INDEX record_word ON record (collection, word, owner, id) WHERE word <> '';
CREATE INDEX record_owner_word ON record (collection, owner, word, id) WHERE word <> '';
CREATE INDEX record_expires ON record (collection, expires) WHERE expires IS NOT NULL;

CREATE TABLE claim (
    collection  TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    fence       INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    keep_until  INTEGER NOT NULL,
    result      BLOB,
    PRIMARY KEY (collection, owner, id)
) STRICT;
CREATE INDEX claim_keep ON claim (collection, keep_until);

CREATE TABLE attempt (
    collection TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    admitted   BLOB    NOT NULL,
    until      INTEGER NOT NULL,
    PRIMARY KEY (collection, owner, id)
) STRICT;
CREATE INDEX attempt_until ON attempt (collection, until);

CREATE TABLE entry (
    collection TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    bytes      BLOB,
    PRIMARY KEY (collection, owner, id, seq)
) STRICT;
