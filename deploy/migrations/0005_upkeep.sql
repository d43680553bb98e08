-- Why: what has served its time goes by itself. Workers may not delete from the tables of the log, so the two cases
-- that no dropped partition covers are functions that check their own limits.

-- A guard matters as long as a decision may rest on an older state. Those of single revoked tokens – one a revocation,
-- for ever – may go once the token has expired and every decision on it is long over. This index holds them alone;
-- it must not name `position`, or no update of a guard would be heap-only any more.
CREATE INDEX guards_revoked_tokens ON muniment.guards (key) WHERE starts_with(key, 'revocation:token:');

-- Deletes up to p_limit guards of tokens revoked before a time; returns how many.
CREATE FUNCTION muniment.purge_token_guards(p_before timestamptz, p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    boundary bigint;
    gone integer;
BEGIN
    IF p_before > clock_timestamp() - interval '1 day' THEN
        RAISE EXCEPTION 'guards younger than a day may still be relied on' USING ERRCODE = '22023';
    END IF;
    -- A time names a position: the last one recorded before it.
    SELECT b.last INTO boundary FROM batches b
     WHERE b.recorded_at < p_before ORDER BY b.recorded_at DESC, b.last DESC LIMIT 1;
    -- Skips what an append holds, so that the two never wait for each other in a circle.
    WITH old AS (
        SELECT g.key FROM guards g
         WHERE starts_with(g.key, 'revocation:token:') AND g.position <= boundary
         ORDER BY g.key LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    DELETE FROM guards g USING old WHERE g.key = old.key;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- Deletes journal and refusal rows from before a time that no month's partition took; returns how many.
CREATE FUNCTION muniment.purge_journal_rest(p_before timestamptz, p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    gone integer;
    more integer;
BEGIN
    IF p_before > clock_timestamp() - interval '1 day' THEN
        RAISE EXCEPTION 'a retention of under a day is refused' USING ERRCODE = '22023';
    END IF;
    DELETE FROM request_journal_rest WHERE request_id IN (
        SELECT j.request_id FROM request_journal_rest j WHERE j.at < p_before LIMIT p_limit);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM refusals_rest WHERE id IN (
        SELECT r.id FROM refusals_rest r WHERE r.at < p_before LIMIT p_limit);
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN gone + more;
END $$;

REVOKE ALL ON FUNCTION muniment.purge_token_guards, muniment.purge_journal_rest FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.purge_token_guards, muniment.purge_journal_rest TO muniment_service;
