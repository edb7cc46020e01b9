-- The engine's own state. Every name begins with tidings_, since the database may also hold the shop's tables.
-- Moments are microseconds since 1970 UTC; `at` of a run and of what it decided is the moment for which it was
-- decided, all others are the database's clock. The tables are the same in SQLite.

-- Looked at when it is written, not again at every change of its row.
CREATE DOMAIN tidings_json AS TEXT COLLATE "C" CHECK (VALUE IS NULL OR VALUE::json IS NOT NULL);

CREATE TABLE tidings_meta (
    id      BIGINT  PRIMARY KEY CHECK (id = 1),
    project TEXT COLLATE "C"    NOT NULL,
    secret  BYTEA  NOT NULL CHECK (length(secret) = 32),
    home    TEXT COLLATE "C"    NOT NULL                       -- the machine and place at which things may leave
);

-- What is paused: all, a rule, a channel.
CREATE TABLE tidings_pauses (
    scope TEXT COLLATE "C"    NOT NULL CHECK (scope IN ('all', 'rule', 'channel')),
    name  TEXT COLLATE "C"    NOT NULL CHECK ((scope = 'all') = (name = '')),
    why   TEXT COLLATE "C"    NOT NULL,
    at    BIGINT  NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TABLE tidings_runs (
    id       BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       BIGINT  NOT NULL,
    cause    TEXT COLLATE "C"    NOT NULL,
    program  TEXT COLLATE "C"    NOT NULL,                     -- the fingerprint of the rules that ran
    cursor   TEXT COLLATE "C",                                 -- how far its pages are in the outbox
    started  BIGINT  NOT NULL,
    finished BIGINT 
);

-- What waits for a person: a rule of a run that is over its limit or budget.
CREATE TABLE tidings_holds (
    id         BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run        BIGINT  NOT NULL REFERENCES tidings_runs (id),
    rule       TEXT COLLATE "C"    NOT NULL,
    reason     TEXT COLLATE "C"    NOT NULL,
    customers  BIGINT  NOT NULL,
    sends      BIGINT  NOT NULL DEFAULT 0,
    at         BIGINT  NOT NULL,
    state      TEXT COLLATE "C"    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'cancelled')),
    decided_by TEXT COLLATE "C",
    decided_at BIGINT,
    UNIQUE (run, rule),
    CHECK ((state = 'waiting') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);

-- Up to which due moment a rule's schedule is dealt with.
CREATE TABLE tidings_schedules (
    rule       TEXT COLLATE "C"    PRIMARY KEY NOT NULL,
    dealt_with BIGINT  NOT NULL
);

-- One time at which a rule was due: whoever writes it down runs it.
CREATE TABLE tidings_occurrences (
    rule         TEXT COLLATE "C"    NOT NULL,
    occurrence   TEXT COLLATE "C"    NOT NULL,
    due          BIGINT  NOT NULL,
    state        TEXT COLLATE "C"    NOT NULL CHECK (state IN ('begun', 'finished', 'skipped')),
    reason       TEXT COLLATE "C",
    worker       TEXT COLLATE "C",
    leased_until BIGINT,
    run          BIGINT  REFERENCES tidings_runs (id),
    begun_at     BIGINT  NOT NULL,
    ended_at     BIGINT,
    PRIMARY KEY (rule, occurrence),
    CHECK ((state = 'begun') = (ended_at IS NULL)),
    CHECK ((state = 'begun') = (worker IS NOT NULL) AND (state = 'begun') = (leased_until IS NOT NULL)),
    CHECK ((state = 'skipped') = (reason IS NOT NULL))
);
CREATE INDEX tidings_occurrences_begun ON tidings_occurrences (leased_until) WHERE state = 'begun';
CREATE INDEX tidings_occurrences_due ON tidings_occurrences (due);
-- Those that came to nothing, which are forgotten after a while.
CREATE INDEX tidings_occurrences_idle ON tidings_occurrences (rule, ended_at) WHERE state = 'finished' AND run IS NULL;

-- That a rule reached a customer on an occasion: what its repeat policy looks back at.
CREATE TABLE tidings_occasions (
    rule     TEXT COLLATE "C"    NOT NULL,
    customer TEXT COLLATE "C"    NOT NULL,
    occasion TEXT COLLATE "C"    NOT NULL,
    at       BIGINT  NOT NULL,
    PRIMARY KEY (rule, customer, occasion)
);

-- How often a customer has entered a rule's audience, and whether they are in it: `repeat on every entry`.
CREATE TABLE tidings_entries (
    rule     TEXT COLLATE "C"    NOT NULL,
    customer TEXT COLLATE "C"    NOT NULL,
    ordinal  BIGINT  NOT NULL CHECK (ordinal >= 0),
    inside   BIGINT  NOT NULL CHECK (inside IN (0, 1)),
    PRIMARY KEY (rule, customer)
);

CREATE TABLE tidings_suppressions (
    channel TEXT COLLATE "C"    NOT NULL,
    hash    BYTEA  NOT NULL CHECK (length(hash) = 32),
    reason  TEXT COLLATE "C"    NOT NULL,
    source  TEXT COLLATE "C"    NOT NULL,
    at      BIGINT  NOT NULL,
    PRIMARY KEY (channel, hash)
);

-- The word of each customer that holds in a channel.
CREATE TABLE tidings_consents (
    customer  TEXT COLLATE "C"    NOT NULL,
    channel   TEXT COLLATE "C"    NOT NULL,
    withdrawn BIGINT  NOT NULL CHECK (withdrawn IN (0, 1)),
    source    TEXT COLLATE "C"    NOT NULL,
    at        BIGINT  NOT NULL,
    PRIMARY KEY (customer, channel)
);
CREATE INDEX tidings_consents_withdrawn ON tidings_consents (channel, customer) WHERE withdrawn = 1;

-- Every word that was said, also those that did not hold. Never changed.
CREATE TABLE tidings_consent_words (
    id        BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer  TEXT COLLATE "C"    NOT NULL,
    channel   TEXT COLLATE "C"    NOT NULL,
    withdrawn BIGINT  NOT NULL CHECK (withdrawn IN (0, 1)),
    source    TEXT COLLATE "C"    NOT NULL,
    at        BIGINT  NOT NULL
);
CREATE INDEX tidings_consent_words_customer ON tidings_consent_words (customer, id);

CREATE FUNCTION tidings_words_stand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was said about consent is never changed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER tidings_words_stand BEFORE UPDATE ON tidings_consent_words
    FOR EACH ROW EXECUTE FUNCTION tidings_words_stand();

-- Who was forgotten, and when: what was decided for them before does not come back.
CREATE TABLE tidings_erasures (
    customer TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    at       BIGINT NOT NULL
);

-- Attributes that rules set and tag.
CREATE TABLE tidings_kept (
    customer  TEXT COLLATE "C"    NOT NULL,
    attribute TEXT COLLATE "C"    NOT NULL,
    value     tidings_json NOT NULL,
    at        BIGINT  NOT NULL,
    PRIMARY KEY (customer, attribute)
);

-- How much of a rate is used up: by outlet, and by recipient domain.
CREATE TABLE tidings_rates (
    name      TEXT COLLATE "C"    PRIMARY KEY NOT NULL,
    used_to   BIGINT  NOT NULL,                    -- the moment up to which the rate is used up
    queued_to BIGINT  NOT NULL                     -- the moment up to which it is promised to rows that were put off
);
