-- Why: token events, the request journal and refusals are dropped by age, and dropping a partition is the only way
-- to do that without rewriting a table. Workers may ask for the coming months; they may not create anything else.
CREATE FUNCTION muniment.uuid7_floor(p_time timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog
AS $$
    SELECT (lpad(to_hex((extract(epoch FROM p_time) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

CREATE TABLE muniment.request_journal (
    request_id uuid PRIMARY KEY,       -- UUIDv7
    at timestamptz NOT NULL,
    address text NOT NULL,
    user_agent text NOT NULL
) PARTITION BY RANGE (request_id);
CREATE TABLE muniment.request_journal_rest PARTITION OF muniment.request_journal DEFAULT;

CREATE TABLE muniment.refusals (
    id uuid PRIMARY KEY,               -- UUIDv7: the cursor
    at timestamptz NOT NULL,
    organization uuid,
    actor uuid,
    client text,                       -- the client id as presented: it may name nobody
    operation text NOT NULL,
    status integer NOT NULL,
    code text NOT NULL,
    detail text,
    request_id uuid,                   -- null where several are counted in one row
    count integer NOT NULL DEFAULT 1
) PARTITION BY RANGE (id);
CREATE INDEX refusals_organization ON muniment.refusals (organization, id);
CREATE INDEX refusals_client ON muniment.refusals (client, id);
CREATE TABLE muniment.refusals_rest PARTITION OF muniment.refusals DEFAULT;

CREATE TABLE muniment.client_assertions (
    digest bytea PRIMARY KEY,          -- of client and jti
    expires_at timestamptz NOT NULL
);
CREATE INDEX client_assertions_expires_at ON muniment.client_assertions (expires_at);

CREATE FUNCTION muniment.ensure_partitions(p_now timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    parent text;
    month timestamptz;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(5567012642);
    FOREACH parent IN ARRAY ARRAY['token_events', 'request_journal', 'refusals'] LOOP
        FOR ahead IN 0 .. 2 LOOP
            month := date_trunc('month', p_now, 'UTC') + make_interval(months => ahead);
            name := parent || '_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
            IF to_regclass('muniment.' || name) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE muniment.%I PARTITION OF muniment.%I FOR VALUES FROM (%L) TO (%L)',
                                   name, parent, uuid7_floor(month), uuid7_floor(month + interval '1 month'));
                EXCEPTION WHEN check_violation THEN
                    NULL;  -- rows of that month came first (a clock was wrong): the month stays in the rest
                END;
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- Drops journal and refusal partitions whose month ended before the given time; returns their names.
CREATE FUNCTION muniment.drop_journal_before(p_time timestamptz) RETURNS SETOF text
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
         WHERE i.inhparent IN ('muniment.request_journal'::regclass, 'muniment.refusals'::regclass)
           AND c.relname ~ '_[0-9]{6}$'
           AND (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= p_time
    LOOP
        EXECUTE format('DROP TABLE muniment.%I', name);
        RETURN NEXT name;
    END LOOP;
END $$;

GRANT SELECT, INSERT ON muniment.request_journal, muniment.refusals TO muniment_service;
GRANT SELECT, INSERT, DELETE ON muniment.client_assertions TO muniment_service;
REVOKE ALL ON FUNCTION muniment.ensure_partitions, muniment.drop_journal_before FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.ensure_partitions, muniment.drop_journal_before, muniment.uuid7_floor
    TO muniment_service;
