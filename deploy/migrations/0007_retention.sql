-- Why: tokens that have served their time leave the read model by one rule, the same for live rows and rebuilt ones, and
-- months of token events that nothing depends on any more can leave the database for files. What is gone is told here,
-- so that nobody takes it for lost.

-- How far a model has been purged: a time. What had served its time by then may have no rows. It only ever rises, or
-- a rebuilt model would have rows that the live one has not.
CREATE TABLE muniment.horizons (
    model text PRIMARY KEY,
    at timestamptz NOT NULL
);
INSERT INTO muniment.horizons (model, at) VALUES ('tokens', '-infinity');

CREATE FUNCTION muniment.keep_horizon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.at < OLD.at OR NEW.model <> OLD.model THEN
        RAISE EXCEPTION 'a horizon only ever rises' USING ERRCODE = '22023';
    END IF;
    -- Clocks differ, and a refresh under way was decided a moment ago.
    IF NEW.at > clock_timestamp() - interval '30 minutes' THEN
        RAISE EXCEPTION 'tokens that expired half an hour ago may still be asked for' USING ERRCODE = '22023';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_horizon BEFORE UPDATE ON muniment.horizons FOR EACH ROW EXECUTE FUNCTION muniment.keep_horizon();

-- What the recurring work did last, for operators: one row a job.
CREATE TABLE muniment.jobs (
    name text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    succeeded_at timestamptz,          -- the end of the last run without an error
    counts jsonb NOT NULL,             -- of the last run: what was removed
    error text                         -- of the last run, without values
);

-- Months of token events that were written to files. Their positions are not lost: they are in the file. A month
-- whose `dropped_at` is null is on its way out: its events are still in the log, and their audit rows leave.
CREATE TABLE muniment.archives (
    partition text PRIMARY KEY,
    lower uuid NOT NULL,               -- of the streams
    upper uuid NOT NULL,               -- exclusive
    events bigint NOT NULL,
    first bigint NOT NULL,             -- positions, between which there are others' too
    last bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    file text NOT NULL,
    sha256 text NOT NULL,              -- of the file
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at timestamptz
);

GRANT SELECT ON muniment.horizons, muniment.jobs, muniment.archives TO muniment_service;
GRANT SELECT ON muniment.archives TO muniment_reader;
GRANT INSERT, UPDATE ON muniment.jobs TO muniment_service;

-- The months of token events that are there, the oldest first. What no month took stays for ever.
CREATE FUNCTION muniment.token_months(OUT partition text, OUT lower uuid, OUT upper uuid, OUT ends_at timestamptz)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = muniment, pg_temp
AS $$
    SELECT c.relname::text, uuid7_floor(m.starts_at), uuid7_floor(m.ends_at), m.ends_at
      FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid,
           LATERAL (SELECT to_date(right(c.relname, 6), 'YYYYMM')::timestamp AT TIME ZONE 'UTC' AS starts_at,
                           (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' AS ends_at) m
     WHERE i.inhparent = 'muniment.token_events'::regclass AND c.relname ~ '^token_events_[0-9]{6}$'
     ORDER BY c.relname
$$;

-- Says why a month of token events cannot leave the log, null when nothing depends on it any more.
CREATE FUNCTION muniment.why_kept(p_partition text) RETURNS text LANGUAGE plpgsql
    SET search_path = models, muniment, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    month record;
    newest bigint;
BEGIN
    SELECT m.* INTO month FROM token_months() m WHERE m.partition = p_partition;
    IF NOT FOUND THEN
        RETURN 'there is no such month';
    END IF;
    IF month.ends_at > clock_timestamp() - interval '1 day' THEN
        RETURN 'tokens may still be born into it';
    END IF;
    -- A family's rows leave the model together, once all its tokens have ended or expired before the horizon.
    IF EXISTS (SELECT FROM tokens t WHERE t.id >= month.lower AND t.id < month.upper AND t.id = t.family)
       OR EXISTS (SELECT FROM tokens t WHERE t.family >= month.lower AND t.family < month.upper AND t.family <> t.id)
       OR EXISTS (SELECT FROM refresh_tokens r WHERE r.family >= month.lower AND r.family < month.upper) THEN
        RETURN 'some of its tokens are not purged';
    END IF;
    IF (SELECT h.at FROM horizons h WHERE h.model = 'tokens') < month.ends_at THEN
        RETURN 'no purge has come so far';
    END IF;
    EXECUTE format('SELECT max(notification_id) FROM muniment.%I', p_partition) INTO newest;
    IF newest > (SELECT m.position FROM models m WHERE m.name = 'audit') THEN
        RETURN 'the audit has not come so far';
    END IF;
    -- A generation of the audit that was filled before would bring back rows whose events are gone.
    IF EXISTS (SELECT FROM rebuilds r WHERE r.model = 'audit' AND r.ended_at IS NULL AND r.started_at IS NOT NULL
                  AND NOT EXISTS (SELECT FROM archives a WHERE a.partition = p_partition
                                     AND a.archived_at < r.started_at)) THEN
        RETURN 'the audit is being rebuilt';
    END IF;
    RETURN NULL;
END $$;

-- Notes that a month was written to a file and is on its way out. Raises when something depends on it.
CREATE FUNCTION muniment.begin_archive(
    p_partition text, p_events bigint, p_first bigint, p_last bigint, p_first_at timestamptz, p_last_at timestamptz,
    p_file text, p_sha256 text
) RETURNS void LANGUAGE plpgsql
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    PERFORM pg_advisory_xact_lock(5567012651);  -- no rebuild is asked for meanwhile
    reason := why_kept(p_partition);
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION '% stays: %', p_partition, reason USING ERRCODE = '55000';
    END IF;
    INSERT INTO archives (partition, lower, upper, events, first, last, first_at, last_at, file, sha256)
    SELECT m.partition, m.lower, m.upper, p_events, p_first, p_last, p_first_at, p_last_at, p_file, p_sha256
      FROM token_months() m WHERE m.partition = p_partition
    ON CONFLICT (partition) DO UPDATE SET events = excluded.events, first = excluded.first, last = excluded.last,
           first_at = excluded.first_at, last_at = excluded.last_at, file = excluded.file, sha256 = excluded.sha256,
           archived_at = clock_timestamp()
     WHERE archives.dropped_at IS NULL;
    DELETE FROM former_generations WHERE model IN ('audit', 'tokens');  -- they may have rows of these events
END $$;

-- Drops a month that was archived, while the log stands still. Believes nobody: what is in the file must be all that is
-- in the table, and nothing may depend on it.
CREATE FUNCTION muniment.drop_archived(p_partition text) RETURNS void LANGUAGE plpgsql
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    archive archives;
    newest bigint;
    reason text;
BEGIN
    PERFORM pg_advisory_xact_lock(5567012641);
    SELECT a.* INTO archive FROM archives a WHERE a.partition = p_partition AND a.dropped_at IS NULL FOR UPDATE;
    reason := CASE WHEN archive.partition IS NULL THEN 'it is not archived' ELSE why_kept(p_partition) END;
    IF reason IS NULL THEN
        -- Nothing changes or leaves a partition, and positions rise: the newest tells whether anything came since.
        EXECUTE format('SELECT max(notification_id) FROM muniment.%I', p_partition) INTO newest;
        IF newest IS DISTINCT FROM archive.last THEN
            reason := 'it grew since it was archived';
        ELSIF EXISTS (SELECT FROM models.audit r WHERE r.position IN (archive.first, archive.last)) THEN
            reason := 'the audit still shows it';
        END IF;
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION '% stays: %', p_partition, reason USING ERRCODE = '55000';
    END IF;
    EXECUTE format('DROP TABLE muniment.%I', p_partition);
    UPDATE archives SET dropped_at = clock_timestamp() WHERE partition = p_partition;
END $$;

REVOKE ALL ON FUNCTION muniment.token_months, muniment.why_kept, muniment.begin_archive, muniment.drop_archived,
    muniment.keep_horizon FROM PUBLIC;
