-- As log_append, and says when the records were appended, as they are read with: whoever is handed them instead of reading
-- them has the same. The records of a statement have one time.
CREATE FUNCTION millrace.log_append_at(
  locks integer[], topics integer[], parts integer[],
  places integer[], ranks integer[], starts integer[],
  key_lengths integer[], value_lengths integer[], header_lengths integer[], contents bytea,
  OUT bases bigint[], OUT appended_ms double precision
)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET jit = off SET lock_timeout = 3000
AS $$
DECLARE
  appended timestamptz;
  held integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'millrace.log_append needs READ COMMITTED' USING errcode = 'feature_not_supported';
  END IF;
  FOREACH held IN array locks LOOP
    PERFORM pg_advisory_xact_lock(1819240303, held);
  END LOOP;
  bases := millrace.log_ends(topics, parts);
  appended := clock_timestamp();
  appended_ms := floor(date_part('epoch', appended) * 1000);
  INSERT INTO millrace.log (topic_id, partition, "offset", appended_at, key, value, headers)
  SELECT topics[r.place], parts[r.place], bases[r.place] + r.rank, appended,
         substring(contents FROM r.start FOR r.key_length),
         substring(contents FROM r.start + coalesce(r.key_length, 0) FOR r.value_length),
         substring(contents FROM r.start + coalesce(r.key_length, 0) + coalesce(r.value_length, 0) FOR r.header_length)
    FROM unnest(places, ranks, starts, key_lengths, value_lengths, header_lengths)
      AS r (place, rank, start, key_length, value_length, header_length);
END
$$;

-- Of processes that have not been replaced yet.
CREATE OR REPLACE FUNCTION millrace.log_append(
  locks integer[], topics integer[], parts integer[],
  places integer[], ranks integer[], starts integer[],
  key_lengths integer[], value_lengths integer[], header_lengths integer[], contents bytea
) RETURNS bigint[]
LANGUAGE sql VOLATILE
AS $$
  SELECT a.bases FROM millrace.log_append_at(locks, topics, parts, places, ranks, starts,
                                             key_lengths, value_lengths, header_lengths, contents) AS a
$$;
