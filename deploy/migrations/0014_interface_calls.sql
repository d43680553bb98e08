-- Why: an organization wants to see who called which of its interfaces, and what was refused. That is a row a call, far
-- more than anything else here, and leaves by age: a week at a time, for a month would keep a third more than was asked
-- for. Callers' addresses and paths may be personal, so nothing but the retention decides how long they stay.
CREATE TABLE muniment.interface_calls (
    id uuid PRIMARY KEY,               -- UUIDv7 of the request that asked; of a count, its own: the cursor
    at timestamptz NOT NULL,
    count integer NOT NULL,            -- over 1: refused calls of the minute that began `at`, told together
    status integer NOT NULL,
    test boolean NOT NULL,
    organization uuid,                 -- the gateway's; null, as the gateway, where a flood is told without
    resource uuid,
    interface uuid,
    gateway uuid,                      -- the application that asked
    application uuid,                  -- the one that called
    user_id uuid,
    client_id text,
    address text,
    method text,
    path text,                         -- without query
    cause text                         -- of the refusal; null: allowed
) PARTITION BY RANGE (id);
CREATE INDEX interface_calls_organization ON muniment.interface_calls (organization, id);
CREATE INDEX interface_calls_refused ON muniment.interface_calls (organization, id) WHERE cause IS NOT NULL;
CREATE INDEX interface_calls_interface ON muniment.interface_calls (interface, id) WHERE interface IS NOT NULL;
CREATE INDEX interface_calls_application ON muniment.interface_calls (application, id) WHERE application IS NOT NULL;
CREATE INDEX interface_calls_user ON muniment.interface_calls (user_id, id) WHERE user_id IS NOT NULL;
CREATE TABLE muniment.interface_calls_rest PARTITION OF muniment.interface_calls DEFAULT;

-- As before, and this week's and the next two weeks' calls. Weeks are named after their Monday. Months are counted in
-- UTC wherever the session is: elsewhere a month after the last evening of November is the last but one of December.
CREATE OR REPLACE FUNCTION muniment.ensure_partitions(p_now timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    wanted record;
BEGIN
    PERFORM pg_advisory_xact_lock(5567012642);
    FOR wanted IN
        SELECT p.parent, m.begins, m.begins + interval '1 month' AS ends,
               p.parent || '_' || to_char(m.begins, 'YYYYMM') AS name
          FROM unnest(ARRAY['token_events', 'request_journal', 'refusals']) p(parent), generate_series(0, 2) n,
               LATERAL (SELECT date_trunc('month', p_now) + make_interval(months => n) AS begins) m
        UNION ALL
        SELECT 'interface_calls', w.begins, w.begins + interval '1 week',
               'interface_calls_' || to_char(w.begins, 'YYYYMMDD')
          FROM generate_series(0, 2) n,
               LATERAL (SELECT date_trunc('week', p_now) + make_interval(weeks => n) AS begins) w
    LOOP
        IF to_regclass('muniment.' || wanted.name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE muniment.%I PARTITION OF muniment.%I FOR VALUES FROM (%L) TO (%L)',
                               wanted.name, wanted.parent, uuid7_floor(wanted.begins), uuid7_floor(wanted.ends));
            EXCEPTION WHEN check_violation THEN
                NULL;  -- rows of that time came first (a clock was wrong): it stays in the rest
            END;
        END IF;
    END LOOP;
END $$;

-- Drops the weeks of calls that ended before the given time; returns their names.
CREATE FUNCTION muniment.drop_calls_before(p_time timestamptz) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    IF p_time > clock_timestamp() - interval '1 day' THEN
        RAISE EXCEPTION 'a retention of under a day is refused' USING ERRCODE = '22023';
    END IF;
    FOR name IN
        SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
         WHERE i.inhparent = 'muniment.interface_calls'::regclass AND c.relname ~ '_[0-9]{8}$'
           AND (to_date(right(c.relname, 8), 'YYYYMMDD') + interval '7 days') AT TIME ZONE 'UTC' <= p_time
    LOOP
        EXECUTE format('DROP TABLE muniment.%I', name);
        RETURN NEXT name;
    END LOOP;
END $$;

-- Deletes calls from before a time that no week's partition took; returns how many.
CREATE FUNCTION muniment.purge_calls_rest(p_before timestamptz, p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    gone integer;
BEGIN
    IF p_before > clock_timestamp() - interval '1 day' THEN
        RAISE EXCEPTION 'a retention of under a day is refused' USING ERRCODE = '22023';
    END IF;
    DELETE FROM interface_calls_rest WHERE id IN (
        SELECT c.id FROM interface_calls_rest c WHERE c.at < p_before LIMIT p_limit);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

GRANT SELECT, INSERT ON muniment.interface_calls TO muniment_service;
REVOKE ALL ON FUNCTION muniment.drop_calls_before, muniment.purge_calls_rest FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.drop_calls_before, muniment.purge_calls_rest TO muniment_service;
