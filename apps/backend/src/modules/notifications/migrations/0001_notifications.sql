CREATE SCHEMA notifications;

CREATE TABLE notifications.notification (
  -- What receivers know it by: it stays the same however often it is sent.
  id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
  seq           int8        NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY,
  user_id       text        NOT NULL,
  event         text        NOT NULL,
  content       text        NOT NULL,
  request_key   text        UNIQUE,           -- the Idempotency-Key it was requested with
  state         text        NOT NULL DEFAULT 'unsent' CHECK (state IN ('unsent', 'sending', 'sent', 'failed')),
  attempts      int4        NOT NULL DEFAULT 0,
  -- While it is unsent: not before this. New ones are due whatever the clock says.
  due_at        timestamptz NOT NULL DEFAULT '-infinity',
  -- How often it was claimed by a round: an event of an earlier claim has no say any more.
  claim         int4        NOT NULL DEFAULT 0,
  claimed_at    timestamptz,
  sending_until timestamptz,                  -- a process is sending it, until then at the latest
  last_error    text,
  created_at    timestamptz NOT NULL DEFAULT millrace.now(),
  sent_at       timestamptz
);

CREATE INDEX notification_due ON notifications.notification (due_at, seq) WHERE state = 'unsent';
CREATE INDEX notification_claimed ON notifications.notification (claimed_at) WHERE state = 'sending';
CREATE INDEX notification_sent ON notifications.notification (sent_at) WHERE state = 'sent';
CREATE INDEX notification_of_user ON notifications.notification (user_id, seq);
CREATE INDEX notification_in_state ON notifications.notification (state, seq);

-- The latest count of each event, by the schedule notifications-statistics.
CREATE TABLE notifications.statistic (
  event    text        PRIMARY KEY,
  unsent   int8        NOT NULL, -- those being sent are among them
  sent     int8        NOT NULL,
  failed   int8        NOT NULL,
  taken_at timestamptz NOT NULL
);
