-- Why: when a session ends, the applications that were signed in to by it are told, each at its own address (OpenID
-- Connect Back-Channel Logout 1.0). Sessions last longer than the rows of their tokens, so who has to be told is noted
-- here as the log tells it; and what waits to be told must outlive the process. Nothing here is secret or personal.
INSERT INTO muniment.followers (name, position) SELECT 'logouts', max(last) FROM muniment.batches;

-- Which applications a session, neither ended nor expired, was used for.
CREATE TABLE muniment.session_applications (
    session uuid NOT NULL,
    application uuid NOT NULL,
    organization uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (session, application)
);

-- Who has yet to be told that a session ended. A row goes when it was told, or nothing more can be done.
CREATE TABLE muniment.logouts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session uuid NOT NULL,
    application uuid NOT NULL,
    organization uuid NOT NULL,
    user_id uuid NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL
);
CREATE INDEX logouts_application ON muniment.logouts (application, next_at);

GRANT SELECT, INSERT, DELETE ON muniment.session_applications, muniment.logouts TO muniment_service;
GRANT UPDATE (attempts, next_at) ON muniment.logouts TO muniment_service;
