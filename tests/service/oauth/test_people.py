"""Which audience and scope a person's token may have: nothing that was not asked for, held and meant for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.grant_types import TOKEN_EXCHANGE
from domain.permissions import PERMISSIONS, PERSONAL_SCOPES, allows
from service.oauth.access_tokens import acting
from service.oauth.clients import GrantInForce
from service.oauth.errors import OAuthError
from service.oauth.issuing import MAX_SCOPES
from service.oauth.people import audience_for_people, require_resource, scope_for_people
from tests.service.oauth.authorization.given import ISSUER, NOW, PUBLIC, WEB

SOME = st.frozensets(st.sampled_from(PERMISSIONS))
FILES, OTHER = "https://files.test", "https://other.test"


def scope(asked: str | None, audience: str = FILES, **changed: object) -> tuple[str, ...]:
    return scope_for_people(replace(WEB, **changed), audience, asked, NOW, ISSUER)  # type: ignore[arg-type]


def refused(asked: str | None, audience: str = FILES, **changed: object) -> str:
    with pytest.raises(OAuthError) as caught:
        scope(asked, audience, **changed)
    return caught.value.error


def test_what_is_asked_for_and_held_is_granted_in_the_order_asked() -> None:
    assert scope("files.read openid") == ("files.read", "openid")
    assert scope("openid  files.read openid files.delete") == ("openid", "files.read")


def test_without_a_scope_it_is_all_there_is_but_offline_access() -> None:
    assert scope(None) == ("openid", "profile", "email", "files.read")


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_without_roles_no_permission_of_the_management_interface_is_granted(permission: str) -> None:
    everything = frozenset(PERMISSIONS)
    assert scope(f"openid {permission}", permissions=everything) == ("openid",)
    assert scope(None, permissions=everything) == PERSONAL_SCOPES[:3]
    assert refused(permission, permissions=everything) == "invalid_scope"


@given(held=SOME, roles=SOME, asked=SOME)
def test_a_permission_is_granted_that_client_and_roles_hold_both(
    held: frozenset[str], roles: frozenset[str], asked: frozenset[str]
) -> None:
    client = replace(WEB, permissions=held)
    wanted = " ".join(["openid", *asked])
    had = set(scope_for_people(client, FILES, wanted, NOW, ISSUER, roles=roles)) - {"openid"}
    assert had == {name for name in asked if name != "root" and allows(held, name) and allows(roles, name)}


def test_without_a_scope_no_permission_is_granted_whatever_is_held() -> None:
    client = replace(WEB, permissions=frozenset(PERMISSIONS))
    assert scope_for_people(client, FILES, None, NOW, ISSUER, roles=PERMISSIONS) == PERSONAL_SCOPES[:3]


def test_a_public_client_is_granted_no_permission() -> None:
    client = replace(PUBLIC, permissions=frozenset(PERMISSIONS))
    assert scope_for_people(client, FILES, "openid read_user all", NOW, ISSUER, roles=PERMISSIONS) == ("openid",)


def test_permissions_come_in_the_order_asked() -> None:
    client = replace(WEB, permissions=frozenset({"all", "files.read"}))
    wanted = "write_user files.read read_user openid write_user"
    had = scope_for_people(client, FILES, wanted, NOW, ISSUER, roles={"read_user", "write_user"})
    assert had == ("write_user", "files.read", "read_user", "openid")


def test_offline_access_is_for_clients_that_may_refresh() -> None:
    assert scope("openid offline_access") == ("openid", "offline_access")
    assert scope("openid offline_access", grant_types=frozenset()) == ("openid",)
    held = frozenset({"offline_access"})
    assert refused("offline_access", grant_types=frozenset(), permissions=held) == "invalid_scope"


@pytest.mark.parametrize("asked", ["", " ", "files.delete", "Openid", "openid\tprofile"])
def test_where_nothing_remains_it_is_an_error(asked: str) -> None:
    assert refused(asked) == "invalid_scope"


def test_so_many_scopes_are_asked_for_and_no_more() -> None:
    many = " ".join(map(str, range(MAX_SCOPES - 1)))
    assert scope(f"openid {many}") == ("openid",)
    assert refused(f"openid {many} one-more") == "invalid_scope"


def test_an_audience_is_held_or_it_is_ours_or_the_clients_own() -> None:
    assert scope("openid files.read", ISSUER) == scope("openid files.read", WEB.client_id) == ("openid",)
    assert refused("openid", OTHER) == "invalid_target"
    assert refused("openid", FILES + "/") == "invalid_target"


def test_an_approved_grant_counts_until_it_expires() -> None:
    until = GrantInForce(OTHER, frozenset({"read"}), NOW + timedelta(microseconds=1))
    assert scope("read files.read", OTHER, grants=(until,)) == ("read",)
    assert refused("read", OTHER, grants=(replace(until, expires_at=NOW),)) == "invalid_target"


def test_an_audience_is_named_once_or_is_the_only_one() -> None:
    assert audience_for_people(WEB, {"resource": OTHER}, ISSUER) == OTHER
    assert audience_for_people(WEB, {"audience": OTHER, "resource": OTHER}, ISSUER) == OTHER
    assert audience_for_people(WEB, {}, ISSUER) == FILES
    for audiences in (frozenset(), frozenset({FILES, OTHER})):
        assert audience_for_people(replace(WEB, audiences=audiences), {}, ISSUER) == ISSUER
    with pytest.raises(OAuthError) as caught:
        audience_for_people(WEB, {"audience": OTHER, "resource": FILES}, ISSUER)
    assert caught.value.error == "invalid_request"


def test_another_resource_than_the_granted_one_is_refused() -> None:
    require_resource({}, FILES)
    require_resource({"resource": FILES, "audience": FILES}, FILES)
    for name in ("resource", "audience"):
        with pytest.raises(OAuthError) as caught:
            require_resource({name: OTHER}, FILES)
        assert caught.value.error == "invalid_target"


def test_who_acts_is_named_only_where_it_is_not_the_user() -> None:
    assert acting(None, "authorization_code", "shop") is None
    assert acting(None, TOKEN_EXCHANGE, "shop") == {"sub": "shop"}
    assert acting(WEB.id, TOKEN_EXCHANGE, "shop") == acting(WEB.id, "impersonation", "shop") == {"sub": str(WEB.id)}
