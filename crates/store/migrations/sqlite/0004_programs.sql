-- What each rule was when it was last about to run, by the name that its history goes by: a rule that is called something
-- else and means the same is known again.
CREATE TABLE tidings_programs (
    rule TEXT    PRIMARY KEY NOT NULL,
    name TEXT    NOT NULL,                         -- what it was called
    core TEXT    NOT NULL,                         -- a digest of whom it is for and what they get
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The files of the program that a daemon took up last.
CREATE TABLE tidings_running (
    path TEXT    PRIMARY KEY NOT NULL,
    text TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
