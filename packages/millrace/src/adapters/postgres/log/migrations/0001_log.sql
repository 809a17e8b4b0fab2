-- The event log: topics with partitions and dense offsets. Rows are only ever inserted and dropped a slice at a time, so
-- that a long snapshot held elsewhere (a dump) finds no dead rows to keep and slows nothing down.

create table millrace.log_topics (
  id integer generated always as identity primary key,
  uuid uuid not null default gen_random_uuid(),
  name text not null unique,
  partitions integer not null check (partitions > 0)
);

create table millrace.log (
  topic_id integer not null,
  partition integer not null,
  "offset" bigint not null,
  appended_at timestamptz not null,
  key bytea,
  value bytea,
  headers bytea
) partition by range (appended_at);

-- Not unique: a unique index would have to hold the time, and the lock of log_append makes offsets unique already.
create index log_position on millrace.log (topic_id, partition, "offset");

-- Where a partition begins, recorded before a slice of it is dropped: an offset is never given twice.
create table millrace.log_starts (
  topic_id integer not null,
  partition integer not null,
  start bigint not null,
  primary key (topic_id, partition)
);

-- The functions below pin their plans. A generic plan made while a slice was new and small would scan it from front to
-- back, and be kept until the next ANALYZE: seconds for what is one look at the end of an index. A generic plan also
-- overestimates a range of offsets so much on a large log that it would be compiled, or handed to parallel workers.

-- The offsets that the next records of some partitions get.
create function millrace.log_ends(topics integer[], parts integer[]) returns bigint[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan set jit = off set max_parallel_workers_per_gather = 0
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
declare
  ends bigint[] := '{}';
begin
  for place in 1 .. cardinality(topics) loop
    ends := ends || greatest(
      (select l."offset" + 1 from millrace.log l
        where l.topic_id = topics[place] and l.partition = parts[place] order by l."offset" desc limit 1),
      (select s.start from millrace.log_starts s where s.topic_id = topics[place] and s.partition = parts[place]),
      0);
  end loop;
  return ends;
end
$$;

-- The bounds of a partition, and its nearest offset at or above `from_offset` (null: none).
create function millrace.log_bounds(topic integer, part integer, from_offset bigint, out first bigint, out beyond bigint, out nearest bigint)
language plpgsql volatile
set plan_cache_mode = force_generic_plan set jit = off set max_parallel_workers_per_gather = 0
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
begin
  first := coalesce((select s.start from millrace.log_starts s where s.topic_id = topic and s.partition = part), 0);
  nearest := (select l."offset" from millrace.log l
             where l.topic_id = topic and l.partition = part and l."offset" >= greatest(from_offset, first)
             order by l."offset" limit 1);
  beyond := (millrace.log_ends(array[topic], array[part]))[1];
end
$$;

-- The records of a range of offsets, as many as fit into `bytes`, but at least one. Offsets are dense, so the range bounds
-- the number of rows read whatever the plan.
create function millrace.log_read(topic integer, part integer, first bigint, beyond bigint, bytes bigint)
returns table ("offset" bigint, appended_ms double precision, key bytea, value bytea, headers bytea)
language plpgsql stable
set plan_cache_mode = force_generic_plan set jit = off set max_parallel_workers_per_gather = 0 set enable_seqscan = off
as $$
begin
  return query
  select p."offset", p.appended_ms, p.key, p.value, p.headers
    from (select l."offset", floor(date_part('epoch', l.appended_at) * 1000) as appended_ms, l.key, l.value, l.headers,
                 sum(coalesce(octet_length(l.key), 0) + coalesce(octet_length(l.value), 0) + coalesce(octet_length(l.headers), 0))
                   over (order by l."offset" rows between unbounded preceding and 1 preceding) as bytes_before
            from millrace.log l
           where l.topic_id = topic and l.partition = part and l."offset" >= first and l."offset" < beyond) p
   where p.bytes_before is null or p.bytes_before < bytes
   order by p."offset";
end
$$;

-- The key of a partition's lock. Partitions that share one only wait for each other.
create function millrace.log_lock(topic integer, part integer) returns integer
language sql immutable strict parallel safe
return (topic << 10) # part;

-- Appends records and returns the offset of the first record of each place. A place is one of the partitions appended
-- to; a record names its place, its rank in it, and where its bytes lie in `contents` (first byte 1; key, value and
-- headers one after the other; no length: null). `locks` are the locks (log_lock) of all
-- places of the transaction, in ascending order.
-- Each statement of a volatile function sees what was committed before it began, so the end is looked up behind the lock
-- and includes what its last holder wrote. That holds in READ COMMITTED only.
create function millrace.log_append(
  locks integer[], topics integer[], parts integer[],
  places integer[], ranks integer[], starts integer[],
  key_lengths integer[], value_lengths integer[], header_lengths integer[], contents bytea
) returns bigint[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  bases bigint[];
  held integer;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'millrace.log_append needs READ COMMITTED' using errcode = 'feature_not_supported';
  end if;
  foreach held in array locks loop
    perform pg_advisory_xact_lock(1819240303, held);
  end loop;
  bases := millrace.log_ends(topics, parts);
  insert into millrace.log (topic_id, partition, "offset", appended_at, key, value, headers)
  select topics[r.place], parts[r.place], bases[r.place] + r.rank, clock_timestamp(),
         substring(contents from r.start for r.key_length),
         substring(contents from r.start + coalesce(r.key_length, 0) for r.value_length),
         substring(contents from r.start + coalesce(r.key_length, 0) + coalesce(r.value_length, 0) for r.header_length)
    from unnest(places, ranks, starts, key_lengths, value_lengths, header_lengths)
      as r (place, rank, start, key_length, value_length, header_length);
  return bases;
end
$$;

-- Records that a topic's partitions begin behind the records they have in a slice, which is to be dropped.
create function millrace.log_start_behind(slice text, topic integer) returns void
language plpgsql volatile
as $$
declare
  part integer;
  last bigint;
begin
  for part in select p from millrace.log_topics t, generate_series(0, t.partitions - 1) as p where t.id = topic
               order by millrace.log_lock(topic, p) loop
    perform pg_advisory_xact_lock(1819240303, millrace.log_lock(topic, part));
    execute format('select max(l."offset") from %s as l where l.topic_id = $1 and l.partition = $2', slice)
       into last using topic, part;
    if last is not null then
      insert into millrace.log_starts as s (topic_id, partition, start) values (topic, part, last + 1)
      on conflict (topic_id, partition) do update set start = excluded.start where s.start < excluded.start;
    end if;
  end loop;
end
$$;

-- Consumer groups. A process shows that it lives by one row for all its members; it is dead when the row was not touched
-- for its session. These tables are small and updated in place, hence the room on their pages.

create table millrace.log_processes (
  id uuid primary key,
  seen_at timestamptz not null,
  session_ms integer not null
) with (fillfactor = 10);

create table millrace.log_groups (
  name text primary key,
  -- Grows with every change of the group's assignment.
  version bigint not null
) with (fillfactor = 10);

create table millrace.log_members (
  id uuid primary key,
  process_id uuid not null,
  group_name text not null,
  topics integer[] not null
) with (fillfactor = 50);
create index log_members_group on millrace.log_members (group_name);

-- Who reads a partition, and who shall. An owner that is not the target gives the partition up and clears itself; the
-- target then takes it, which raises the epoch.
create table millrace.log_assignments (
  group_name text not null,
  topic_id integer not null,
  partition integer not null,
  owner uuid,
  target uuid,
  epoch bigint not null default 0,
  primary key (group_name, topic_id, partition)
) with (fillfactor = 50);
