-- A dead letter that its key waits for: until somebody redrives or discards it, the key's later records stay parked.
ALTER TABLE millrace.dead_letter ADD COLUMN held_key_id bigint REFERENCES millrace.held_key;
CREATE INDEX dead_letter_held ON millrace.dead_letter (held_key_id) WHERE held_key_id IS NOT NULL;

-- Why the head failed last, and how often the record was brought back from the dead letters.
ALTER TABLE millrace.parked ADD COLUMN code text, ADD COLUMN stack text, ADD COLUMN redriven int NOT NULL DEFAULT 0;

-- Of one key: the head first, then those behind it in the order they were parked.
DROP INDEX millrace.parked_key;
CREATE INDEX parked_key ON millrace.parked (held_key_id, id);
