"""What decides whether a token is honoured, in SQL: revocation epochs, and all that it was issued for.

In these texts `t` is a token, for a refresh token the first of its family, and HOLDERS joins what every token has. What
only some have is looked for in sub-queries that run where it is there: a machine's tokens, the most by far, are not
made to wait for what only people's need. A sub-query that returns a value is never hashed, which would read a whole
table, and NULL, where what it looks for is gone, is not true.
"""

from __future__ import annotations

# A token issued at or before an epoch's position is dead. Access and refresh tokens have epochs of their own. What
# names neither user nor end user, a machine's, has one key to be looked for.
EPOCH = """(CASE WHEN t.user_id IS NULL AND t.end_user IS NULL
           THEN coalesce((SELECT e.position FROM revocation_epochs e
                           WHERE e.key = '{kind}:application:' || t.application), 0)
           ELSE coalesce((SELECT max(e.position) FROM revocation_epochs e
                           WHERE e.key = ANY (ARRAY['{kind}:application:' || t.application,
                                 '{kind}:user:' || t.user_id,
                                 '{kind}:user:' || t.actor,
                                 '{kind}:application:' || t.application || ':user:' || t.user_id,
                                 '{kind}:end-user:' || t.organization || ':' || t.end_user,
                                 '{kind}:application:' || t.application || ':end-user:' || t.end_user,
                                 '{kind}:user:' || t.user_id || ':end-user:' || t.organization || ':' || t.end_user,
                                 '{kind}:application:' || t.application || ':user:' || t.user_id
                                     || ':end-user:' || t.end_user])), 0) END)"""
ACCESS_EPOCH, REFRESH_EPOCH = EPOCH.format(kind="access"), EPOCH.format(kind="refresh")

HOLDERS = """
  LEFT JOIN applications a ON a.id = t.application
  LEFT JOIN accounts o ON o.id = t.organization"""
OFFLINE = "'offline_access' = ANY (string_to_array(t.scope, ' '))"
# All but the application; a session only unless access was meant to outlive it.
IN_FORCE = f"""o.status = 'active'
       AND (t.user_id IS NULL OR (SELECT u.status FROM users u WHERE u.id = t.user_id) = 'active')
       AND (t.account IS NULL OR (SELECT c.status FROM accounts c WHERE c.id = t.account) = 'active')
       AND (t.membership IS NULL OR (SELECT true FROM memberships m WHERE m.id = t.membership))
       AND (t.session IS NULL OR {OFFLINE}
            OR (SELECT s.expires_at FROM sessions s WHERE s.id = t.session) > {{now}})
       AND (t.personal_access_token IS NULL
            OR (SELECT true FROM personal_access_tokens p WHERE p.id = t.personal_access_token))"""  # noqa: S608 - made of this file's own texts
# Whoever acts as somebody else must still be there, and where it takes a role for that, hold one of these.
ACTOR = "\n  LEFT JOIN users x ON x.id = t.actor"
ACTS = """(t.actor IS NULL OR x.status = 'active')
       AND (t.grant_type <> 'impersonation'
            OR EXISTS (SELECT FROM user_roles h JOIN roles q ON q.id = h.role
                        WHERE h.user_id = t.actor AND q.name = ANY ({roles}::text[])))"""
