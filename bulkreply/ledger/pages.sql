-- Schema 2 of the pages of an export.
CREATE TABLE seal (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    salt     BLOB    NOT NULL,  -- part of every checksum of this file
    scopes   INTEGER NOT NULL,  -- how many there are
    checksum INTEGER NOT NULL
);

CREATE TABLE scope (
    id       INTEGER PRIMARY KEY,
    parents  TEXT    NOT NULL,
    done     INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    pages    INTEGER NOT NULL,  -- how many it has
    checksum INTEGER NOT NULL
);

CREATE TABLE page (
    id       INTEGER PRIMARY KEY,
    scope    INTEGER NOT NULL,
    skip     INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    more     INTEGER NOT NULL,
    left_out TEXT    NOT NULL,
    at_s     REAL    NOT NULL,
    body     BLOB    NOT NULL,
    checksum INTEGER NOT NULL
);

CREATE INDEX page_scope ON page (scope, id);

CREATE TABLE detail (
    record   TEXT    PRIMARY KEY,
    body     BLOB    NOT NULL,
    checksum INTEGER NOT NULL
) WITHOUT ROWID;
