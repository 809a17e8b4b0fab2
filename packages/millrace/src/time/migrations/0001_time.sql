-- The time that rules: the database's, moved by an offset that only tests set. STABLE and SQL, so that it is inlined and
-- evaluated once a statement; a VOLATILE one in a condition is called for every row.
CREATE TABLE millrace.clock (
  only_row boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
  ahead    interval NOT NULL DEFAULT '0'
);
INSERT INTO millrace.clock DEFAULT VALUES;

CREATE FUNCTION millrace.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT now() + (SELECT ahead FROM millrace.clock)';

-- Work that is due later, of every kind: timers (publish an event), schedules (run a handler). A timer has a name within
-- its topic and key, by which any later unit cancels or moves it.
CREATE TABLE millrace.due (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind     text        NOT NULL, -- 'timer', 'schedule'
  due_at   timestamptz NOT NULL,
  owner    text        NOT NULL, -- the topic, or the schedule's name
  key_hash uuid,                 -- of a timer's key
  name     text,
  lane     text,                 -- of a timer: the broker its record goes to
  key      bytea,
  value    bytea,
  headers  bytea
);
CREATE INDEX due_next ON millrace.due (kind, due_at, id);
CREATE UNIQUE INDEX due_named ON millrace.due (kind, owner, key_hash, name) NULLS NOT DISTINCT WHERE name IS NOT NULL;
