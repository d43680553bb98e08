-- Why: mail and text messages are sent after the commit that asks for them, so what waits to be sent must outlive the
-- process. A row holds no secret: it names the event that asks for the message, from which the sender makes it again.
-- Once sent, the row is the record that managers read; whom it went to and what it said (codes and links left out) is
-- sealed under the key of the person it was for, and unreadable once they are deleted.
CREATE TABLE muniment.followers (
    name text PRIMARY KEY,
    position bigint NOT NULL           -- of the last event it has seen
);
INSERT INTO muniment.followers (name, position) SELECT 'messages', max(last) FROM muniment.batches;

CREATE TABLE muniment.messages (
    id uuid PRIMARY KEY,               -- UUIDv7
    stream uuid NOT NULL,              -- the event that asks for it
    version bigint NOT NULL,
    topic text NOT NULL,
    organization uuid NOT NULL,
    subject uuid NOT NULL,             -- whom it is for
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz,               -- when to try (again); null: nothing more happens
    success boolean NOT NULL DEFAULT false,
    receiver text,                     -- sealed
    content text,                      -- sealed
    response text,                     -- what the last attempt came to: sealed where there is a receiver
    UNIQUE (stream, version)
);
CREATE INDEX messages_due ON muniment.messages (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX messages_organization ON muniment.messages (organization, channel, id);

GRANT SELECT, UPDATE (position) ON muniment.followers TO muniment_service;
GRANT SELECT, INSERT, DELETE ON muniment.messages TO muniment_service;
GRANT UPDATE (updated_at, attempts, next_at, success, response, receiver, content) ON muniment.messages
    TO muniment_service;
