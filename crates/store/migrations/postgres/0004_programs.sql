-- What each rule was when it was last about to run, by the name that its history goes by: a rule that is called something
-- else and means the same is known again.
CREATE TABLE tidings_programs (
    rule TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL,                         -- what it was called
    core TEXT COLLATE "C" NOT NULL,                         -- a digest of whom it is for and what they get
    at   BIGINT NOT NULL
);

-- The files of the program that a daemon took up last.
CREATE TABLE tidings_running (
    path TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    at   BIGINT NOT NULL
);
