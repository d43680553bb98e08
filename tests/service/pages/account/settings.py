"""The givens of tests about the pages of an account: somebody who has one of everything, and the form of each path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyotp

from tests.service.doors.account_settings.codes import code_to

if TYPE_CHECKING:
    from tests.service.pages.people import Firm, Person
    from tests.service.pages.visitor import Answer, Form, Visitor

PROFILE, USERNAME, PASSWORD = "/account/profile", "/account/username", "/account/password"
EMAIL, PHONE = "/account/email", "/account/phone"
FACTORS, TOKENS, CONNECTIONS = "/account/factors", "/account/tokens", "/account/connections"
APP, CODES, REMOVE = f"{FACTORS}/app", f"{FACTORS}/codes", f"{FACTORS}/remove"
RENAME, DELETE = f"{TOKENS}/rename", f"{TOKENS}/delete"
START, DISCONNECT = f"{CONNECTIONS}/start", f"{CONNECTIONS}/disconnect"
CONFIRM_EMAIL, CONFIRM_PHONE, REMOVE_PHONE = f"{EMAIL}/confirm", f"{PHONE}/confirm", f"{PHONE}/remove"
LATELY = (USERNAME, EMAIL, PHONE, PASSWORD, FACTORS, APP, TOKENS, CONNECTIONS)
"""The pages that ask for a proof of the last minutes."""
PAGES = (PROFILE, *LATELY)
FORMS = (
    PROFILE, USERNAME, PASSWORD, EMAIL, CONFIRM_EMAIL, PHONE, CONFIRM_PHONE, REMOVE_PHONE, APP, CODES, REMOVE, TOKENS,
    RENAME, DELETE, START, DISCONNECT,
)  # fmt: skip
NEW_PASSWORD = "another horse, another battery"


def home(firm: Firm, outcome: str, path: str = "/account") -> str:
    """Return where an answer leads that says what was done."""
    return f"{path}?organization={firm.organization}&done={outcome}"


def a_number() -> str:
    """Return a number that nobody has, in the form that is kept."""
    return f"4420794{uuid4().int % 100_000:05d}"


async def a_connector(firm: Firm, name: str = "Octopus") -> Any:
    """Set up a connector to a provider that is never called."""
    config = {"clientId": "c", "clientSecret": "s", "authorizationEndpoint": "https://octopus.example/authorize"}
    metadata = {"target": f"t-{uuid4().hex[:8]}", "name": {"en": name}}
    body = {"connectorId": "github-universal", "config": config, "metadata": metadata}
    return await firm.app.made("/api/connectors", body | {"organizationId": firm.organization}, firm.token)


@dataclass
class Settled:
    """Somebody signed in who has one of everything, and one form of each path, filled in."""

    person: Person
    visitor: Visitor
    forms: dict[str, Form]


async def settled(firm: Firm, language: str = "en") -> Settled:
    """Return somebody new who has one of everything."""
    app, person = firm.app, await firm.person(primaryPhone=a_number())
    visitor = await firm.signed_in(person, language=language)
    path = f"/api/users/{person.id}"
    await app.made(f"{path}/mfa-verifications", {"type": "Totp"}, firm.token)
    await app.made(f"{path}/personal-access-tokens", {"name": "backup"}, firm.token)
    connector, other = await a_connector(firm), await a_connector(firm, "Squid")
    reply = await app.call("PUT", f"{path}/identities/{connector['target']}", firm.token, json={"userId": "o1"})
    assert reply.status == 201, reply.text
    forms: dict[str, Form] = {}
    for page in PAGES:
        forms |= {form.action: form for form in (await visitor.open(page)).page.forms}
    address, number = f"{uuid4().hex}@example.com", a_number()
    sent = await visitor.submit(forms[EMAIL], address=address)
    forms[CONFIRM_EMAIL] = sent.page.form(CONFIRM_EMAIL)
    forms[CONFIRM_EMAIL].fields["code"] = code_to(app, address)
    sent = await visitor.submit(forms[PHONE], address=number)
    forms[CONFIRM_PHONE] = sent.page.form(CONFIRM_PHONE)
    forms[CONFIRM_PHONE].fields["code"] = code_to(app, number, "sms")
    for form in forms.values():
        form.fields |= dict(form.buttons)
    forms[START].fields["connector"] = other["id"]
    forms[PROFILE].fields["nickname"] = "Countess"
    forms[USERNAME].fields["username"] = f"u_{uuid4().hex[:12]}"
    forms[PASSWORD].fields |= {"present": person.password, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    forms[EMAIL].fields["address"] = f"{uuid4().hex}@example.com"
    forms[PHONE].fields["address"] = a_number()
    forms[TOKENS].fields["name"] = "new"
    forms[RENAME].fields["new_name"] = "other"
    offered = await visitor.open(APP)
    forms[APP] = offered.page.form(APP)
    forms[APP].fields["code"] = pyotp.TOTP(key_of(offered)).now()
    assert set(forms) == set(FORMS)
    return Settled(person, visitor, forms)


def key_of(page: Answer) -> str:
    """Return the key that a page shows to be typed into an app."""
    shown = page.text.partition('<code class="secret">')[2].partition("</code>")[0]
    return shown.replace(" ", "")


async def shown(firm: Firm, person: Person) -> Any:
    """Return a user's document."""
    reply = await firm.app.call("GET", f"/api/users/{person.id}", firm.token)
    assert reply.status == 200, reply.text
    return reply.json
