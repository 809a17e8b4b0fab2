CREATE SCHEMA orders;

-- Ids are UUIDs of version 7, so the primary key is in the order of creation, and lists need no other index to be paged.
CREATE TABLE orders."order" (
  id         uuid        PRIMARY KEY,
  item       text        NOT NULL,
  quantity   int4        NOT NULL CHECK (quantity > 0),
  status     text        NOT NULL DEFAULT 'CREATED' CHECK (status IN ('CREATED', 'CONFIRMED', 'SHIPPED')),
  version    int4        NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT millrace.now(),
  updated_at timestamptz NOT NULL DEFAULT millrace.now()
);
CREATE INDEX order_of_status ON orders."order" (status, id);
CREATE INDEX order_of_item ON orders."order" (item, id);

-- Which order a creation with a key has made. What it was answered with follows from that, and from the same request.
CREATE TABLE orders.idempotency_key (
  key        text        PRIMARY KEY,
  request    bytea       NOT NULL, -- a hash of what was asked for
  order_id   uuid        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT millrace.now()
);
CREATE INDEX idempotency_key_age ON orders.idempotency_key (created_at);
