-- Changes are made in the order of their runs, and in each as rules have their turns.
CREATE INDEX tidings_outbox_changes ON tidings_outbox (at, priority DESC, id)
    WHERE state = 'pending' AND kind = 'change' AND waits = 0 AND hold IS NULL;
