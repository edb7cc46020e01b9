-- Who was forgotten, and when: what was decided for them before does not come back.
CREATE TABLE tidings_erasures (
    customer TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    at       BIGINT NOT NULL
);
