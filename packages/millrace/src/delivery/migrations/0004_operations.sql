-- Since when a consumer is switched off: its processes keep their partitions and handle nothing.
ALTER TABLE millrace.consumer ADD COLUMN paused_at timestamptz;

-- What was done about dead letters, and who asked for it. It refers to nothing: the dead letter is gone then.
CREATE TABLE millrace.dead_letter_audit (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  dead_letter_id bigint NOT NULL,
  consumer       text,            -- null: a refused publish
  topic          text   NOT NULL,
  partition      int,
  "offset"       bigint,
  action         text   NOT NULL CHECK (action IN ('redrive', 'discard')),
  by             text   NOT NULL,
  at             timestamptz NOT NULL DEFAULT now(),
  detail         text   NOT NULL  -- why it was a dead letter
);
