-- The offset of a partition's first record that was appended at `at_ms` (since 1970) or later; its end where there is none.
-- Halves the range of offsets again and again, as there is no index by time: appending goes by the clock, so that the time
-- grows with the offset. Volatile, so that each look sees what was committed before it.
CREATE FUNCTION millrace.log_offset_at(topic integer, part integer, at_ms double precision) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
DECLARE
  low bigint;    -- what lies below is older
  high bigint;   -- what lies from here on is not
  middle bigint;
  nearest bigint;
  nearest_ms double precision;
BEGIN
  SELECT b.first, b.beyond INTO low, high FROM millrace.log_bounds(topic, part, 0) AS b;
  WHILE low < high LOOP
    middle := (low + high) / 2;
    SELECT l."offset", floor(date_part('epoch', l.appended_at) * 1000) INTO nearest, nearest_ms FROM millrace.log l
     WHERE l.topic_id = topic AND l.partition = part AND l."offset" >= middle ORDER BY l."offset" LIMIT 1;
    IF nearest IS NULL OR nearest >= high OR nearest_ms >= at_ms THEN
      high := middle;
    ELSE
      low := nearest + 1;
    END IF;
  END LOOP;
  RETURN low;
END
$$;
