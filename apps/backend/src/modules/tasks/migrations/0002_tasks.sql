CREATE TABLE tasks.task (
  id text PRIMARY KEY,
  -- In the order of creation, to list by.
  number int8 GENERATED ALWAYS AS IDENTITY,
  -- Of tasks.account, or of an issuer elsewhere.
  user_id text NOT NULL,
  title text NOT NULL,
  description text,
  priority text NOT NULL CHECK (priority IN ('low', 'medium', 'high')),
  due_date timestamptz,
  completed_at timestamptz,
  version int4 NOT NULL,
  created_at timestamptz NOT NULL DEFAULT millrace.now(),
  updated_at timestamptz NOT NULL DEFAULT millrace.now(),
  -- A tombstone: without its texts, so that its events, read again, do not bring the task back.
  deleted_at timestamptz,
  -- The last event of another program that changed it: how far in its partition, and of when.
  foreign_partition int4,
  foreign_offset int8,
  foreign_at timestamptz
);
CREATE INDEX task_list ON tasks.task (user_id, number) WHERE deleted_at IS NULL;
