-- Which broker a position is on: the same topic name on another one is another topic, and on the same one, by another id,
-- a topic that was deleted and created again.
ALTER TABLE millrace.position ADD COLUMN broker text NOT NULL DEFAULT 'postgres';
