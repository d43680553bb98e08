-- Why: the log is the only source of truth. Two tables share one gapless position space: authority events are kept
-- for ever, token events (thousands a second) live in partitions by the birth of their stream, so that old ones can
-- be archived and dropped. Columns are those of the eventsourcing library's recorder plus our envelope.
CREATE TABLE muniment.batches (
    last bigint PRIMARY KEY,           -- position of the batch's last event: the maximum is the head of the log
    first bigint NOT NULL,
    recorded_at timestamptz NOT NULL   -- never decreases with the position, so a time names a position
);
CREATE INDEX batches_recorded_at ON muniment.batches (recorded_at, last);
INSERT INTO muniment.batches (last, first, recorded_at) VALUES (0, 0, clock_timestamp());

CREATE TABLE muniment.events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,   -- the position
    recorded_at timestamptz NOT NULL,
    organization uuid NOT NULL,
    actor uuid NOT NULL,
    client uuid,
    request_id uuid NOT NULL,
    causation uuid NOT NULL,           -- the append: all events of one command share it
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX events_notification_id ON muniment.events (notification_id);

CREATE TABLE muniment.token_events (
    originator_id uuid NOT NULL,       -- UUIDv7: its time picks the partition
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    organization uuid NOT NULL,
    actor uuid NOT NULL,
    client uuid,
    request_id uuid NOT NULL,
    causation uuid NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) PARTITION BY RANGE (originator_id);
CREATE INDEX token_events_notification_id ON muniment.token_events (notification_id);
CREATE TABLE muniment.token_events_rest PARTITION OF muniment.token_events DEFAULT;

-- One view for whoever follows the log; the eventsourcing library's own recorder reads it too.
CREATE VIEW muniment.log AS
    SELECT originator_id, originator_version, topic, state, notification_id,
           recorded_at, organization, actor, client, request_id, causation
      FROM muniment.events
    UNION ALL
    SELECT originator_id, originator_version, topic, state, notification_id,
           recorded_at, organization, actor, client, request_id, causation
      FROM muniment.token_events;

CREATE TABLE muniment.guards (
    key text PRIMARY KEY,              -- "application:…", "user:…", "revocation:…"
    position bigint NOT NULL           -- of the last event that touched it
) WITH (fillfactor = 70);

CREATE TABLE muniment.claims (
    organization uuid NOT NULL,        -- the nil UUID where a name is unique across all organizations
    space text NOT NULL,
    digest bytea NOT NULL,
    owner uuid NOT NULL,
    PRIMARY KEY (organization, space, digest)
);

CREATE TABLE muniment.subject_keys (
    subject uuid PRIMARY KEY,
    wrapped bytea,                     -- null once destroyed: the tombstone keeps the key from being made again
    master_key text,                   -- which master key wraps it
    destroyed_at timestamptz
);

CREATE TABLE muniment.idempotency (
    key bytea PRIMARY KEY,             -- digest over client, route and Idempotency-Key
    request_mac bytea NOT NULL,
    answer bytea NOT NULL,             -- sealed: answers may hold secrets
    causation uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX idempotency_expires_at ON muniment.idempotency (expires_at);

CREATE TABLE muniment.models (
    name text PRIMARY KEY,
    version integer NOT NULL,
    generation integer NOT NULL,
    mode text NOT NULL CHECK (mode IN ('immediate', 'eventual')),
    position bigint NOT NULL DEFAULT 0,  -- of eventual models; immediate ones are at the head by construction
    error text,                          -- why it stopped, for operators
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT ON muniment.batches, muniment.events, muniment.token_events, muniment.log, muniment.guards,
    muniment.claims, muniment.subject_keys, muniment.idempotency, muniment.models TO muniment_service;
GRANT UPDATE (position, error, updated_at) ON muniment.models TO muniment_service;
GRANT DELETE ON muniment.idempotency TO muniment_service;
GRANT SELECT ON muniment.log, muniment.batches TO muniment_reader;
