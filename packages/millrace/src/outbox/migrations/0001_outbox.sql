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
  headers    bytea       NOT NULL, -- packed: see contracts/codec.ts
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (created_at);

-- Which transactions are new since the position …
CREATE INDEX outbox_new ON millrace.outbox (lane, xid, seq);
-- … and their rows in order.
CREATE INDEX outbox_order ON millrace.outbox (lane, seq);

CREATE TABLE millrace.relay (
  lane    text        PRIMARY KEY,
  version bigint      NOT NULL DEFAULT 0,       -- raised by every move: compare-and-set
  done    pg_snapshot NOT NULL DEFAULT '3:3:',  -- what this snapshot sees has been handed on (3 is the first ordinary xid)
  target  pg_snapshot,                          -- the batch under way is what this one sees besides
  seq     bigint      NOT NULL DEFAULT 0        -- the batch's rows below this have been handed on
) WITH (fillfactor = 10);
