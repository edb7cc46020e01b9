-- Why one that was begun is not run yet.
ALTER TABLE tidings_occurrences ADD COLUMN waits TEXT COLLATE "C";
