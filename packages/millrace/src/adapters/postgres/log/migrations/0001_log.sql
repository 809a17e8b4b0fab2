-- The event log: topics with partitions and dense offsets. Rows are only inserted, and dropped a slice at a time, so
-- that a long snapshot held elsewhere (a dump) finds no dead rows to keep and slows nothing down.

CREATE TABLE millrace.log_topics (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uuid uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL UNIQUE,
  partitions integer NOT NULL CHECK (partitions > 0)
);

CREATE TABLE millrace.log (
  topic_id integer NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  appended_at timestamptz NOT NULL,
  key bytea,
  value bytea,
  headers bytea
) PARTITION BY RANGE (appended_at);

-- Not unique: a unique index would have to hold the time, and the lock of log_append makes offsets unique already.
CREATE INDEX log_position ON millrace.log (topic_id, partition, "offset");

-- Where a partition begins, recorded before a slice of it is dropped: an offset is never given twice.
CREATE TABLE millrace.log_starts (
  topic_id integer NOT NULL,
  partition integer NOT NULL,
  start bigint NOT NULL,
  PRIMARY KEY (topic_id, partition)
);

-- The functions below pin their plans. A generic plan made while a slice was new and small would scan it from front to
-- back, and be kept until the next ANALYZE: seconds for what is one look at the end of an index. A generic plan also
-- overestimates a range of offsets so much on a large log that it would be compiled, or handed to parallel workers.

-- The offsets that the next records of some partitions get.
CREATE FUNCTION millrace.log_ends(topics integer[], parts integer[]) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
DECLARE
  ends bigint[] := '{}';
BEGIN
  FOR place IN 1 .. cardinality(topics) LOOP
    ends := ends || greatest(
      (SELECT l."offset" + 1 FROM millrace.log l
        WHERE l.topic_id = topics[place] AND l.partition = parts[place] ORDER BY l."offset" DESC LIMIT 1),
      (SELECT s.start FROM millrace.log_starts s WHERE s.topic_id = topics[place] AND s.partition = parts[place]),
      0);
  END LOOP;
  RETURN ends;
END
$$;

-- The bounds of a partition, and its nearest offset at or above `from_offset` (null: none).
CREATE FUNCTION millrace.log_bounds(
  topic integer, part integer, from_offset bigint, OUT first bigint, OUT beyond bigint, OUT nearest bigint
)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
BEGIN
  first := coalesce((SELECT s.start FROM millrace.log_starts s WHERE s.topic_id = topic AND s.partition = part), 0);
  nearest := (SELECT l."offset" FROM millrace.log l
             WHERE l.topic_id = topic AND l.partition = part AND l."offset" >= greatest(from_offset, first)
             ORDER BY l."offset" LIMIT 1);
  beyond := (millrace.log_ends(array[topic], array[part]))[1];
END
$$;

-- The records of a range of offsets, as many as fit into `bytes`, but at least one. Offsets are dense, so the range
-- bounds the number of rows read whatever the plan.
CREATE FUNCTION millrace.log_read(topic integer, part integer, first bigint, beyond bigint, bytes bigint)
RETURNS TABLE ("offset" bigint, appended_ms double precision, key bytea, value bytea, headers bytea)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0 SET enable_seqscan = off
AS $$
BEGIN
  RETURN QUERY
  SELECT p."offset", p.appended_ms, p.key, p.value, p.headers
    FROM (SELECT l."offset", floor(date_part('epoch', l.appended_at) * 1000) AS appended_ms, l.key, l.value, l.headers,
                 sum(coalesce(octet_length(l.key), 0) + coalesce(octet_length(l.value), 0)
                     + coalesce(octet_length(l.headers), 0))
                   OVER (ORDER BY l."offset" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
            FROM millrace.log l
           WHERE l.topic_id = topic AND l.partition = part AND l."offset" >= first AND l."offset" < beyond) p
   WHERE p.bytes_before IS NULL OR p.bytes_before < bytes
   ORDER BY p."offset";
END
$$;

-- The key of a partition's lock. Partitions that share one only wait for each other.
CREATE FUNCTION millrace.log_lock(topic integer, part integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (topic << 10) # part;

-- Appends records and returns the offset of the first record of each place. A place is one of the partitions appended
-- to; a record names its place, its rank in it, and where its bytes lie in `contents` (first byte 1; key, value and
-- headers one after the other; no length: null). `locks` are the locks (log_lock) of all places of the transaction, in
-- ascending order.
-- Each statement of a volatile function sees what was committed before it began, so the end is looked up behind the
-- lock and includes what its last holder wrote. That holds in READ COMMITTED only. A lock is not waited for long (55P03):
-- a process that was stopped while it held it must not have all connections of the others wait.
CREATE FUNCTION millrace.log_append(
  locks integer[], topics integer[], parts integer[],
  places integer[], ranks integer[], starts integer[],
  key_lengths integer[], value_lengths integer[], header_lengths integer[], contents bytea
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET lock_timeout = 3000
AS $$
DECLARE
  bases bigint[];
  held integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'millrace.log_append needs READ COMMITTED' USING errcode = 'feature_not_supported';
  END IF;
  FOREACH held IN array locks LOOP
    PERFORM pg_advisory_xact_lock(1819240303, held);
  END LOOP;
  bases := millrace.log_ends(topics, parts);
  INSERT INTO millrace.log (topic_id, partition, "offset", appended_at, key, value, headers)
  SELECT topics[r.place], parts[r.place], bases[r.place] + r.rank, clock_timestamp(),
         substring(contents FROM r.start FOR r.key_length),
         substring(contents FROM r.start + coalesce(r.key_length, 0) FOR r.value_length),
         substring(contents FROM r.start + coalesce(r.key_length, 0) + coalesce(r.value_length, 0) FOR r.header_length)
    FROM unnest(places, ranks, starts, key_lengths, value_lengths, header_lengths)
      AS r (place, rank, start, key_length, value_length, header_length);
  RETURN bases;
END
$$;

-- Records that a topic's partitions begin behind the records they have in a slice, which is to be dropped.
CREATE FUNCTION millrace.log_start_behind(slice text, topic integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  part integer;
  last bigint;
BEGIN
  FOR part IN SELECT p FROM millrace.log_topics t, generate_series(0, t.partitions - 1) AS p WHERE t.id = topic
               ORDER BY millrace.log_lock(topic, p) LOOP
    PERFORM pg_advisory_xact_lock(1819240303, millrace.log_lock(topic, part));
    EXECUTE format('select max(l."offset") from %s as l where l.topic_id = $1 and l.partition = $2', slice)
       INTO last USING topic, part;
    IF last IS NOT NULL THEN
      INSERT INTO millrace.log_starts AS s (topic_id, partition, start) VALUES (topic, part, last + 1)
      ON CONFLICT (topic_id, partition) DO UPDATE SET start = excluded.start WHERE s.start < excluded.start;
    END IF;
  END LOOP;
END
$$;

-- Consumer groups. A process shows that it lives by one row for all its members; it is dead when the row was not
-- touched for its session. These tables are small and updated in place, hence the room on their pages.

CREATE TABLE millrace.log_processes (
  id uuid PRIMARY KEY,
  seen_at timestamptz NOT NULL,
  session_ms integer NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE millrace.log_groups (
  name text PRIMARY KEY,
  -- Grows with every change of the group's assignment.
  version bigint NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE millrace.log_members (
  id uuid PRIMARY KEY,
  process_id uuid NOT NULL,
  group_name text NOT NULL,
  topics integer[] NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX log_members_group ON millrace.log_members (group_name);

-- Who reads a partition, and who shall. An owner that is not the target gives the partition up and clears itself; the
-- target then takes it, which raises the epoch.
CREATE TABLE millrace.log_assignments (
  group_name text NOT NULL,
  topic_id integer NOT NULL,
  partition integer NOT NULL,
  owner uuid,
  target uuid,
  epoch bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (group_name, topic_id, partition)
) WITH (fillfactor = 50);
