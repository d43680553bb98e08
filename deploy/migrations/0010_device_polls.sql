-- Why: a device that waits for a person asks again and again, and one that asks too often is told to wait longer, on
-- every worker alike (RFC 8628 section 3.5). What it asked is no event: nothing happened. A row goes a day after its
-- device authorization has expired, at the latest.
CREATE TABLE muniment.device_polls (
    device uuid PRIMARY KEY,           -- the device authorization
    polled_at timestamptz NOT NULL,
    seconds integer NOT NULL,          -- to wait from then on
    early boolean NOT NULL,            -- whether the last one came before its time
    expires_at timestamptz NOT NULL
);
CREATE INDEX device_polls_expires_at ON muniment.device_polls (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON muniment.device_polls TO muniment_service;
