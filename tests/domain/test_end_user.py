"""End users are taken as they come, from where a setting says and from nowhere that has another use."""

from __future__ import annotations

import pytest

from domain import refusals
from domain.end_user import Source, end_user, source


@pytest.mark.parametrize("given", ["7", " ", "e\u0301", "a" * 255, "\U0001f511", "O'Brien; DROP TABLE tokens"])
def test_an_end_user_is_kept_as_given(given: str) -> None:
    assert end_user(given) == given


@pytest.mark.parametrize("given", ["", "a" * 256, "a\x00", "a\nb", "\x7f", "\ud800"])
def test_an_end_user_has_1_to_255_characters_and_none_of_control(given: str) -> None:
    with pytest.raises(refusals.InvalidEndUser) as refused:
        end_user(given)
    assert refused.value.field == "end_user"


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("header:appuserID", "header", "appuserID"),
        ("header:X-App.User_1", "header", "X-App.User_1"),
        ("query:appuserID", "query", "appuserID"),
        ("form:app.user-id", "form", "app.user-id"),
        ("form:" + "a" * 64, "form", "a" * 64),
        ("user", "user", ""),
    ],
)
def test_a_setting_says_where_end_users_are_named(text: str, place: str, name: str) -> None:
    assert source(text) == Source(place, name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "", "header", "header:", "query:", "form:", "user:", "user:id", "cookie:id", "Header:appuserID",
        " header:appuserID", "header:app user", "header:app:user", "header:é", "query:a&b", "form:a=b", "form:a b",
        "form:" + "a" * 65, "header:" + "a" * 65, "query:a\n",
    ],
)  # fmt: skip
def test_what_says_no_place_is_refused(text: str) -> None:
    with pytest.raises(refusals.InvalidEndUserSource) as refused:
        source(text)
    assert refused.value.field == "end_user_from"


@pytest.mark.parametrize("place", ["query", "form"])
@pytest.mark.parametrize(
    "name",
    ["client_id", "client_secret", "grant_type", "code", "code_verifier", "password", "username", "refresh_token",
     "scope", "resource", "audience", "client_assertion", "subject_token", "Client_Secret"],
)  # fmt: skip
def test_a_parameter_that_says_something_else_names_no_end_user(place: str, name: str) -> None:
    with pytest.raises(refusals.InvalidEndUserSource):
        source(f"{place}:{name}")


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "Proxy-Authorization", "X-Authorization-access_token", "DPoP", "Idempotency-Key",
     "Host", "Content-Type", "X-Forwarded-For", "Sec-Fetch-Site", "Accept-Language"],
)  # fmt: skip
def test_a_header_that_says_something_else_names_no_end_user(name: str) -> None:
    with pytest.raises(refusals.InvalidEndUserSource):
        source(f"header:{name}")


def test_a_header_may_be_called_as_a_parameter_is() -> None:
    assert source("header:username") == Source("header", "username")
