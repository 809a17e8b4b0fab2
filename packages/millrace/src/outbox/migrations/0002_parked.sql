-- Rows of the outbox that their broker has not taken, while others went on: those of a topic that takes nothing, and those
-- behind a record that was refused for good. They go out from here, in order, ahead of newer rows of their topic.
CREATE TABLE millrace.outbox_parked (
  lane       text        NOT NULL,
  topic      text        NOT NULL,
  seq        bigint      NOT NULL, -- the row's place in the outbox, and in its topic here
  key        bytea,
  value      bytea,
  headers    bytea       NOT NULL,
  created_at timestamptz NOT NULL,
  parked_at  timestamptz NOT NULL DEFAULT now(),
  reason     text,                 -- a code of the error catalogue; null: it only waits behind another one
  PRIMARY KEY (lane, topic, seq)
);

-- The next rows of a topic: so many, and so many bytes and one row more.
-- The plan is pinned, as the table grows by millions of rows while a topic is unavailable. STABLE: it sees what the
-- statement around it sees, which asks whether the caller still leads.
CREATE FUNCTION millrace.outbox_parked_piece(
  of_lane text, of_topic text, from_seq bigint, most_rows int, most_bytes bigint
) RETURNS TABLE (seq bigint, key bytea, value bytea, headers bytea, created_at timestamptz)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
BEGIN
  RETURN QUERY
  SELECT sized.seq, sized.key, sized.value, sized.headers, sized.created_at
    FROM (SELECT p.*, sum(octet_length(p.headers) + coalesce(octet_length(p.key), 0) + coalesce(octet_length(p.value), 0))
                        OVER (ORDER BY p.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM (SELECT * FROM millrace.outbox_parked o
                   WHERE o.lane = of_lane AND o.topic = of_topic AND o.seq >= from_seq
                   ORDER BY o.seq LIMIT most_rows) p) sized
   WHERE sized.before IS NULL OR sized.before <= most_bytes
   ORDER BY sized.seq;
END
$$;
