CREATE SCHEMA chaos;

-- What handlers did. Nothing is unique but the order of writing: whatever is applied twice, or too early, shows.
CREATE TABLE chaos.effect (
  id       bigint GENERATED ALWAYS AS IDENTITY,
  consumer text NOT NULL,
  stream   text NOT NULL,
  key      text NOT NULL,
  n        int  NOT NULL
);

-- Rows that units of work wrote beside what they published. A unit that is asked for again finds its row.
CREATE TABLE chaos.accepted (
  id     bigint GENERATED ALWAYS AS IDENTITY,
  stream text NOT NULL,
  key    text NOT NULL,
  n      int  NOT NULL,
  UNIQUE (stream, key, n)
);

-- Attempts at records that are made to fail, counted past their units: these are rolled back.
CREATE TABLE chaos.attempt (
  consumer text NOT NULL,
  stream   text NOT NULL,
  key      text NOT NULL,
  n        int  NOT NULL
);
CREATE INDEX attempt_mark ON chaos.attempt (consumer, stream, key, n);

-- A row says that the handlers are mended: nothing fails from then on.
CREATE TABLE chaos.mended (at timestamptz NOT NULL DEFAULT now());
