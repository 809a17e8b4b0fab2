-- Takes message ids out of the inbox that the same transaction put in: their records failed, or wait behind one that did,
-- and are handled later. The plan is pinned as inbox_claim's is; the bound leaves out the slices of before.
CREATE FUNCTION millrace.inbox_disclaim(consumer int, gen int, ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
AS $$
  DELETE FROM millrace.inbox
   WHERE consumer_id = consumer AND generation = gen AND message_id = ANY (ids)
     AND seen_at >= now() AND seen_at < now() + interval '1 day'
$$;
