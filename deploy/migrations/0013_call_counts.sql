-- Why: an interface may be called so often in a calendar minute, whichever workers are asked. So calls are counted here,
-- exactly: one row for whatever is counted and each minute. What was counted is of no worth after its minute, so nothing
-- of it is kept for good: no log ahead of the writes, no wait for the disk, and after a crash a minute begins anew.
CREATE UNLOGGED TABLE muniment.call_counts (
    minute timestamptz NOT NULL,
    key bytea NOT NULL,                -- what is counted: a grant, or an anonymous interface and an address
    taken integer NOT NULL,            -- calls that were let pass
    granted integer NOT NULL,          -- the share of those who took last, who wanted so many
    wanted integer NOT NULL,
    allowed integer NOT NULL,
    PRIMARY KEY (minute, key)
) WITH (fillfactor = 50);

-- Takes up to p_wanted calls of each key in a minute, so that no more than p_limits are taken in all; returns how many
-- it took, in the order of the keys, which are distinct. Rows are always taken in one order.
CREATE FUNCTION muniment.take_calls(
    p_minute timestamptz, p_keys bytea[], p_wanted integer[], p_limits integer[]
) RETURNS integer[]
    LANGUAGE plpgsql
    SET search_path = muniment, pg_temp
AS $$
DECLARE
    shares integer[];
BEGIN
    WITH took AS (
        INSERT INTO call_counts AS c (minute, key, taken, granted, wanted, allowed)
        SELECT p_minute, k.key, least(k.wanted, k.allowed), least(k.wanted, k.allowed), k.wanted, k.allowed
          FROM unnest(p_keys, p_wanted, p_limits) AS k(key, wanted, allowed)
         ORDER BY k.key
        ON CONFLICT (minute, key) DO UPDATE
           SET taken = c.taken + greatest(0, least(excluded.wanted, excluded.allowed - c.taken)),
               granted = greatest(0, least(excluded.wanted, excluded.allowed - c.taken)),
               wanted = excluded.wanted,
               allowed = excluded.allowed
        RETURNING key, granted
    )
    SELECT array_agg(t.granted ORDER BY k.n) INTO shares
      FROM unnest(p_keys) WITH ORDINALITY AS k(key, n) JOIN took t USING (key);
    RETURN shares;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON muniment.call_counts TO muniment_service;
REVOKE ALL ON FUNCTION muniment.take_calls FROM PUBLIC;
GRANT EXECUTE ON FUNCTION muniment.take_calls TO muniment_service;
