-- Who was forgotten, and when: what was decided for them before does not come back.
CREATE TABLE tidings_erasures (
    customer TEXT    PRIMARY KEY NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
