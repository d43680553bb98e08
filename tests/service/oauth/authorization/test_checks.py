"""What the checks let through and what they refuse, each on its own: no service, no database, no clock."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from domain.grant_types import REFRESH_TOKEN
from service.oauth.authorization import checks
from service.oauth.authorization.asking import Unanswerable
from service.oauth.authorization.request import written
from service.oauth.errors import OAuthError
from service.oauth.id_token_hint import Hint
from tests.service.oauth.authorization.given import CALLBACK, CHALLENGE, NATIVE, NOW, PUBLIC, WEB, asking, judged


def refused(*arguments, **changed) -> str:
    with pytest.raises(OAuthError) as raised:
        judged(*arguments, **changed)
    assert not isinstance(raised.value, Unanswerable), "it is for the client to know"
    return raised.value.error


def test_a_good_request_goes_on_as_it_was_meant():
    asked = judged(
        scope="openid files.read",
        nonce="n-1",
        code_challenge=CHALLENGE,
        code_challenge_method="S256",
        prompt="login consent",
        max_age="600",
        login_hint="ada@example.com",
        ui_locales="zh-CN en",
        account="0198C5B8-7f5a-7000-8000-000000000000",
        response_mode="form_post",
    )
    assert (asked.client_id, asked.redirect_uri, asked.redirect_uri_given) == ("shop", CALLBACK, True)
    assert (asked.scope, asked.audience) == (("openid", "files.read"), "https://files.test")
    assert (asked.state, asked.nonce, asked.code_challenge) == ("xyz", "n-1", CHALLENGE)
    assert (asked.prompt, asked.max_age) == ({"login", "consent"}, 600)
    assert (asked.login_hint, asked.ui_locales) == ("ada@example.com", "zh-CN en")
    assert asked.account == UUID("0198c5b8-7f5a-7000-8000-000000000000")
    assert (asked.response_mode, asked.asked_at, asked.subject) == ("form_post", NOW, None)


def test_what_is_left_out_has_no_value():
    asked = judged(scope=None, state=None)
    assert asked.scope == ("openid", "profile", "email", "files.read")
    assert (asked.state, asked.nonce, asked.code_challenge, asked.max_age, asked.account) == (None,) * 5
    assert (asked.prompt, asked.response_mode) == (frozenset(), "query")


def test_what_nobody_knows_is_ignored():
    assert judged(claims="{}", display="popup", x="y") == judged()


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        (None, "invalid_request"),
        ("token", "unsupported_response_type"),
        ("id_token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("code id_token", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
        (" code", "unsupported_response_type"),
    ],
)
def test_a_code_is_all_that_can_be_had(response_type, error):
    assert refused(response_type=response_type) == error


@pytest.mark.parametrize("mode", ["fragment", "jwt", "query.jwt", "web_message", "QUERY", "query form_post"])
def test_an_answer_goes_by_query_or_by_form(mode):
    assert refused(response_mode=mode) == "invalid_request"


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "http://[::1]:4000/cb"])
def test_a_form_goes_to_web_addresses_alone_whose_page_can_be_held_to_them(uri):
    client = replace(NATIVE, redirect_uris=(uri,))
    proof = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert judged(client, redirect_uri=uri, **proof).response_mode == "query"
    assert refused(client, redirect_uri=uri, response_mode="form_post", **proof) == "invalid_request"


@pytest.mark.parametrize(
    ("parameter", "error"),
    [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ],
)
def test_what_is_not_supported_says_so(parameter, error):
    assert refused(**{parameter: "https://evil.example/request"}) == error


@pytest.mark.parametrize("name", ["state", "scope", "nonce", "code_challenge", "response_type", "prompt", "unheard_of"])
def test_a_parameter_stands_once(name):
    assert refused(repeated=frozenset({name})) == "invalid_request"


def test_a_token_is_for_one_resource():
    assert refused(repeated=frozenset({"resource"})) == "invalid_target"
    assert refused(repeated=frozenset({"resource", "state"})) == "invalid_request"


def test_a_client_without_the_grant_gets_no_code():
    assert refused(replace(WEB, grant_types=frozenset({REFRESH_TOKEN}))) == "unauthorized_client"


def test_openid_connect_names_its_redirect_uri():
    assert refused(redirect_uri=None) == "invalid_request"
    assert refused(redirect_uri=None, scope="files.read openid") == "invalid_request"
    asked = judged(redirect_uri=None, scope="files.read")
    assert (asked.redirect_uri, asked.redirect_uri_given) == (CALLBACK, False)


@pytest.mark.parametrize("method", ["plain", None, "s256", "S512", "S256 plain"])
@pytest.mark.parametrize("client", [WEB, PUBLIC])
def test_a_challenge_is_of_sha_256_whoever_sends_it(client, method):
    assert refused(client, code_challenge=CHALLENGE, code_challenge_method=method) == "invalid_request"


@pytest.mark.parametrize("challenge", [CHALLENGE[:-1], f"{CHALLENGE}=", f"{CHALLENGE}A", CHALLENGE[:-1] + "+", "a b"])
def test_a_challenge_that_nothing_answers_is_refused(challenge):
    assert refused(code_challenge=challenge, code_challenge_method="S256") == "invalid_request"


def test_a_method_without_a_challenge_is_refused():
    assert refused(code_challenge_method="S256") == "invalid_request"


@pytest.mark.parametrize("client", [PUBLIC, replace(NATIVE, redirect_uris=(CALLBACK,))])
def test_a_public_client_sends_a_challenge(client):
    assert refused(client) == "invalid_request"
    asked = judged(client, code_challenge=CHALLENGE, code_challenge_method="S256")
    assert asked.code_challenge == CHALLENGE


@pytest.mark.parametrize(
    "prompt", ["none login", "none consent", "select_account none", "create", "Login", "none,login"]
)
def test_prompts_that_cannot_be_are_refused(prompt):
    assert refused(prompt=prompt) == "invalid_request"


@pytest.mark.parametrize("prompt", ["none", "login", "consent login", " login  select_account "])
def test_prompts_that_can_be_are_kept(prompt):
    assert judged(prompt=prompt).prompt == set(prompt.split())


@pytest.mark.parametrize("max_age", ["-1", "+1", "1.5", "ten", "1e3", " 1", "0x10", "٣", "1" * 11])
def test_an_age_is_a_number_of_seconds(max_age):
    assert refused(max_age=max_age) == "invalid_request"


@pytest.mark.parametrize(("max_age", "seconds"), [("0", 0), ("007", 7), ("9999999999", 9_999_999_999)])
def test_every_number_of_seconds_is_an_age(max_age, seconds):
    assert judged(max_age=max_age).max_age == seconds


@pytest.mark.parametrize("state", ["ä", "a\nb", "\x7f", "a" * 4097, " " * 2 + "%" * 1366])
def test_a_state_that_cannot_go_back_is_refused_and_does_not(state):
    examined = asking(state=state)
    checks.judge_address(examined)
    with pytest.raises(OAuthError) as raised:
        checks.judge(examined)
    assert raised.value.error == "invalid_request"
    assert examined.state is None


@pytest.mark.parametrize("state", ["a", "~!@ #$%&=+?;,\"'\\", "x" * 3000])
def test_any_other_state_goes_back_as_it_came(state):
    assert judged(state=state).state == state


@pytest.mark.parametrize("nonce", ["ä", "\t", "n" * 513])
def test_a_nonce_is_visible_and_short(nonce):
    assert refused(nonce=nonce) == "invalid_request"
    assert judged(nonce="n" * 512).nonce == "n" * 512


@pytest.mark.parametrize("hint", ["x" * 321, "a\u202eb", "a\nb"])
def test_a_login_hint_can_be_shown(hint):
    assert refused(login_hint=hint) == "invalid_request"
    assert judged(login_hint="Łukasz 張").login_hint == "Łukasz 張"


@pytest.mark.parametrize("locales", ["<b>", "en,zh", "x" * 40, "en  zh"])
def test_locales_that_are_none_are_left_aside(locales):
    assert judged(ui_locales=locales).ui_locales is None


@pytest.mark.parametrize("account", ["x", "0198c5b87f5a70008000000000000000", "{0198c5b8-7f5a-7000-8000-000000000000}"])
def test_an_account_is_named_by_its_id(account):
    assert refused(account=account) == "invalid_request"


def test_an_audience_is_one_that_the_client_may_name():
    assert judged(resource="https://files.test").audience == "https://files.test"
    assert judged(audience="https://muniment.test").audience == "https://muniment.test"
    assert refused(resource="https://evil.example") == "invalid_target"
    assert refused(resource="https://files.test", audience="https://mail.test") == "invalid_request"


def test_no_permission_of_management_is_ever_asked_of_a_person():
    assert judged(scope="read_user openid").scope == ("openid",)
    assert refused(scope="read_user all root") == "invalid_scope"
    assert refused(scope=" ") == "invalid_scope"


def test_a_request_that_would_not_fit_into_an_address_is_refused():
    wide = replace(WEB, permissions=frozenset(f"{n:03}-{'x' * 100}" for n in range(60)))
    many = " ".join(sorted(wide.permissions))
    assert refused(wide, scope=many) == "invalid_request"
    few = judged(wide, scope=" ".join(sorted(wide.permissions)[:30]))
    assert len(written(few)) <= 4096


def test_an_id_token_of_another_client_or_of_nobody_is_no_hint():
    for hint in (None, Hint("another", UUID(int=7), None)):
        examined = asking(id_token_hint="x")
        examined.hint = hint
        checks.judge_address(examined)
        with pytest.raises(OAuthError):
            checks.judge(examined)
    examined = asking(id_token_hint="x")
    examined.hint = Hint("shop", UUID(int=7), None)
    checks.judge_address(examined)
    assert checks.judge(examined).subject == UUID(int=7)


def test_every_check_is_in_the_list_once():
    names = [check.__name__ for check in (*checks.ADDRESS, *checks.REQUEST)]
    assert len(set(names)) == len(names)
    assert all(check.__doc__ for check in (*checks.ADDRESS, *checks.REQUEST))


def test_the_way_back_is_known_before_anything_can_be_refused():
    """An error found by a later check goes where, how and with the state that were asked for."""
    examined = asking(response_mode="form_post", response_type="token")
    checks.judge_address(examined)
    with pytest.raises(OAuthError):
        checks.judge(examined)
    assert (examined.redirect_uri, examined.response_mode, examined.state) == (CALLBACK, "form_post", "xyz")
