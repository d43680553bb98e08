"""What decides whether a token is honoured, in SQL: revocation epochs, and all that it was issued for.

In these texts `t` is a token, for a refresh token the first of its family, and HOLDERS joins what they ask about.
"""

from __future__ import annotations

# A token issued at or before an epoch's position is dead. Access and refresh tokens have epochs of their own. What
# names neither user nor end user, a machine's, has one key to be looked for.
EPOCH = """coalesce((
           SELECT max(e.position) FROM revocation_epochs e
            WHERE e.key = ANY (CASE WHEN t.user_id IS NULL AND t.end_user IS NULL
                  THEN ARRAY['{kind}:application:' || t.application]
                  ELSE ARRAY['{kind}:application:' || t.application,
                             '{kind}:user:' || t.user_id,
                             '{kind}:user:' || t.actor,
                             '{kind}:application:' || t.application || ':user:' || t.user_id,
                             '{kind}:end-user:' || t.organization || ':' || t.end_user,
                             '{kind}:application:' || t.application || ':end-user:' || t.end_user,
                             '{kind}:user:' || t.user_id || ':end-user:' || t.organization || ':' || t.end_user,
                             '{kind}:application:' || t.application || ':user:' || t.user_id
                                 || ':end-user:' || t.end_user] END)), 0)"""
ACCESS_EPOCH, REFRESH_EPOCH = EPOCH.format(kind="access"), EPOCH.format(kind="refresh")

HOLDERS = """
  LEFT JOIN applications a ON a.id = t.application
  LEFT JOIN accounts o ON o.id = t.organization
  LEFT JOIN accounts c ON c.id = t.account
  LEFT JOIN users u ON u.id = t.user_id
  LEFT JOIN memberships m ON m.id = t.membership
  LEFT JOIN sessions s ON s.id = t.session"""
OFFLINE = "'offline_access' = ANY (string_to_array(t.scope, ' '))"
# All but the application; a session only unless access was meant to outlive it.
IN_FORCE = f"""o.status = 'active'
       AND (t.user_id IS NULL OR u.status = 'active')
       AND (t.account IS NULL OR c.status = 'active')
       AND (t.membership IS NULL OR m.id IS NOT NULL)
       AND (t.session IS NULL OR s.expires_at > {{now}} OR {OFFLINE})"""
# Whoever acts as somebody else must still be there, and where it takes a role for that, hold one of these.
ACTOR = "\n  LEFT JOIN users x ON x.id = t.actor"
ACTS = """(t.actor IS NULL OR x.status = 'active')
       AND (t.grant_type <> 'impersonation'
            OR EXISTS (SELECT FROM user_roles h JOIN roles q ON q.id = h.role
                        WHERE h.user_id = t.actor AND q.name = ANY ({roles}::text[])))"""
