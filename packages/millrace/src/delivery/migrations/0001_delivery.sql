-- What a consumer promises rests on these tables, all written in the transaction of the effects themselves.

-- A consumer's name in four bytes.
CREATE TABLE millrace.consumer (
  id         int  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- How far a consumer has come in a partition: the truth, whatever the broker keeps. It moves by compare-and-set, so that
-- a member that lost the partition and does not know it cannot commit. A seek raises the generation.
CREATE TABLE millrace.position (
  consumer_id int    NOT NULL REFERENCES millrace.consumer,
  topic_id    uuid   NOT NULL,
  partition   int    NOT NULL,
  topic       text   NOT NULL,
  generation  int    NOT NULL DEFAULT 0,
  next_offset bigint NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_id, topic_id, partition)
) WITH (fillfactor = 50);

-- Message ids handled within the window: what a producer sends twice is handled once. No unique index is needed:
-- duplicates share a key, so a partition, whose position makes their transactions wait for each other.
CREATE TABLE millrace.inbox (
  consumer_id int         NOT NULL,
  generation  int         NOT NULL,
  message_id  uuid        NOT NULL,
  seen_at     timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (seen_at);
CREATE INDEX inbox_message ON millrace.inbox (consumer_id, message_id, generation);

-- Puts message ids into the inbox; answers the few that were there, not the many that were not.
-- The plans are pinned: one made while the inbox was small would scan it from front to back, or hash all of it, for each
-- chunk until the next ANALYZE (measured: 17 ms a chunk instead of 2, and growing). OFFSET 0 keeps the look-up from
-- becoming a join. The bounds on seen_at leave out the slices ahead.
CREATE FUNCTION millrace.inbox_claim(consumer int, gen int, ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  seen uuid[] := ARRAY(
    SELECT given.id FROM unnest(ids) AS given (id)
     WHERE EXISTS (
       SELECT FROM millrace.inbox
        WHERE consumer_id = consumer AND message_id = given.id AND generation = gen
          AND seen_at > now() - interval '36 hours' AND seen_at < now() + interval '5 minutes'
       OFFSET 0));
BEGIN
  INSERT INTO millrace.inbox (consumer_id, generation, message_id)
  SELECT consumer, gen, given.id FROM unnest(ids) AS given (id) WHERE given.id <> ALL (seen);
  RETURN seen;
END
$$;

-- Records given up on, kept whole until somebody redrives or discards them. Without a consumer: a refused publish.
CREATE TABLE millrace.dead_letter (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer_id int    REFERENCES millrace.consumer,
  topic       text   NOT NULL,
  topic_id    uuid,
  partition   int,
  "offset"    bigint,
  recorded_at timestamptz NOT NULL, -- the record's own timestamp
  key         bytea,
  value       bytea,
  headers     bytea  NOT NULL,
  code        text   NOT NULL,      -- of the error catalogue, an SQLSTATE, or the error's name
  reason      text   NOT NULL,
  stack       text,
  attempts    int    NOT NULL,
  redriven    int    NOT NULL DEFAULT 0,
  failed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letter_consumer ON millrace.dead_letter (consumer_id, id);

-- Offsets that a consumer never saw, because retention was faster than it was.
CREATE TABLE millrace.gap (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer_id int    NOT NULL REFERENCES millrace.consumer,
  topic       text   NOT NULL,
  partition   int    NOT NULL,
  from_offset bigint NOT NULL,
  to_offset   bigint NOT NULL, -- exclusive
  noticed_at  timestamptz NOT NULL DEFAULT now()
);

-- One row for each key that is held: its head failed, and its followers wait behind it. Locked in share mode by a chunk
-- that parks behind it, for update by the worker that releases it.
CREATE TABLE millrace.held_key (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer_id int    NOT NULL REFERENCES millrace.consumer,
  topic_id    uuid   NOT NULL,
  key_hash    uuid   NOT NULL, -- of the key's bytes: a key may be longer than an index entry
  held_since  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (consumer_id, topic_id, key_hash)
);

-- Records that wait: the head of a held key with its attempts and next time, and those behind it in order.
-- A record without a key has no held key and is nobody's head but its own.
CREATE TABLE millrace.parked (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer_id int    NOT NULL REFERENCES millrace.consumer,
  held_key_id bigint REFERENCES millrace.held_key,
  topic       text   NOT NULL,
  topic_id    uuid   NOT NULL,
  partition   int    NOT NULL,
  "offset"    bigint NOT NULL,
  generation  int    NOT NULL,
  recorded_at timestamptz NOT NULL,
  key         bytea,
  value       bytea,
  headers     bytea  NOT NULL,
  attempts    int    NOT NULL DEFAULT 0,
  due_at      timestamptz, -- of heads only
  reason      text
);
CREATE INDEX parked_key ON millrace.parked (held_key_id, partition, "offset");
CREATE INDEX parked_due ON millrace.parked (consumer_id, due_at) WHERE due_at IS NOT NULL;
