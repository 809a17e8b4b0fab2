CREATE SCHEMA spine;

-- What handlers did. Nothing is unique but the order of writing: whatever is applied twice shows.
CREATE TABLE spine.effect (
  id       bigint GENERATED ALWAYS AS IDENTITY,
  consumer text NOT NULL,
  stream   text NOT NULL,
  key      text NOT NULL,
  n        int  NOT NULL
);

-- Rows that requests wrote in the units that published.
CREATE TABLE spine.accepted (
  id     bigint GENERATED ALWAYS AS IDENTITY,
  stream text NOT NULL,
  key    text NOT NULL,
  n      int  NOT NULL
);
