-- What is idle costs nothing to look at: each of these holds only what somebody looks for.
CREATE INDEX tidings_outbox_due ON tidings_outbox (kind, channel, due_at)
    WHERE state = 'pending' AND waits = 0 AND hold IS NULL;
CREATE INDEX tidings_outbox_open ON tidings_outbox (kind, channel) WHERE settled_at IS NULL;
CREATE INDEX tidings_outbox_fallback ON tidings_outbox (kind, channel)
    WHERE fallback IS NOT NULL AND state = 'pending';
CREATE INDEX tidings_outbox_held_until ON tidings_outbox (expires_at) WHERE hold IS NOT NULL AND state = 'pending';
