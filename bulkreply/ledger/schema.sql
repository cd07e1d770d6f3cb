-- Schema 1. One record per batch; a row of its own only for rows somebody has to look at.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE batch (
    id        INTEGER PRIMARY KEY,
    positions TEXT    NOT NULL,  -- spans of staged positions, "0-99,104"
    state     INTEGER NOT NULL,  -- 1 intent, 2 following a job, 3 settled, 4 replaced by smaller batches
    attempt   INTEGER NOT NULL,
    at_s      REAL    NOT NULL,  -- when the intent was recorded
    job       TEXT    NOT NULL DEFAULT '',
    outcomes  BLOB    NOT NULL DEFAULT x'',  -- a byte per position
    ids       BLOB    NOT NULL DEFAULT x'',  -- 8 bytes per position, little-endian; empty when none is known
    checksum  INTEGER NOT NULL
);

CREATE INDEX batch_open ON batch (state) WHERE state < 3;

CREATE TABLE failure (
    position INTEGER PRIMARY KEY,
    code     TEXT NOT NULL,
    field    TEXT NOT NULL,
    message  TEXT NOT NULL
);
