-- Why: whoever guesses at what others know – a password, a code typed from another screen – is slowed down, whichever
-- worker they come to. So what has been tried lately is counted here, in one row for each thing that attempts are
-- counted by. A row says by two moments how full its bucket is: attempts may go on at `opens_at`, and from `empties_at`
-- on it says no more than no row at all.
CREATE TABLE muniment.throttle (
    key bytea PRIMARY KEY,             -- digest of what is counted by
    subject bytea,                     -- keyed digest of the identifier that was tried, where one was
    address text,                      -- from where, where that is counted by too: managers are told of locked ones
    opens_at timestamptz NOT NULL,
    empties_at timestamptz NOT NULL
);
CREATE INDEX throttle_subject ON muniment.throttle (subject) WHERE subject IS NOT NULL;
CREATE INDEX throttle_empties_at ON muniment.throttle (empties_at);

-- Takes an attempt out of each of these buckets and returns nothing, or takes none and returns when to come again.
-- Each allows p_burst attempts at once and one more every p_every. A lock a bucket makes attempts that arrive together
-- come one after another, those on a bucket that has no row yet too. Locks and rows are always taken in one order.
CREATE FUNCTION muniment.take_attempt(
    p_now timestamptz, p_keys bytea[], p_subjects bytea[], p_addresses text[], p_burst int[], p_every interval[]
) RETURNS timestamptz
    LANGUAGE plpgsql
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    number int;
    opens timestamptz;
BEGIN
    FOR number IN SELECT DISTINCT hashtext(encode(k.key, 'hex')) AS n FROM unnest(p_keys) k(key) ORDER BY n LOOP
        PERFORM pg_advisory_xact_lock(556701269, number);
    END LOOP;
    SELECT max(t.opens_at) INTO opens FROM throttle t WHERE t.key = ANY (p_keys) AND t.opens_at > p_now;
    IF opens IS NULL THEN
        INSERT INTO throttle AS t (key, subject, address, opens_at, empties_at)
        SELECT b.key, b.subject, b.address, p_now + b.every - (b.burst - 1) * b.every, p_now + b.every
          FROM unnest(p_keys, p_subjects, p_addresses, p_burst, p_every) b(key, subject, address, burst, every)
         ORDER BY b.key
        ON CONFLICT (key) DO UPDATE
           SET opens_at = excluded.opens_at + greatest(t.empties_at - p_now, interval '0'),
               empties_at = excluded.empties_at + greatest(t.empties_at - p_now, interval '0');
    END IF;
    RETURN opens;
END $$;

-- Gives an attempt back to each of these buckets: it was a right one.
CREATE FUNCTION muniment.give_attempt_back(p_keys bytea[], p_every interval[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    number int;
BEGIN
    FOR number IN SELECT DISTINCT hashtext(encode(k.key, 'hex')) AS n FROM unnest(p_keys) k(key) ORDER BY n LOOP
        PERFORM pg_advisory_xact_lock(556701269, number);
    END LOOP;
    PERFORM FROM throttle t WHERE t.key = ANY (p_keys) ORDER BY t.key FOR UPDATE;
    UPDATE throttle t SET opens_at = t.opens_at - b.every, empties_at = t.empties_at - b.every
      FROM unnest(p_keys, p_every) b(key, every) WHERE t.key = b.key;
END $$;

GRANT SELECT, INSERT, DELETE, UPDATE (opens_at, empties_at) ON muniment.throttle TO muniment_service;
REVOKE ALL ON FUNCTION muniment.take_attempt, muniment.give_attempt_back FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.take_attempt, muniment.give_attempt_back TO muniment_service;
