-- How often handling has begun at this position without coming to an end: neither a commit nor an orderly stop. A record
-- that ends its process, or hangs it, is found by it.
ALTER TABLE millrace.position ADD COLUMN takeups int NOT NULL DEFAULT 0;
