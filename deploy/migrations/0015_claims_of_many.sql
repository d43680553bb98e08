-- Why: an append that gives thousands of names back and takes thousands – an import that replaces all interfaces of an
-- API resource – compared each name it takes with each it gives back, under the lock of the log: 10,000 of both took ten
-- seconds. Names given back are looked up now (NOT IN is a hashed subplan whatever joins are allowed; EXISTS is a join).
-- All else of muniment.append is as 0003 has it.
CREATE OR REPLACE FUNCTION muniment.append(
    p_writers text,             -- "name:version:generation,…" of the immediate models this process writes
    p_master_key text,          -- the master key new subject keys are wrapped under
    -- one element per append of the batch; most of them share their origin and their guards, so these are numbered
    a_causation uuid[], a_request uuid[], a_origin int[], a_guards int[],
    -- origins, by number
    o_organization uuid[], o_actor uuid[], o_client uuid[],
    -- one element per stream an append was decided on that exists already: the version it had then. A stream that is
    -- new with its append needs none: the primary key refuses a second first event.
    s_append int[], s_stream uuid[], s_expected bigint[], s_token boolean[],
    -- one element per guard of a numbered set: "decided at this position on this key"
    g_set int[], g_key text[], g_position bigint[],
    -- one element per event, in order
    e_append int[], e_stream uuid[], e_version bigint[], e_topic text[], e_state bytea[],
    -- one element per key an event touches (t_event: the event's ordinal, from 1)
    t_event int[], t_key text[],
    p_extras jsonb,             -- claims, releases, subject keys, destructions, idempotency; null on the hot path
    -- one element per model with facts: its name, and what its apply function is handed
    m_name text[], m_facts json[],
    OUT base bigint,            -- the head before this batch
    OUT head bigint,            -- and after it
    OUT recorded timestamptz,
    OUT refused int[], OUT reasons text[], OUT details text[]
) LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = models, muniment, pg_temp
  SET plan_cache_mode = force_generic_plan
  SET enable_seqscan = off
  SET enable_hashjoin = off
  SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    nil CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    events_total CONSTANT int := cardinality(e_append);
    positions bigint[];
    dead boolean[];
    accepted int := 0;
    token_events_total int;
    r record;
BEGIN
    refused := '{}'; reasons := '{}'; details := '{}';
    -- A statement of its own: the next one then sees everything committed by the previous holder.
    PERFORM pg_advisory_xact_lock(5567012641);
    SELECT b.last, greatest(b.recorded_at, clock_timestamp()) INTO base, recorded
      FROM batches b ORDER BY b.last DESC LIMIT 1;
    IF (SELECT string_agg(m.name || ':' || m.version || ':' || m.generation, ',' ORDER BY m.name)
          FROM models m WHERE m.mode = 'immediate') IS DISTINCT FROM p_writers THEN
        RAISE EXCEPTION 'another generation of a read model is live' USING ERRCODE = 'MU001';
    END IF;

    IF s_append <> '{}' THEN
        FOR r IN
            SELECT s.append, s.stream::text AS detail
              FROM unnest(s_append, s_stream, s_expected, s_token) s(append, stream, expected, token)
             WHERE s.expected <> coalesce(
                   CASE WHEN s.token
                        THEN (SELECT max(v.originator_version) FROM token_events v WHERE v.originator_id = s.stream)
                        ELSE (SELECT max(v.originator_version) FROM events v WHERE v.originator_id = s.stream) END, 0)
        LOOP
            refused := refused || r.append; reasons := reasons || 'version'::text; details := details || r.detail;
        END LOOP;
    END IF;
    IF g_set <> '{}' THEN
        FOR r IN
            SELECT a.append, g.key AS detail
              FROM unnest(g_set, g_key, g_position) g(number, key, position)
              JOIN guards h ON h.key = g.key AND h.position > g.position
              JOIN unnest(a_guards) WITH ORDINALITY a(number, append) ON a.number = g.number
        LOOP
            refused := refused || r.append; reasons := reasons || 'guard'::text; details := details || r.detail;
        END LOOP;
    END IF;

    IF p_extras IS NOT NULL THEN
        FOR r IN
            SELECT i.n, 'idempotent' AS reason,
                   encode(d.request_mac, 'hex') || ':' || encode(d.answer, 'hex') AS detail
              FROM jsonb_to_recordset(p_extras -> 'idempotency') i(n int, key text)
              JOIN idempotency d ON d.key = decode(i.key, 'hex') WHERE d.expires_at > recorded
            UNION ALL
            SELECT c.n, 'claim', c.space || ':' || c.digest
              FROM jsonb_to_recordset(p_extras -> 'claims') c(n int, organization uuid, space text, digest text, owner uuid)
              JOIN claims d ON d.organization = c.organization AND d.space = c.space AND d.digest = decode(c.digest, 'hex')
             WHERE (c.n, c.organization, c.space, c.digest) NOT IN (
                   SELECT f.n, f.organization, f.space, f.digest
                     FROM jsonb_to_recordset(p_extras -> 'releases')
                          f(n int, organization uuid, space text, digest text))
            UNION ALL
            SELECT k.n, 'subject', k.subject::text
              FROM jsonb_to_recordset(p_extras -> 'subject_keys') k(n int, subject uuid)
              JOIN subject_keys d ON d.subject = k.subject
            UNION ALL
            SELECT k.n, 'master_key', m.value
              FROM jsonb_to_recordset(p_extras -> 'subject_keys') k(n int)
              JOIN settings m ON m.name = 'master_key' WHERE m.value <> p_master_key
        LOOP
            refused := refused || r.n; reasons := reasons || r.reason; details := details || r.detail;
        END LOOP;
    END IF;

    IF refused = '{}' THEN
        accepted := events_total;
        SELECT coalesce(array_agg(base + i ORDER BY i), '{}') INTO positions FROM generate_series(1, events_total) i;
    ELSE
        dead := array_fill(false, ARRAY[cardinality(a_causation)]);
        FOR r IN SELECT DISTINCT unnest(refused) AS n LOOP
            dead[r.n] := true;
        END LOOP;
        positions := array_fill(0::bigint, ARRAY[events_total]);
        FOR i IN 1 .. events_total LOOP
            IF NOT dead[e_append[i]] THEN
                accepted := accepted + 1;
                positions[i] := base + accepted;
            END IF;
        END LOOP;
    END IF;
    head := base + accepted;

    IF accepted > 0 THEN
        INSERT INTO batches (last, first, recorded_at) VALUES (head, base + 1, recorded);
        INSERT INTO token_events (originator_id, originator_version, topic, state, notification_id,
                                  recorded_at, organization, actor, client, request_id, causation)
        SELECT e.stream, e.version, e.topic, e.state, e.position, recorded, o_organization[a_origin[e.append]],
               o_actor[a_origin[e.append]], nullif(o_client[a_origin[e.append]], nil), a_request[e.append],
               a_causation[e.append]
          FROM unnest(e_append, e_stream, e_version, e_topic, e_state, positions)
               e(append, stream, version, topic, state, position)
         WHERE e.position > 0 AND starts_with(e.topic, 'token.');
        GET DIAGNOSTICS token_events_total = ROW_COUNT;
        IF token_events_total < accepted THEN
            INSERT INTO events (originator_id, originator_version, topic, state, notification_id,
                                recorded_at, organization, actor, client, request_id, causation)
            SELECT e.stream, e.version, e.topic, e.state, e.position, recorded, o_organization[a_origin[e.append]],
                   o_actor[a_origin[e.append]], nullif(o_client[a_origin[e.append]], nil), a_request[e.append],
                   a_causation[e.append]
              FROM unnest(e_append, e_stream, e_version, e_topic, e_state, positions)
                   e(append, stream, version, topic, state, position)
             WHERE e.position > 0 AND NOT starts_with(e.topic, 'token.');
        END IF;
        IF t_key <> '{}' THEN
            INSERT INTO guards (key, position)
            SELECT t.key, max(positions[t.event]) FROM unnest(t_event, t_key) t(event, key)
             WHERE positions[t.event] > 0 GROUP BY t.key
            ON CONFLICT (key) DO UPDATE SET position = excluded.position;
        END IF;
        FOR i IN 1 .. cardinality(m_name) LOOP
            PERFORM apply_model(m_name[i], m_facts[i], positions);
        END LOOP;
    END IF;

    IF p_extras IS NOT NULL THEN
        DELETE FROM claims d
         USING jsonb_to_recordset(p_extras -> 'releases') f(n int, organization uuid, space text, digest text)
         WHERE d.organization = f.organization AND d.space = f.space AND d.digest = decode(f.digest, 'hex')
           AND f.n <> ALL (refused);
        INSERT INTO claims (organization, space, digest, owner)
        SELECT c.organization, c.space, decode(c.digest, 'hex'), c.owner
          FROM jsonb_to_recordset(p_extras -> 'claims') c(n int, organization uuid, space text, digest text, owner uuid)
         WHERE c.n <> ALL (refused);
        INSERT INTO subject_keys (subject, wrapped, master_key)
        SELECT k.subject, decode(k.wrapped, 'hex'), p_master_key
          FROM jsonb_to_recordset(p_extras -> 'subject_keys') k(n int, subject uuid, wrapped text)
         WHERE k.n <> ALL (refused);
        INSERT INTO subject_keys (subject, destroyed_at)
        SELECT k.subject, recorded FROM jsonb_to_recordset(p_extras -> 'destroyed') k(n int, subject uuid)
         WHERE k.n <> ALL (refused)
        ON CONFLICT (subject) DO UPDATE SET wrapped = NULL, master_key = NULL, destroyed_at = excluded.destroyed_at;
        INSERT INTO guards (key, position)
        SELECT DISTINCT 'subject:' || k.subject, head
          FROM jsonb_to_recordset(p_extras -> 'destroyed') k(n int, subject uuid)
         WHERE k.n <> ALL (refused)
        ON CONFLICT (key) DO UPDATE SET position = excluded.position;
        INSERT INTO idempotency (key, request_mac, answer, causation, expires_at)
        SELECT decode(i.key, 'hex'), decode(i.request_mac, 'hex'), decode(i.answer, 'hex'), a_causation[i.n],
               recorded + interval '24 hours'
          FROM jsonb_to_recordset(p_extras -> 'idempotency') i(n int, key text, request_mac text, answer text)
         WHERE i.n <> ALL (refused)
        ON CONFLICT (key) DO UPDATE SET request_mac = excluded.request_mac, answer = excluded.answer,
               causation = excluded.causation, expires_at = excluded.expires_at;
    END IF;
END $$;
