-- The engine's own state. Every name begins with tidings_, since the file may also hold the shop's tables.
-- Moments are microseconds since 1970 UTC; `at` is the moment of a run, all others are the database's clock.

CREATE TABLE tidings_meta (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    project TEXT    NOT NULL,
    secret  BLOB    NOT NULL CHECK (length(secret) = 32),
    stopped TEXT                                   -- the kill switch: why nothing may leave
) STRICT;

CREATE TABLE tidings_runs (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    cause    TEXT    NOT NULL,
    program  TEXT    NOT NULL,                     -- the fingerprint of the rules that ran
    cursor   TEXT,                                 -- how far its pages are in the outbox
    started  INTEGER NOT NULL,
    finished INTEGER
) STRICT;

-- That a rule reached a customer on an occasion: what its repeat policy looks back at.
CREATE TABLE tidings_occasions (
    rule     TEXT    NOT NULL,
    customer TEXT    NOT NULL,
    occasion TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (rule, customer, occasion)
) STRICT, WITHOUT ROWID;

-- How often a customer has entered a rule's audience, and whether they are in it: `repeat on every entry`.
CREATE TABLE tidings_entries (
    rule     TEXT    NOT NULL,
    customer TEXT    NOT NULL,
    ordinal  INTEGER NOT NULL CHECK (ordinal >= 0),
    inside   INTEGER NOT NULL CHECK (inside IN (0, 1)),
    PRIMARY KEY (rule, customer)
) STRICT, WITHOUT ROWID;

CREATE TABLE tidings_suppressions (
    channel TEXT    NOT NULL,
    hash    BLOB    NOT NULL CHECK (length(hash) = 32),
    reason  TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE tidings_consents (
    customer  TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    source    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (customer, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX tidings_consents_withdrawn ON tidings_consents (channel, customer) WHERE withdrawn = 1;

-- Attributes that rules set and tag.
CREATE TABLE tidings_kept (
    customer  TEXT    NOT NULL,
    attribute TEXT    NOT NULL,
    value     TEXT    NOT NULL CHECK (json_valid(value)),
    at        INTEGER NOT NULL,
    PRIMARY KEY (customer, attribute)
) STRICT, WITHOUT ROWID;
