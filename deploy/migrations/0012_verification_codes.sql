-- Why: a code that was sent shows that somebody reads what arrives at an address. Nobody may be sent more than a few in
-- ten minutes, whichever workers and organizations they are asked of, so what was sent lately is counted here: a row a
-- message, taken before it is handed over and given back when it was not taken. Whom it went to is a keyed digest.
CREATE TABLE muniment.code_sends (
    id uuid PRIMARY KEY,               -- the verification
    recipient bytea NOT NULL,
    sent_at timestamptz NOT NULL
);
CREATE INDEX code_sends_recipient ON muniment.code_sends (recipient, sent_at);
CREATE INDEX code_sends_sent_at ON muniment.code_sends (sent_at);

-- Notes that a message is being sent and returns nothing, or notes nothing and returns when there is room again: with
-- p_limit in the p_window before p_now. A recipient may have several digests while a master key is replaced, the one to
-- note first. A lock each makes messages that are sent together come one after another, always in one order.
CREATE FUNCTION muniment.reserve_code_send(
    p_id uuid, p_recipients bytea[], p_now timestamptz, p_limit integer, p_window interval
) RETURNS timestamptz
    LANGUAGE plpgsql
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    number int;
    room_at timestamptz;
BEGIN
    FOR number IN SELECT DISTINCT hashtext(encode(r.digest, 'hex')) AS n FROM unnest(p_recipients) r(digest) ORDER BY n
    LOOP
        PERFORM pg_advisory_xact_lock(556701270, number);
    END LOOP;
    SELECT s.sent_at + p_window INTO room_at FROM code_sends s
     WHERE s.recipient = ANY (p_recipients) AND s.sent_at > p_now - p_window
     ORDER BY s.sent_at DESC OFFSET p_limit - 1 LIMIT 1;
    IF room_at IS NULL THEN
        INSERT INTO code_sends (id, recipient, sent_at) VALUES (p_id, p_recipients[1], p_now);
    END IF;
    RETURN room_at;
END $$;

-- A code is found by a claim on whom it went to, which goes when the code is typed. Most are typed; these are the others.
CREATE INDEX claims_of_verifications ON muniment.claims (owner) WHERE space IN ('verification', 'verified');

-- Deletes up to p_limit claims of codes that were sent before a time; returns how many.
CREATE FUNCTION muniment.purge_verification_claims(p_before timestamptz, p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    gone integer;
BEGIN
    IF p_before > clock_timestamp() - interval '1 day' THEN
        RAISE EXCEPTION 'codes of the last day may still be typed' USING ERRCODE = '22023';
    END IF;
    -- Skips what an append holds, so that the two never wait for each other in a circle.
    WITH old AS (
        SELECT c.organization, c.space, c.digest FROM claims c
         WHERE c.space IN ('verification', 'verified') AND c.owner < uuid7_floor(p_before)
         ORDER BY c.owner LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    DELETE FROM claims c USING old
     WHERE c.organization = old.organization AND c.space = old.space AND c.digest = old.digest;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

GRANT SELECT, INSERT, DELETE ON muniment.code_sends TO muniment_service;
REVOKE ALL ON FUNCTION muniment.reserve_code_send, muniment.purge_verification_claims FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.reserve_code_send, muniment.purge_verification_claims TO muniment_service;
