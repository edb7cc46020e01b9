-- Everything that was decided, one row a send. A row is written before anything leaves, and never deleted.

CREATE TABLE tidings_outbox (
    id            BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           BYTEA  NOT NULL UNIQUE CHECK (length(key) = 16),
    run           BIGINT  NOT NULL REFERENCES tidings_runs (id),
    rule          TEXT COLLATE "C"    NOT NULL,
    step          TEXT COLLATE "C"    NOT NULL,
    customer      TEXT COLLATE "C"    NOT NULL,
    occasion      TEXT COLLATE "C"    NOT NULL,
    kind          TEXT COLLATE "C"    NOT NULL CHECK (kind IN ('message', 'coupon', 'webhook', 'notify', 'change')),
    channel       TEXT COLLATE "C"    NOT NULL,
    subject       TEXT COLLATE "C"    NOT NULL,
    address       TEXT COLLATE "C",
    address_hash  BYTEA,                            -- what suppressions are looked up by
    zone          TEXT COLLATE "C",                            -- the customer's own, for hours of silence
    vals          tidings_json NOT NULL,
    worth         BIGINT,                         -- of a coupon, in minor units
    after_key     BYTEA   REFERENCES tidings_outbox (key) DEFERRABLE INITIALLY DEFERRED,
    waits         BIGINT  NOT NULL CHECK (waits IN (0, 1)),   -- for the grant of after_key
    fallback      tidings_json,       -- the channels that take it over, in order
    hold          BIGINT  REFERENCES tidings_holds (id),      -- the person's word that it waits for
    priority      BIGINT  NOT NULL,
    at            BIGINT  NOT NULL,
    enqueued_at   BIGINT  NOT NULL,
    due_at        BIGINT  NOT NULL,
    expires_at    BIGINT,

    state         TEXT COLLATE "C"    NOT NULL CHECK (state IN (
        'pending', 'leased', 'dispatching', 'sent', 'rejected', 'unknown',
        'suppressed', 'no_consent', 'capped', 'quiet', 'holdout', 'expired', 'over_limit', 'cancelled',
        'unconfirmed', 'quarantined')),
    attempts      BIGINT  NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    strikes       BIGINT  NOT NULL DEFAULT 0 CHECK (strikes >= 0),        -- claims without progress
    repeats       BIGINT  NOT NULL DEFAULT 0 CHECK (repeats >= 0),       -- sent again though in doubt
    replaced      BIGINT  NOT NULL DEFAULT 0 CHECK (replaced IN (0, 1)), -- by a row in its next channel
    token         BYTEA   CHECK (length(token) = 16),
    worker        TEXT COLLATE "C",
    leased_until  BIGINT,
    payload       TEXT COLLATE "C",                            -- what leaves, fixed before it does
    dispatched_at BIGINT,                         -- the last time that it was let out
    doubted_at    BIGINT,                         -- the first dispatch of which nobody knows whether it happened
    settled_at    BIGINT,
    provider_id   TEXT COLLATE "C",
    code          TEXT COLLATE "C",
    reason        TEXT COLLATE "C",

    CHECK ((kind = 'message') = (address IS NOT NULL)),
    CHECK ((address IS NULL) = (address_hash IS NULL)),
    CHECK (waits = 0 OR after_key IS NOT NULL),
    CHECK (waits = 0 OR state NOT IN ('leased', 'dispatching', 'unknown', 'sent', 'rejected', 'unconfirmed')),
    CHECK (hold IS NULL OR state IN ('pending', 'over_limit', 'cancelled')),
    CHECK (replaced = 0 OR (state = 'rejected' AND doubted_at IS NULL)),
    CHECK ((state IN ('leased', 'dispatching')) = (token IS NOT NULL)),
    CHECK ((token IS NULL) = (worker IS NULL) AND (token IS NULL) = (leased_until IS NULL)),
    CHECK (token IS NULL OR attempts > 0),
    CHECK (state NOT IN ('dispatching', 'sent', 'rejected', 'unknown', 'unconfirmed')
        OR dispatched_at IS NOT NULL OR replaced = 1),
    CHECK (dispatched_at IS NULL OR payload IS NOT NULL OR kind = 'change'),
    CHECK (state NOT IN ('unknown', 'unconfirmed') OR doubted_at IS NOT NULL),
    -- What may have left is never called refused.
    CHECK (doubted_at IS NULL OR state NOT IN (
        'suppressed', 'no_consent', 'capped', 'quiet', 'holdout', 'expired', 'over_limit', 'cancelled')),
    CHECK ((state IN ('pending', 'leased', 'dispatching', 'unknown')) = (settled_at IS NULL)),
    CHECK (reason IS NOT NULL OR state IN ('pending', 'leased', 'dispatching', 'sent')),
    CHECK (code IS NULL OR (kind = 'coupon' AND state = 'sent'))
);

-- What the engine goes by, again and again: each holds only what somebody looks for.
CREATE INDEX tidings_outbox_claim ON tidings_outbox (kind, channel, strikes, priority DESC, at, id, due_at)
    WHERE state = 'pending' AND waits = 0 AND hold IS NULL;
CREATE INDEX tidings_outbox_due ON tidings_outbox (kind, channel, due_at)
    WHERE state = 'pending' AND waits = 0 AND hold IS NULL;
-- Past the rules that are paused.
CREATE INDEX tidings_outbox_by_rule ON tidings_outbox (kind, channel, rule, due_at)
    WHERE state = 'pending' AND waits = 0 AND hold IS NULL;
CREATE INDEX tidings_outbox_struck ON tidings_outbox (strikes) WHERE state = 'pending' AND strikes > 0;
CREATE INDEX tidings_outbox_fallback ON tidings_outbox (kind, channel)
    WHERE fallback IS NOT NULL AND state = 'pending';
CREATE INDEX tidings_outbox_waiting ON tidings_outbox (after_key) WHERE waits = 1;
CREATE INDEX tidings_outbox_held ON tidings_outbox (hold) WHERE hold IS NOT NULL AND state = 'pending';
CREATE INDEX tidings_outbox_held_until ON tidings_outbox (expires_at) WHERE hold IS NOT NULL AND state = 'pending';
-- What is under way is little at any time: leases that ran out are looked for among all of it.
CREATE INDEX tidings_outbox_token ON tidings_outbox (token) WHERE token IS NOT NULL;
CREATE INDEX tidings_outbox_unknown ON tidings_outbox (kind, channel, due_at) WHERE state = 'unknown';

-- What plans look back at, and people at. Every change of a row writes to every index that has it, so a summary of
-- blocks and a parallel scan do where they can; what has ended and what has not are apart, so that a row on its way
-- moves once.
CREATE INDEX tidings_outbox_at ON tidings_outbox USING brin (at);
CREATE INDEX tidings_outbox_worth ON tidings_outbox (at) WHERE worth IS NOT NULL;
CREATE INDEX tidings_outbox_customer ON tidings_outbox (customer, at);
CREATE INDEX tidings_outbox_open ON tidings_outbox (kind, channel, run, rule) WHERE settled_at IS NULL;
CREATE INDEX tidings_outbox_ended ON tidings_outbox (state, id) WHERE settled_at IS NOT NULL;
CREATE INDEX tidings_outbox_counts ON tidings_outbox (run, rule, kind, channel, state)
    WHERE settled_at IS NOT NULL AND replaced = 0;

-- A message waits for its grant, and goes the way that the grant goes. Triggers, so that no way of ending a
-- grant can forget its message.
CREATE FUNCTION tidings_granted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tidings_outbox SET waits = 0 WHERE after_key = NEW.key AND waits = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER tidings_granted AFTER UPDATE OF state ON tidings_outbox FOR EACH ROW
    WHEN (NEW.kind = 'coupon' AND NEW.code IS NOT NULL) EXECUTE FUNCTION tidings_granted();

CREATE FUNCTION tidings_not_granted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tidings_outbox
    SET state = 'cancelled', waits = 0, settled_at = NEW.settled_at, reason = 'no coupon code: ' || NEW.state
    WHERE after_key = NEW.key AND waits = 1 AND state = 'pending';
    RETURN NULL;
END $$;
CREATE TRIGGER tidings_not_granted AFTER UPDATE OF state ON tidings_outbox FOR EACH ROW
    WHEN (NEW.kind = 'coupon' AND NEW.settled_at IS NOT NULL AND NEW.code IS NULL)
    EXECUTE FUNCTION tidings_not_granted();

CREATE FUNCTION tidings_late_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    grant_row tidings_outbox%ROWTYPE;
BEGIN
    -- Whoever ends the grant at this moment waits until the message can be seen, or is waited for.
    SELECT * INTO grant_row FROM tidings_outbox WHERE key = NEW.after_key FOR NO KEY UPDATE;
    IF grant_row.code IS NOT NULL THEN
        UPDATE tidings_outbox SET waits = 0 WHERE id = NEW.id AND waits = 1;
    ELSIF grant_row.settled_at IS NOT NULL THEN
        UPDATE tidings_outbox
        SET state = 'cancelled', waits = 0, settled_at = NEW.enqueued_at,
            reason = 'no coupon code: ' || grant_row.state
        WHERE id = NEW.id AND waits = 1;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tidings_late_message AFTER INSERT ON tidings_outbox FOR EACH ROW
    WHEN (NEW.waits = 1) EXECUTE FUNCTION tidings_late_message();

-- What providers and receivers said later about what was sent.
CREATE TABLE tidings_feedback (
    id     BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key    BYTEA  NOT NULL REFERENCES tidings_outbox (key),
    kind   TEXT COLLATE "C"    NOT NULL CHECK (kind IN ('hard', 'soft', 'complaint')),
    detail TEXT COLLATE "C"    NOT NULL,
    at     BIGINT  NOT NULL
);
CREATE INDEX tidings_feedback_key ON tidings_feedback (key);
