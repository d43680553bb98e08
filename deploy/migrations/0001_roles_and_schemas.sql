-- Why: the service may append through one function and read; it may never rewrite history. So the owner of the
-- tables migrates, and workers run as a role that holds just the rights listed in these migrations.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['muniment_service', 'muniment_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this cluster made it a moment ago: roles belong to the cluster
            END;
        END IF;
        -- An owner who is no superuser must be a member to act as the service; from PostgreSQL 16 on, having made the
        -- role is not enough.
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted, current_user);
            EXCEPTION WHEN insufficient_privilege THEN
                -- Whoever made the role let this login be a member, and give it to nobody else.
                IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
                    RAISE;
                END IF;
            END;
        END IF;
    END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS muniment;  -- the log and what belongs to the store: permanent
CREATE SCHEMA IF NOT EXISTS models;    -- the live generation of every read model: disposable
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA muniment, models TO muniment_service;
GRANT USAGE ON SCHEMA muniment TO muniment_reader;
