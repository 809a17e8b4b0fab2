-- What units of work publish, written with their rows. Append-only: the relay's position is a snapshot, so nothing is
-- updated or deleted, and a long-running dump leaves no dead rows to scan. Old slices are dropped once relayed.
CREATE SEQUENCE millrace.outbox_seq;

CREATE TABLE millrace.outbox (
  xid        xid8        NOT NULL DEFAULT pg_current_xact_id(),
  seq        bigint      NOT NULL DEFAULT nextval('millrace.outbox_seq'),
  lane       text        NOT NULL, -- the broker it goes to
  topic      text        NOT NULL,
  key        bytea,
  value      bytea,
  headers    bytea       NOT NULL, -- see core/record-headers.ts
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (created_at);

-- Which transactions are new since the position …
CREATE INDEX outbox_new ON millrace.outbox (lane, xid, seq);
-- … and their rows in order.
CREATE INDEX outbox_order ON millrace.outbox (lane, seq);

-- The next batch of a lane: what a snapshot taken now sees and `done` does not, as two index ranges: begun after `done`
-- was taken, and under way while it was. `first_seq` is its lowest sequence number; null: nothing is new.
-- The plan is pinned, and `seq + 0` keeps the planner from walking outbox_order from the oldest row to the first new one:
-- one look at 1,500 rows took 620 pages, and grew with the outbox; as it is, 10.
CREATE FUNCTION millrace.outbox_batch(of_lane text, done pg_snapshot, OUT target pg_snapshot, OUT first_seq bigint)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
  SELECT pg_current_snapshot(), least(
           (SELECT min(seq + 0) FROM millrace.outbox WHERE lane = of_lane AND xid >= pg_snapshot_xmax(done)),
           (SELECT min(seq + 0) FROM millrace.outbox
             WHERE lane = of_lane AND xid = ANY (ARRAY(SELECT pg_snapshot_xip(done)))))
    INTO target, first_seq;
END
$$;

CREATE TABLE millrace.relay (
  lane    text        PRIMARY KEY,
  version bigint      NOT NULL DEFAULT 0,       -- raised by every move: compare-and-set
  done    pg_snapshot NOT NULL DEFAULT '3:3:',  -- what this snapshot sees has been handed on (3 is the first ordinary xid)
  target  pg_snapshot,                          -- the batch under way is what this one sees besides
  seq     bigint      NOT NULL DEFAULT 0        -- the batch's rows below this have been handed on
) WITH (fillfactor = 10);
