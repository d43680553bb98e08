"""What the authorization endpoint reads and answers, for the API document."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from service.http.endpoint import FORM, Reply

PAGE = "text/html"
Required = Annotated[str, pydantic.Field(min_length=1)]


class Asked(pydantic.BaseModel):
    """What an application asks for. `account` is an account of the person's, in whose name they are to act.

    The audience is named as `resource` or as `audience`. Public clients need a code challenge. Empty parameters count
    as left out. With a `request_uri` of the pushed request endpoint nothing but `client_id` goes besides.
    """

    client_id: Required
    response_type: Literal["", "code"] = ""
    redirect_uri: str = ""
    response_mode: Literal["", "query", "form_post"] = ""
    scope: str = ""
    resource: str = ""
    audience: str = ""
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: Literal["", "S256"] = ""
    prompt: str = ""
    max_age: str = ""
    login_hint: str = ""
    id_token_hint: str = ""
    ui_locales: str = ""
    account: str = ""
    request_uri: str = ""


class AskedByForm(Asked):
    """What an application asks for, by a form."""


def _page(told: str, *more: str) -> Reply:
    return Reply(told, str, PAGE, ("Cache-Control", *more))


REPLIES = {
    200: _page("A page with the answer, whose button sends it to the client (`form_post`)."),
    303: Reply(
        "To the page of sign-in or consent, or to the client with its answer: a code, or an error.",
        headers=("Location", "Cache-Control"),
    ),
    400: _page("A page that says what is wrong, where nothing may be sent to the client."),
    403: _page("A page that says that the client waits for approval, was rejected, or that its approval has expired."),
    500: _page("A page that says that something failed."),
    503: _page("A page that says so, while the service is away for a moment.", "Retry-After"),
}
POSTED = {
    **REPLIES,
    408: _page("The form did not arrive in time."),
    413: _page("The form is larger than 64 KiB."),
    415: _page("The body is of another type, or compressed."),
}
READS = (FORM,)
