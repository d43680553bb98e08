-- Why: read models are disposable, so operators build them anew, go back, look and try again while the service runs.
-- What was asked, by whom, and how far the work has come is told here. Workers may read it and ask, through one
-- function that knows what may follow what; only the owner's side, which does the work, writes progress.
CREATE TABLE muniment.rebuilds (
    id uuid PRIMARY KEY,               -- UUIDv7: the cursor of the history
    model text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('rebuild', 'switch_back', 'verify', 'retry')),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN (
        'waiting', 'building', 'catching_up', 'comparing', 'paused',               -- under way
        'promoted', 'switched_back', 'verified', 'retried', 'cancelled', 'failed')),
    wish text NOT NULL DEFAULT 'go' CHECK (wish IN ('go', 'pause', 'cancel')),
    version integer,                   -- of the model as it is built
    generation integer,                -- that is built, or caught up
    former integer,                    -- the generation it took the place of
    indexed boolean NOT NULL DEFAULT false,
    position bigint NOT NULL DEFAULT 0,  -- how far the log is applied; committed with the rows
    applied bigint NOT NULL DEFAULT 0,   -- events
    rate double precision NOT NULL DEFAULT 0,  -- positions a second
    head_at_start bigint,
    differences jsonb,                 -- {"count", "more", "rows"}: which rows differed, without their contents
    error text,                        -- why it failed, or what it waits for
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX rebuilds_under_way ON muniment.rebuilds (model) WHERE ended_at IS NULL;
CREATE INDEX rebuilds_model ON muniment.rebuilds (model, id);

-- Who asked for what. A row a command, never changed: operations are no events, and leave their record here.
CREATE TABLE muniment.rebuild_requests (
    id uuid PRIMARY KEY,               -- UUIDv7
    rebuild uuid NOT NULL REFERENCES muniment.rebuilds,
    command text NOT NULL,
    organization uuid NOT NULL,
    actor uuid NOT NULL,
    client uuid,
    request_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX rebuild_requests_rebuild ON muniment.rebuild_requests (rebuild, id);

-- The generation that was live before: a model can be switched back to it. At most one a model, for a while.
CREATE TABLE muniment.former_generations (
    model text PRIMARY KEY,
    version integer NOT NULL,
    generation integer NOT NULL,
    position bigint NOT NULL,          -- how far the log is applied to it
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events that a model could not apply and was allowed to pass over: only models that explain, never those that decide.
CREATE TABLE muniment.quarantine (
    model text NOT NULL,
    generation integer NOT NULL,
    position bigint NOT NULL,
    topic text NOT NULL,
    error text NOT NULL,               -- without any value
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (model, generation, position)
);

ALTER TABLE muniment.models ADD COLUMN rate double precision NOT NULL DEFAULT 0;  -- positions a second, of late

GRANT SELECT ON muniment.rebuilds, muniment.rebuild_requests, muniment.former_generations TO muniment_service;
GRANT SELECT, INSERT ON muniment.quarantine TO muniment_service;
GRANT UPDATE (rate) ON muniment.models TO muniment_service;

-- Asks for something. Answers with the job it is about, or why not, or (for an idempotency key that was used) what was
-- answered then. Commands on one table wait for each other, so that each sees what the one before it left.
CREATE FUNCTION muniment.ask_rebuild(
    p_id uuid, p_model text, p_command text, p_version integer,
    p_organization uuid, p_actor uuid, p_client uuid, p_request uuid, p_key bytea,
    OUT rebuild uuid, OUT refused text, OUT answered text
) LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = muniment, pg_temp
AS $$
DECLARE
    active rebuilds;
    latest rebuilds;
BEGIN
    PERFORM pg_advisory_xact_lock(5567012651);
    SELECT encode(i.request_mac, 'hex') || ':' || encode(i.answer, 'hex') INTO answered
      FROM idempotency i WHERE i.key = p_key AND i.expires_at > clock_timestamp();
    IF answered IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT r.* INTO active FROM rebuilds r WHERE r.model = p_model AND r.ended_at IS NULL FOR UPDATE;

    IF p_command IN ('rebuild', 'verify', 'switch_back', 'retry') THEN
        IF active.id IS NOT NULL THEN
            refused := 'under_way';
            RETURN;
        END IF;
        SELECT r.* INTO latest FROM rebuilds r WHERE r.model = p_model ORDER BY r.id DESC LIMIT 1;
        IF p_command = 'switch_back' AND NOT EXISTS (SELECT FROM former_generations f WHERE f.model = p_model) THEN
            refused := 'no_former';
        ELSIF p_command = 'switch_back' AND NOT EXISTS (
            SELECT FROM former_generations f WHERE f.model = p_model AND f.version = p_version) THEN
            refused := 'former_version';
        ELSIF p_command = 'retry' AND latest.state = 'failed' THEN
            -- From the beginning: what is mended may have been wrong about earlier events too.
            UPDATE rebuilds r SET state = 'waiting', wish = 'go', version = NULL, generation = NULL, former = NULL,
                   indexed = false, position = 0, applied = 0, rate = 0, head_at_start = NULL, differences = NULL,
                   error = NULL, started_at = NULL, updated_at = clock_timestamp(), ended_at = NULL
             WHERE r.id = latest.id;
            rebuild := latest.id;
        ELSIF p_command = 'retry' AND NOT EXISTS (
            SELECT FROM models m WHERE m.name = p_model AND (m.error IS NOT NULL OR EXISTS (
                   SELECT FROM quarantine q WHERE q.model = m.name AND q.generation = m.generation))) THEN
            refused := 'nothing_to_retry';
        ELSE
            INSERT INTO rebuilds (id, model, kind) VALUES (p_id, p_model, p_command);
            rebuild := p_id;
        END IF;
    ELSIF active.id IS NULL OR active.kind NOT IN ('rebuild', 'switch_back') AND p_command <> 'cancel' THEN
        refused := 'none_under_way';
    ELSIF p_command = 'pause' AND active.wish = 'go' THEN
        UPDATE rebuilds r SET wish = 'pause', state = CASE WHEN r.state = 'waiting' THEN 'paused' ELSE r.state END,
               updated_at = clock_timestamp()
         WHERE r.id = active.id;
        rebuild := active.id;
    ELSIF p_command = 'resume' AND active.wish = 'pause' THEN
        UPDATE rebuilds r SET wish = 'go', updated_at = clock_timestamp() WHERE r.id = active.id;
        rebuild := active.id;
    ELSIF p_command = 'cancel' AND active.wish <> 'cancel' THEN
        -- Nobody works on one that waits or was paused: it ends here.
        UPDATE rebuilds r SET wish = 'cancel', updated_at = clock_timestamp(),
               state = CASE WHEN r.state IN ('waiting', 'paused') THEN 'cancelled' ELSE r.state END,
               ended_at = CASE WHEN r.state IN ('waiting', 'paused') THEN clock_timestamp() END
         WHERE r.id = active.id;
        rebuild := active.id;
    ELSE
        refused := CASE p_command WHEN 'pause' THEN 'not_running' WHEN 'resume' THEN 'not_paused'
                                  ELSE 'cancelled_already' END;
    END IF;

    IF rebuild IS NOT NULL THEN
        INSERT INTO rebuild_requests (id, rebuild, command, organization, actor, client, request_id)
        VALUES (p_id, rebuild, p_command, p_organization, p_actor, p_client, p_request);
    END IF;
END $$;

-- Keeps the answer to a request, in the transaction that made it, for an idempotency key.
CREATE FUNCTION muniment.keep_answer(p_id uuid, p_key bytea, p_request_mac bytea, p_answer bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
    INSERT INTO idempotency (key, request_mac, answer, causation, expires_at)
    SELECT p_key, p_request_mac, p_answer, r.id, clock_timestamp() + interval '24 hours'
      FROM rebuild_requests r WHERE r.id = p_id
    ON CONFLICT (key) DO UPDATE SET request_mac = excluded.request_mac, answer = excluded.answer,
           causation = excluded.causation, expires_at = excluded.expires_at
     WHERE idempotency.expires_at <= clock_timestamp()
$$;

REVOKE ALL ON FUNCTION muniment.ask_rebuild, muniment.keep_answer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.ask_rebuild, muniment.keep_answer TO muniment_service;
