-- From schema 1, whose only checksums were those of batches, to schema 2. The rows are filled in by upgrade.py.
DROP INDEX batch_open;
ALTER TABLE meta RENAME TO meta_1;
ALTER TABLE batch RENAME TO batch_1;
ALTER TABLE failure RENAME TO failure_1;

CREATE TABLE seal (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    salt     BLOB    NOT NULL,  -- part of every checksum of this file
    batches  INTEGER NOT NULL,  -- how many there are, numbered from 1 without a gap: one that is gone is missed
    failures INTEGER NOT NULL,
    facts    INTEGER NOT NULL,  -- checksums of all facts, XORed: neither a lost nor an outdated one goes unnoticed
    checksum INTEGER NOT NULL
);

CREATE TABLE meta (
    name     TEXT PRIMARY KEY,
    value    TEXT    NOT NULL,
    checksum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE batch (
    id        INTEGER PRIMARY KEY,
    positions TEXT    NOT NULL,  -- spans of staged positions, "0-99,104"
    attempt   INTEGER NOT NULL,
    at_s      REAL    NOT NULL,  -- when the intent was recorded
    intent    INTEGER NOT NULL,  -- checksum of all above, never changed: what was sent is known whatever else is damaged
    state     INTEGER NOT NULL,  -- 1 intent, 2 following a job, 3 settled, 4 replaced by smaller batches
    job       TEXT    NOT NULL DEFAULT '',
    outcomes  BLOB    NOT NULL DEFAULT x'',  -- a byte per position
    ids       BLOB    NOT NULL DEFAULT x'',  -- 8 bytes per position, little-endian; empty when none is known
    fate      INTEGER NOT NULL   -- checksum of all above
);

CREATE TABLE failure (
    position INTEGER PRIMARY KEY,
    code     TEXT    NOT NULL,
    field    TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    checksum INTEGER NOT NULL
);
