"""Authlib's own clients, unchanged, against the service as it listens: they set themselves up by what it publishes.

Whoever brings a client library brings code that knows nothing of this service. `Site` is what Authlib's integrations
for web frameworks consist of, without a framework.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp.test_utils import unused_port
from authlib.integrations.base_client import BaseApp, FrameworkIntegration, OAuthError
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from tests.app_fixture import AUDIENCE, SETTINGS, Running, running
from tests.postgres_fixture import copied
from tests.service.oauth.asking import INTROSPECT, REVOKE, TOKEN, back_end
from tests.service.oauth.key_pairs import pair
from tests.service.pages.people import CALLBACK, a_firm, sign_in
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.service.oauth.key_pairs import Pair
    from tests.service.pages.people import Firm, Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPE = "openid profile email offline_access"
BACK = "https://crm.example.com/bye"
KINDS: dict[str, dict[str, Any]] = {
    "none": {"kind": "spa"},
    "client_secret_basic": {"kind": "web", "secrets": [{"name": "first"}]},
    "client_secret_post": {"kind": "web", "secrets": [{"name": "first"}]},
    "private_key_jwt": {"kind": "web"},
}


class Site(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc] # the library has no types
    """A web site that signs people in by Authlib."""

    client_cls = AsyncOAuth2Client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service under the address it listens at, which a library finds it by."""
    port = unused_port()
    settings = replace(SETTINGS, issuer=f"http://127.0.0.1:{port}")
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, settings, port=port) as service:
            yield service


def issuer(app: Running) -> str:
    return app.parts.settings.issuer


def proving(app: Running, method: str) -> dict[str, Any]:
    """Return how Authlib is told of a method."""
    proof: Any = PrivateKeyJWT(issuer(app) + TOKEN, alg="ES256") if method == "private_key_jwt" else method
    return {"token_endpoint_auth_method": proof, "revocation_endpoint_auth_method": proof}


def a_site(firm: Firm, method: str, key: Pair | None = None, **more: Any) -> Site:
    """Return a site of a firm's application that proves itself by this method."""
    secrets = firm.application["secrets"]
    return Site(
        FrameworkIntegration("muniment"),
        client_id=firm.client_id,
        client_secret=secrets[0]["secret"] if secrets else key and key.of_joserfc,
        server_metadata_url=f"{issuer(firm.app)}/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", **proving(firm.app, method)},
        **more,
    )


async def led_back(site: Site, visitor: Visitor, person: Person, decision: str = "allow") -> tuple[Any, dict[str, str]]:
    """Send a person with a new browser through our pages; return what the site remembers and what it is told."""
    asked = await site.create_authorization_url(CALLBACK)
    login = await visitor.open((await visitor.open(asked["url"].removeprefix(visitor.issuer))).next)
    page = await visitor.open((await sign_in(visitor, login, person)).next)
    given = (await visitor.submit(page.form, decision=decision)).given
    assert (given["state"], given["iss"]) == (asked["state"], visitor.issuer)
    return asked, given


async def signed_in(site: Site, visitor: Visitor, person: Person) -> Any:
    """Return the tokens of a person who signed in and consented, and who they are to the site."""
    asked, given = await led_back(site, visitor, person)
    token = await site.fetch_access_token(CALLBACK, code=given["code"], code_verifier=asked["code_verifier"])
    return token, await site.parse_id_token(token, nonce=asked["nonce"])


@pytest.mark.parametrize("method", KINDS)
async def test_people_sign_in_at_a_site_and_stay(app: Running, method: str) -> None:
    key = pair("ES256") if method == "private_key_jwt" else None
    settings = {**KINDS[method], **({} if key is None else {"key_set": {"keys": [key.public]}})}
    firm = await a_firm(app, f"Firm of {uuid4().hex}", **settings)
    site, ada = a_site(firm, method, key), await firm.person()
    token, identity = await signed_in(site, Visitor(app), ada)
    assert (identity["sub"], identity["aud"], identity["iss"]) == (ada.id, firm.client_id, issuer(app))
    assert token["scope"] == SCOPE
    known = await site.userinfo(token=token)
    assert (known["sub"], known["name"], known["email"]) == (ada.id, "Ada Lovelace", ada.email)
    async with site._get_oauth_client(**await site.load_server_metadata()) as client:
        client.token = token
        renewed = await client.refresh_token()
        assert renewed["access_token"] != token["access_token"]
        assert renewed["refresh_token"] != token["refresh_token"]
        assert (await site.userinfo(token=renewed))["sub"] == ada.id
        answer = await client.revoke_token(issuer(app) + REVOKE, token=renewed["refresh_token"])
        assert answer.status_code == 200
        assert (await client.get(issuer(app) + "/oauth2/userinfo")).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.refresh_token()


async def test_a_client_renews_by_itself_what_has_expired(app: Running) -> None:
    firm = await a_firm(app, f"Firm of {uuid4().hex}")
    kept: list[Any] = []

    async def keep(token: Any, **_: Any) -> None:
        kept.append(token)

    site, ada = a_site(firm, "none", update_token=keep), await firm.person()
    token, _ = await signed_in(site, Visitor(app), ada)
    known = await site.userinfo(token={**token, "expires_at": 1})
    assert known["sub"] == ada.id
    [renewed] = kept
    assert renewed["refresh_token"] != token["refresh_token"]


async def test_a_person_who_refuses_is_told_of_as_a_refusal(app: Running) -> None:
    firm = await a_firm(app, f"Firm of {uuid4().hex}")
    _, given = await led_back(a_site(firm, "none"), Visitor(app), await firm.person(), decision="deny")
    assert given["error"] == "access_denied"
    assert "code" not in given


async def test_a_verifier_that_is_not_the_requests_gets_nothing(app: Running) -> None:
    firm = await a_firm(app, f"Firm of {uuid4().hex}")
    site = a_site(firm, "none")
    _, given = await led_back(site, Visitor(app), await firm.person())
    with pytest.raises(OAuthError, match="invalid_grant"):
        await site.fetch_access_token(CALLBACK, code=given["code"], code_verifier="x" * 43)


async def test_a_site_signs_people_out(app: Running) -> None:
    firm = await a_firm(app, f"Firm of {uuid4().hex}", post_logout_redirect_uris=[BACK])
    site, visitor = a_site(firm, "none"), Visitor(app)
    token, _ = await signed_in(site, visitor, await firm.person())
    asked = await site.create_logout_url(BACK, id_token_hint=token["id_token"])
    answer = await visitor.open(asked["url"].removeprefix(issuer(app)))
    assert answer.next == f"{BACK}?state={asked['state']}"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
async def test_a_back_end_has_tokens_of_its_own_asks_about_them_and_ends_them(app: Running, method: str) -> None:
    key = pair("ES256")
    settings = {"key_set": {"keys": [key.public]}} if method == "private_key_jwt" else {}
    back = await back_end(app, **settings)
    secret = key.of_joserfc if settings else back.secret
    async with AsyncOAuth2Client(back.client_id, secret, **proving(app, method)) as client:
        token = await client.fetch_token(issuer(app) + TOKEN, grant_type="client_credentials", audience=AUDIENCE)
        told = (await client.introspect_token(issuer(app) + INTROSPECT, token=token["access_token"])).json()
        assert (told["active"], told["client_id"], told["iss"]) == (True, back.client_id, issuer(app))
        answer = await client.revoke_token(issuer(app) + REVOKE, token=token["access_token"])
        assert answer.status_code == 200
        told = (await client.introspect_token(issuer(app) + INTROSPECT, token=token["access_token"])).json()
        assert told == {"active": False}


async def test_a_wrong_secret_is_told_in_the_words_of_the_standard(app: Running) -> None:
    back = await back_end(app)
    async with AsyncOAuth2Client(back.client_id, "wrong", token_endpoint_auth_method="client_secret_basic") as client:
        with pytest.raises(OAuthError, match="invalid_client"):
            await client.fetch_token(issuer(app) + TOKEN, grant_type="client_credentials", audience=AUDIENCE)
