-- The engine's own state. Every name begins with tidings_, since the file may also hold the shop's tables.
-- Moments are microseconds since 1970 UTC; `at` of a run and of what it decided is the moment for which it was
-- decided, all others are the database's clock. The tables are the same in PostgreSQL.

CREATE TABLE tidings_meta (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    project TEXT    NOT NULL,
    secret  BLOB    NOT NULL CHECK (length(secret) = 32),
    home    TEXT    NOT NULL                       -- the machine and place at which things may leave
) STRICT;

-- What is paused: all, a rule, a channel.
CREATE TABLE tidings_pauses (
    scope TEXT    NOT NULL CHECK (scope IN ('all', 'rule', 'channel')),
    name  TEXT    NOT NULL CHECK ((scope = 'all') = (name = '')),
    why   TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tidings_runs (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    cause    TEXT    NOT NULL,
    program  TEXT    NOT NULL,                     -- the fingerprint of the rules that ran
    cursor   TEXT,                                 -- how far its pages are in the outbox
    started  INTEGER NOT NULL,
    finished INTEGER
) STRICT;

-- What waits for a person: a rule of a run that is over its limit or budget.
CREATE TABLE tidings_holds (
    id         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL REFERENCES tidings_runs (id),
    rule       TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    customers  INTEGER NOT NULL,
    sends      INTEGER NOT NULL DEFAULT 0,
    at         INTEGER NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'cancelled')),
    decided_by TEXT,
    decided_at INTEGER,
    UNIQUE (run, rule),
    CHECK ((state = 'waiting') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
) STRICT;

-- Up to which due moment a rule's schedule is dealt with.
CREATE TABLE tidings_schedules (
    rule       TEXT    PRIMARY KEY NOT NULL,
    dealt_with INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One time at which a rule was due: whoever writes it down runs it.
CREATE TABLE tidings_occurrences (
    rule         TEXT    NOT NULL,
    occurrence   TEXT    NOT NULL,
    due          INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('begun', 'finished', 'skipped')),
    reason       TEXT,
    worker       TEXT,
    leased_until INTEGER,
    run          INTEGER REFERENCES tidings_runs (id),
    begun_at     INTEGER NOT NULL,
    ended_at     INTEGER,
    PRIMARY KEY (rule, occurrence),
    CHECK ((state = 'begun') = (ended_at IS NULL)),
    CHECK ((state = 'begun') = (worker IS NOT NULL) AND (state = 'begun') = (leased_until IS NOT NULL)),
    CHECK ((state = 'skipped') = (reason IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX tidings_occurrences_begun ON tidings_occurrences (leased_until) WHERE state = 'begun';
CREATE INDEX tidings_occurrences_due ON tidings_occurrences (due);
-- Those that came to nothing, which are forgotten after a while.
CREATE INDEX tidings_occurrences_idle ON tidings_occurrences (rule, ended_at) WHERE state = 'finished' AND run IS NULL;

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

-- The word of each customer that holds in a channel.
CREATE TABLE tidings_consents (
    customer  TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    source    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (customer, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX tidings_consents_withdrawn ON tidings_consents (channel, customer) WHERE withdrawn = 1;

-- Every word that was said, also those that did not hold. Never changed.
CREATE TABLE tidings_consent_words (
    id        INTEGER PRIMARY KEY,
    customer  TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    source    TEXT    NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX tidings_consent_words_customer ON tidings_consent_words (customer, id);

CREATE TRIGGER tidings_words_stand BEFORE UPDATE ON tidings_consent_words
BEGIN
    SELECT RAISE(ABORT, 'constraint failed: what was said about consent is never changed');
END;

-- Who was forgotten, and when: what was decided for them before does not come back.
CREATE TABLE tidings_erasures (
    customer TEXT    PRIMARY KEY NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- Attributes that rules set and tag.
CREATE TABLE tidings_kept (
    customer  TEXT    NOT NULL,
    attribute TEXT    NOT NULL,
    value     TEXT    NOT NULL CHECK (json_valid(value)),
    at        INTEGER NOT NULL,
    PRIMARY KEY (customer, attribute)
) STRICT, WITHOUT ROWID;

-- How much of a rate is used up: by outlet, and by recipient domain.
CREATE TABLE tidings_rates (
    name      TEXT    PRIMARY KEY NOT NULL,
    used_to   INTEGER NOT NULL,                    -- the moment up to which the rate is used up
    queued_to INTEGER NOT NULL                     -- the moment up to which it is promised to rows that were put off
) STRICT, WITHOUT ROWID;
