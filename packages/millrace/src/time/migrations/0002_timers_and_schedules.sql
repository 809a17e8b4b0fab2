-- Timers and schedules have nothing in common but the clock: see docs/decisions/0016-timers-and-schedules-apart.md.
DROP TABLE millrace.due;

-- Events to be published later. A row's place, (due_at, seq), is never given to another one: moving a timer gives it a new
-- seq, so whoever has read a place finds the same timer there or none.
CREATE SEQUENCE millrace.timer_seq;

CREATE TABLE millrace.timer (
  due_at    timestamptz NOT NULL,
  seq       bigint      NOT NULL,
  name_hash uuid,                 -- of topic, key and name: see src/time/timer-names.ts
  name      text,
  lane      text        NOT NULL, -- the broker it goes to
  topic     text        NOT NULL,
  key       bytea,
  value     bytea,
  headers   bytea       NOT NULL, -- see core/record-headers.ts
  PRIMARY KEY (due_at, seq)
) WITH (
  -- Every row is deleted once: what is dead is to be found early, however many are pending.
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.1
);
CREATE UNIQUE INDEX timer_named ON millrace.timer (name_hash) WHERE name_hash IS NOT NULL;

-- Sets, moves and cancels a unit's timers; answers how many milliseconds the first of them is off.
-- `due_ms`: after so many milliseconds, or since 1970 where `is_time`. `cancelled`: its name alone counts.
-- Rows are locked in the order of their names, whatever is done to them, so that units do not deadlock: a timer to be
-- cancelled is moved like the others, and deleted when all locks are had.
-- Due times count from now, not from the transaction's start: of two units that wrote the same row, the second comes later.
CREATE FUNCTION millrace.change_timers(
  due_ms float8[], is_time boolean[], cancelled boolean[], hashes uuid[], names text[],
  lanes text[], topics text[], keys bytea[], vals bytea[], heads bytea[]
) RETURNS float8
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  written_at timestamptz := millrace.now() + (clock_timestamp() - now());
  soonest timestamptz;
BEGIN
  WITH given AS MATERIALIZED (
    SELECT nextval('millrace.timer_seq') AS seq, g.*
      FROM unnest(due_ms, is_time, cancelled, hashes, names, lanes, topics, keys, vals, heads)
           AS g (due, is_time, cancelled, hash, name, lane, topic, key, val, head)
  ), wanted AS (
    SELECT g.*, CASE WHEN g.cancelled THEN 'infinity'
                     WHEN g.is_time THEN greatest(to_timestamp(g.due / 1000), written_at)
                     ELSE written_at + g.due * interval '1 millisecond' END AS due_at
      FROM given g
     -- Not EXISTS, which may be planned as one look at all timers.
     WHERE NOT g.cancelled OR (SELECT true FROM millrace.timer t WHERE t.name_hash = g.hash)
  ), written AS (
    INSERT INTO millrace.timer AS t (due_at, seq, name_hash, name, lane, topic, key, value, headers)
    SELECT w.due_at, w.seq, w.hash, w.name, w.lane, w.topic, w.key, w.val, w.head || millrace.time_header(w.due_at)
      FROM wanted w
     ORDER BY w.hash, w.seq
        ON CONFLICT (name_hash) WHERE name_hash IS NOT NULL DO UPDATE
       SET due_at = excluded.due_at, seq = excluded.seq, lane = excluded.lane, value = excluded.value,
           headers = excluded.headers
    RETURNING t.due_at
  )
  SELECT min(due_at) INTO soonest FROM written WHERE due_at < 'infinity';
  IF true = ANY (cancelled) THEN
    -- Only those: one that was set meanwhile is not locked, and would be out of order.
    DELETE FROM millrace.timer t
     USING unnest(cancelled, hashes) AS g (cancelled, hash)
     WHERE g.cancelled AND t.name_hash = g.hash AND t.due_at = 'infinity';
  END IF;
  RETURN extract(epoch FROM soonest - written_at) * 1000;
END
$$;

-- The header ce_time, as core/record-headers.ts writes it: two lengths (7 and 24), the name, the time.
CREATE FUNCTION millrace.time_header(of_time timestamptz) RETURNS bytea LANGUAGE sql STABLE
  AS $$ SELECT CASE WHEN of_time < 'infinity' THEN '\x0000000700000018'::bytea || convert_to(
          'ce_time' || to_char(of_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'UTF8') ELSE '' END $$;

-- Timers that are due: behind a place, up to a time (with it), in order; so many, and so many bytes and one timer more.
CREATE FUNCTION millrace.timers_due(
  after_due timestamptz, after_seq bigint, until timestamptz, most_rows int, most_bytes bigint
) RETURNS TABLE (due_at timestamptz, seq bigint, size bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
BEGIN
  RETURN QUERY
  SELECT sized.due_at, sized.seq, sized.size
    FROM (SELECT p.*, sum(p.size) OVER (ORDER BY p.due_at, p.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM (SELECT t.due_at, t.seq, (octet_length(t.headers) + coalesce(octet_length(t.key), 0)
                         + coalesce(octet_length(t.value), 0))::bigint AS size
                    FROM millrace.timer t
                   WHERE (t.due_at, t.seq) > (after_due, after_seq) AND t.due_at <= until
                   ORDER BY t.due_at, t.seq LIMIT most_rows) p) sized
   WHERE sized.before IS NULL OR sized.before <= most_bytes
   ORDER BY sized.due_at, sized.seq;
END
$$;

-- Moves timers to the outbox, in order: what is due behind a place, a bounded piece of it, and those of other places.
-- One at a time in the database, whoever believes to lead: two would fire later timers ahead of earlier ones. Answers
-- nothing while somebody else does. `lanes_of`: the broker of each topic that is known now. A timer that another transaction is moving or cancelling is left out.
--
-- `next_due` and `next_seq`: the place to go on from. It is behind the piece where that was full. Otherwise it lies a second
-- before now: a unit writes its timers last, so few come to be seen below it, and these are found by a look at everything,
-- done now and then. (To look at everything each time would take longer and longer under a snapshot held elsewhere, which
-- keeps the index entries of what has fired.) `next_ms`: when the next one is due, where that is within the horizon.
CREATE FUNCTION millrace.fire_timers(
  after_due timestamptz, after_seq bigint, other_dues timestamptz[], other_seqs bigint[], lanes_of jsonb,
  most_rows int, most_bytes bigint, horizon interval,
  OUT lanes text[], OUT late_ms float8[], OUT is_full boolean, OUT next_due timestamptz, OUT next_seq bigint,
  OUT next_ms float8
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  at timestamptz := millrace.now();
  dues timestamptz[];
  seqs bigint[];
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('millrace:timers:fire', 0)) THEN RETURN; END IF;
  SELECT array_agg(d.due_at), array_agg(d.seq), coalesce(count(*) >= most_rows OR sum(d.size) > most_bytes, false)
    INTO dues, seqs, is_full
    FROM millrace.timers_due(after_due, after_seq, at, most_rows, most_bytes) d;
  next_due := CASE WHEN is_full THEN dues[cardinality(dues)] ELSE at - interval '1 second' END;
  next_seq := CASE WHEN is_full THEN seqs[cardinality(seqs)] ELSE 0 END;
  dues := other_dues || dues;
  seqs := other_seqs || seqs;
  IF cardinality(dues) > 0 THEN
    WITH mine AS MATERIALIZED (
      SELECT t.ctid, t.due_at, t.seq, coalesce(lanes_of ->> t.topic, t.lane) AS lane, t.topic, t.key, t.value, t.headers
        FROM (SELECT DISTINCT * FROM unnest(dues, seqs) AS given (due_at, seq)) place JOIN millrace.timer t USING (due_at, seq)
         FOR UPDATE OF t SKIP LOCKED
    ), gone AS (
      DELETE FROM millrace.timer t WHERE t.ctid = ANY (ARRAY(SELECT m.ctid FROM mine m))
    ), fired AS (
      INSERT INTO millrace.outbox (lane, topic, key, value, headers)
      SELECT m.lane, m.topic, m.key, m.value, m.headers FROM mine m ORDER BY m.due_at, m.seq
    )
    SELECT array_agg(DISTINCT m.lane), array_agg(extract(epoch FROM at - m.due_at)::float8 * 1000)
      INTO lanes, late_ms FROM mine m;
  END IF;
  IF NOT is_full THEN
    SELECT extract(epoch FROM t.due_at - at) * 1000 INTO next_ms
      FROM millrace.timer t WHERE t.due_at > at AND t.due_at <= at + horizon ORDER BY t.due_at LIMIT 1;
  END IF;
  RETURN NEXT;
END
$$;

-- One row for each schedule that a worker has ever had.
CREATE TABLE millrace.schedule (
  name          text        PRIMARY KEY,
  time_table    text        NOT NULL, -- as it was armed last
  due_at        timestamptz NOT NULL, -- its next tick
  retry_at      timestamptz,          -- the tick has failed: not before
  attempts      int         NOT NULL DEFAULT 0, -- of the tick, that failed
  runs          bigint      NOT NULL DEFAULT 0,
  failures      bigint      NOT NULL DEFAULT 0,
  skipped       bigint      NOT NULL DEFAULT 0,
  last_tick_at  timestamptz,          -- on the time-table
  last_run_at   timestamptz,
  last_run_ms   float8,
  last_error    text,                 -- until a run succeeds
  last_error_at timestamptz
) WITH (fillfactor = 50);

-- Runs that operators have asked for. Rows of their own: the schedule's is locked while it runs.
CREATE TABLE millrace.schedule_request (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  schedule     text        NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT millrace.now()
);
CREATE INDEX schedule_request_of ON millrace.schedule_request (schedule, id);
