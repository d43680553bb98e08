// oidc-provider's storage in PostgreSQL: one table for every kind of artefact, as its own example adapters have it.
//
// Kept quick on purpose, so that the comparison is with the peer at its best: every statement is prepared once per
// connection and named, the primary key answers `find`, and the secondary indexes are partial – a client-credentials
// token has no grant, uid or user code and so pays for none of them. Commits are as durable as the server's settings.

import pg from 'pg';

export const SCHEMA = `
CREATE TABLE IF NOT EXISTS oidc_payloads (
  kind text NOT NULL,
  id text NOT NULL,
  payload jsonb NOT NULL,
  grant_id text,
  uid text,
  user_code text,
  expires_at timestamptz,
  consumed_at timestamptz,
  PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS oidc_payloads_grant ON oidc_payloads (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS oidc_payloads_uid ON oidc_payloads (kind, uid) WHERE uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS oidc_payloads_user_code ON oidc_payloads (kind, user_code) WHERE user_code IS NOT NULL;
`;

const UPSERT = `
INSERT INTO oidc_payloads (kind, id, payload, grant_id, uid, user_code, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
ON CONFLICT (kind, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid,
  user_code = excluded.user_code, expires_at = excluded.expires_at`;
const FIND = 'SELECT payload, consumed_at FROM oidc_payloads WHERE kind = $1 AND id = $2';
const FIND_BY_UID = 'SELECT payload, consumed_at FROM oidc_payloads WHERE kind = $1 AND uid = $2';
const FIND_BY_USER_CODE = 'SELECT payload, consumed_at FROM oidc_payloads WHERE kind = $1 AND user_code = $2';
const CONSUME = 'UPDATE oidc_payloads SET consumed_at = now() WHERE kind = $1 AND id = $2';
const DESTROY = 'DELETE FROM oidc_payloads WHERE kind = $1 AND id = $2';
const REVOKE_BY_GRANT = 'DELETE FROM oidc_payloads WHERE grant_id = $1';

/** The adapter class over `pool`; its results are the stored payload, or undefined when there is none. */
export function adapterOver(pool) {
  const run = (name, text, values) => pool.query({ name, text, values });
  const one = async (name, text, values) => {
    const { rows: [row] } = await run(name, text, values);
    return row && { ...row.payload, ...(row.consumed_at ? { consumed: row.consumed_at.getTime() / 1000 } : undefined) };
  };

  return class PostgresAdapter {
    constructor(kind) {
      this.kind = kind;
    }

    async upsert(id, payload, expiresIn) {
      const { grantId = null, uid = null, userCode = null } = payload;
      await run('upsert', UPSERT, [this.kind, id, payload, grantId, uid, userCode, expiresIn ?? null]);
    }

    find(id) { return one('find', FIND, [this.kind, id]); }

    findByUid(uid) { return one('find_by_uid', FIND_BY_UID, [this.kind, uid]); }

    findByUserCode(code) { return one('find_by_user_code', FIND_BY_USER_CODE, [this.kind, code]); }

    async consume(id) { await run('consume', CONSUME, [this.kind, id]); }

    async destroy(id) { await run('destroy', DESTROY, [this.kind, id]); }

    async revokeByGrantId(grantId) { await run('revoke_by_grant', REVOKE_BY_GRANT, [grantId]); }
  };
}

/** A pool of 20: with node at work on one core, 10 to 32 connections measured alike, and 20 best at commits. */
export function poolOn(connectionString) {
  return new pg.Pool({ connectionString, max: 20 });
}
