"""A provider is a stranger: whatever it answers, however slowly, becomes a person or one of a few refusals."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from domain.refusals import ConnectorFailed, ProviderAnswerInvalid, SocialCodeInvalid, SocialDenied
from service.connectors import github
from tests.receiver import Answer, receiver
from tests.service.connectors.hosting import github as configured
from tests.service.connectors.hosting import outbound, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.receiver import Receiver

CONNECTOR = UUID(int=7)
DATA = {"code": "c0de", "state": "s1", "redirectUri": "https://shop.example/cb"}
TOKEN = told(access_token="at", token_type="bearer")
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture
async def host() -> AsyncIterator[Receiver]:
    async with receiver() as opened:
        yield opened


async def redeemed(host: Receiver, data: dict[str, Any] | None = None, **config: Any) -> github.Provided:
    async with outbound((host.host, host.port)) as calls:
        return await github.redeemed(calls, configured(host, **config), CONNECTOR, DATA if data is None else data)


async def test_a_code_becomes_who_it_was(host: Receiver) -> None:
    person = {"id": 583231, "login": "octo", "name": "Octo Cat", "email": "octo@example.com", "bio": None,
              "avatar_url": "https://avatars.example/1"}  # fmt: skip
    host.answers += [TOKEN, told(**person)]
    assert await redeemed(host) == (
        "583231",
        {"id": "583231", "name": "Octo Cat", "email": "octo@example.com", "avatar": "https://avatars.example/1",
         "rawData": person},
    )  # fmt: skip
    assert host.requests == [("POST", "/token"), ("GET", "/user")]
    assert host.forms[0] == {
        "grant_type": "authorization_code", "code": "c0de", "redirect_uri": "https://shop.example/cb",
        "client_id": "id", "client_secret": "s3cr3t%:/",
    }  # fmt: skip
    assert [headers.get("Authorization") for headers in host.headers] == [None, "Bearer at"]
    assert {headers["Accept"] for headers in host.headers} == {"application/json"}


async def test_a_client_may_prove_itself_by_basic(host: Receiver) -> None:
    host.answers += [TOKEN, told(id="a")]
    await redeemed(host, tokenEndpointAuthMethod="client_secret_basic")
    basic = base64.b64decode(host.headers[0]["Authorization"].removeprefix("Basic ")).decode()
    assert basic == "id:s3cr3t%25%3A%2F"
    assert not {"client_id", "client_secret"} & set(host.forms[0])


async def test_members_are_found_where_the_configuration_says(host: Receiver) -> None:
    host.answers += [
        TOKEN,
        told(sub="u-1", id="other", mail="a@example.com", email="b@example.com", tel="49", name="A"),
    ]
    provided = await redeemed(host, profileMap={"id": "sub", "email": "mail", "phone": "tel", "name": None})
    del provided.details["rawData"]
    assert provided == ("u-1", {"id": "u-1", "email": "a@example.com", "phone": "49"})


async def test_a_form_is_understood_as_github_answers_it(host: Receiver) -> None:
    host.answers += [Answer(200, FORM, b"access_token=gho_1&scope=read%3Auser&token_type=bearer"), told(id=1)]
    assert (await redeemed(host)).user_id == "1"
    assert host.headers[1]["Authorization"] == "Bearer gho_1"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ({"error": "access_denied", "state": "s1"}, SocialDenied),
        ({"error": "access_denied", "code": "c0de"}, SocialDenied),
        ({"error": "server_error", "code": "c0de"}, ConnectorFailed),
        ({"error": ["x"]}, ConnectorFailed),
        ({}, ConnectorFailed),
        ({"code": ""}, ConnectorFailed),
        ({"code": 1}, ConnectorFailed),
        ({"code": ["c0de"]}, ConnectorFailed),
        ({"code": "x" * 4097}, ConnectorFailed),
    ],
)
async def test_nobody_is_asked_without_a_code(host: Receiver, data: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await redeemed(host, data)
    assert host.requests == []


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (told(400, error="invalid_grant"), SocialCodeInvalid),
        (told(200, error="bad_verification_code", error_description="wrong"), SocialCodeInvalid),
        (Answer(200, FORM, b"error=bad_verification_code"), SocialCodeInvalid),
        (told(401, error="invalid_client"), ConnectorFailed),
        (told(200, error="redirect_uri_mismatch"), ConnectorFailed),
        (told(200, error={"a": 1}, access_token="at"), ConnectorFailed),
        (told(500), ConnectorFailed),
        (Answer(500, body=b"<html>"), ConnectorFailed),
        (Answer(403), ConnectorFailed),
        (Answer(302, {"Location": "/user"}), ConnectorFailed),
        (told(201, access_token="at", error="oh"), ConnectorFailed),
        (told(200), ProviderAnswerInvalid),
        (told(200, access_token=1), ProviderAnswerInvalid),
        (told(200, access_token=""), ProviderAnswerInvalid),
        (told(200, access_token="a b"), ProviderAnswerInvalid),
        (told(200, access_token="a\r\nX-Evil: 1"), ProviderAnswerInvalid),
        (told(200, access_token="\u00e4"), ProviderAnswerInvalid),
        (told(200, access_token="x" * 8193), ProviderAnswerInvalid),
        (told(200, access_token="at", token_type="mac"), ProviderAnswerInvalid),
        (told(200, access_token="at", token_type=None), ProviderAnswerInvalid),
        (Answer(200, body=b""), ProviderAnswerInvalid),
        (Answer(200, body=b"access_token=at"), ProviderAnswerInvalid),
        (Answer(200, body=b'["at"]'), ProviderAnswerInvalid),
        (Answer(200, body=b'{"access_token": "a", "access_token": "b"}'), ProviderAnswerInvalid),
        (Answer(200, FORM, b"\xff=\xff"), ProviderAnswerInvalid),
        (Answer(200, FORM, b"&".join(b"%d=1" % n for n in range(200))), ProviderAnswerInvalid),
        (Answer(200, body=b"{" + b" " * 40_000 + b"}"), ConnectorFailed),
        (Answer(endless=True), ConnectorFailed),
    ],
)
async def test_whatever_a_token_endpoint_answers_is_a_token_or_a_refusal(
    host: Receiver, answer: Answer, refusal: type[Exception]
) -> None:
    host.answers.append(answer)
    with pytest.raises(refusal):
        await redeemed(host)
    assert [path for _, path in host.requests] == ["/token"]


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (told(401), ConnectorFailed),
        (told(302), ConnectorFailed),
        (Answer(302, {"Location": "/elsewhere"}), ConnectorFailed),
        (Answer(200, body=b"{" + b" " * 40_000 + b"}"), ConnectorFailed),
        (Answer(endless=True), ConnectorFailed),
        (Answer(200, body=b"<html>"), ProviderAnswerInvalid),
        (Answer(200, body=b"[]"), ProviderAnswerInvalid),
        (Answer(200, body=b'{"id": "a", "name": "\\u0000"}'), ProviderAnswerInvalid),
        (Answer(200, body=b'{"id": "a", "name": "\\ud800"}'), ProviderAnswerInvalid),
        (Answer(200, body=b'{"id": "a", "id": "b"}'), ProviderAnswerInvalid),
        (Answer(200, body=b'{"id": 1, "a": ' + b"[" * 40 + b"]" * 40 + b"}"), ProviderAnswerInvalid),
        (Answer(200, body=b'{"id": NaN}'), ProviderAnswerInvalid),
        (told(), ProviderAnswerInvalid),
        (told(id=None), ProviderAnswerInvalid),
        (told(id=True), ProviderAnswerInvalid),
        (told(id=1.5), ProviderAnswerInvalid),
        (told(id=""), ProviderAnswerInvalid),
        (told(id=["a"]), ProviderAnswerInvalid),
        (told(id="x" * 257), ProviderAnswerInvalid),
        (told(id="a\n"), ProviderAnswerInvalid),
    ],
)
async def test_whatever_is_told_of_a_user_is_one_or_a_refusal(
    host: Receiver, answer: Answer, refusal: type[Exception]
) -> None:
    host.answers += [TOKEN, answer]
    with pytest.raises(refusal):
        await redeemed(host)
    assert [path for _, path in host.requests] == ["/token", "/user"]


@pytest.mark.parametrize("value", [1, ["a"], {"a": 1}, "", "a\x07b", "x" * 2049])
async def test_of_a_user_only_plain_words_are_details(host: Receiver, value: object) -> None:
    host.answers += [TOKEN, told(id="a", name=value, email=value, avatar_url=value)]
    provided = await redeemed(host)
    assert provided.details.keys() == {"id", "rawData"}


@pytest.mark.parametrize("address", ["http://a.example/", "javascript:alert(1)", "data:image/png;base64,AA", "/a.png"])
async def test_a_picture_is_an_https_address(host: Receiver, address: str) -> None:
    host.answers += [TOKEN, told(id="a", avatar_url=address)]
    assert "avatar" not in (await redeemed(host)).details


async def test_a_provider_that_does_not_answer_holds_nobody_up_for_long(
    host: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "SECONDS", 0.2)
    for answers in ([Answer(pause=30)], [TOKEN, Answer(pause=30)]):
        host.answers.extend(answers)
        began = time.monotonic()
        with pytest.raises(ConnectorFailed):
            await redeemed(host)
        assert time.monotonic() - began < 2


async def test_no_private_address_is_called_and_the_refusal_is_that_of_any_failure(host: Receiver) -> None:
    sentences, details = set(), set()
    config = configured(host)
    async with outbound() as calls:
        for endpoint in (config.token_endpoint, "http://169.254.169.254/latest", "https://localhost:1/"):
            with pytest.raises(ConnectorFailed) as refused:
                await github.redeemed(calls, config.model_copy(update={"token_endpoint": endpoint}), CONNECTOR, DATA)
            sentences.add(refused.value.sentence)
            details.add(refused.value.detail)
    assert (host.requests, len(sentences)) == ([], 1)
    assert details == {"token: may not be called"}, "not what a name leads to inside"


async def test_a_private_user_info_endpoint_is_not_called_with_the_token(host: Receiver) -> None:
    host.answers.append(TOKEN)
    async with receiver() as inner, outbound((host.host, host.port)) as calls:
        config = configured(host).model_copy(update={"user_info_endpoint": inner.url})
        with pytest.raises(ConnectorFailed):
            await github.redeemed(calls, config, CONNECTOR, DATA)
        assert inner.requests == []


async def test_a_redirect_leads_neither_the_code_nor_the_token_elsewhere(host: Receiver) -> None:
    async with receiver() as other:
        for answers in ([Answer(307, {"Location": other.url})], [TOKEN, Answer(307, {"Location": other.url})]):
            host.answers.extend(answers)
            async with outbound((host.host, host.port), (other.host, other.port)) as calls:
                with pytest.raises(ConnectorFailed):
                    await github.redeemed(calls, configured(host), CONNECTOR, DATA)
        assert other.requests == []


@pytest.mark.parametrize(
    "told_issuer", [None, "https://evil.example", "https://provider.example/", ["https://provider.example"]]
)
async def test_the_answer_of_another_issuer_is_not_told_to_this_one(host: Receiver, told_issuer: object) -> None:
    data = DATA if told_issuer is None else {**DATA, "iss": told_issuer}
    with pytest.raises(SocialCodeInvalid):
        await redeemed(host, data, issuer="https://provider.example")
    assert host.requests == []
    host.answers += [TOKEN, told(id="a")]
    right = {**DATA, "iss": "https://provider.example"}
    assert (await redeemed(host, right, issuer="https://provider.example")).user_id == "a"


def asked(config: github.GitHubConfig, state: str = "s1", connector: UUID = CONNECTOR) -> dict[str, str]:
    uri = github.authorization_uri(config, connector, state=state, redirect_uri=DATA["redirectUri"])
    return {name: value for name, [value] in parse_qs(urlsplit(uri).query, strict_parsing=True).items()}


async def test_an_authorization_uri_carries_what_it_was_given_letter_by_letter(host: Receiver) -> None:
    state = "a b+c&state=x#\u00e4%20\U0001f511"
    config = configured(host, authorizationEndpoint="https://a.example/authorize?tenant=1&x=%26")
    uri = github.authorization_uri(config, CONNECTOR, state=state, redirect_uri=DATA["redirectUri"])
    assert uri.startswith("https://a.example/authorize?tenant=1&x=%26&")
    assert uri.isascii()
    assert asked(config, state) == {
        "tenant": "1", "x": "&", "response_type": "code", "client_id": "id", "scope": "read:user", "state": state,
        "redirect_uri": DATA["redirectUri"],
    }  # fmt: skip
    assert "scope" not in asked(configured(host, scope=""))


async def test_with_pkce_a_code_is_good_with_its_own_state_alone(host: Receiver) -> None:
    config = configured(host, pkce=True)
    challenges = {
        json.dumps(asked(*arguments)["code_challenge"])
        for arguments in (
            (config, "s1"), (config, "s2"), (config, "s1", UUID(int=8)),
            (configured(host, pkce=True, clientSecret="other"), "s1"),
        )
    }  # fmt: skip
    assert len(challenges) == 4
    assert asked(config) == asked(config)
    host.answers += [TOKEN, told(id="a")]
    await redeemed(host, pkce=True)
    verifier = host.forms[0]["code_verifier"]
    assert 43 <= len(verifier) <= 128
    digest = github.hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked(config)["code_challenge"]
    assert asked(config)["code_challenge_method"] == "S256"
    for missing in ("state", "redirectUri"):
        with pytest.raises(SocialCodeInvalid):
            await redeemed(host, {name: value for name, value in DATA.items() if name != missing}, pkce=True)
    assert len(host.requests) == 2
