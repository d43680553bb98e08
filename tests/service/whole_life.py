"""Everything that can be known of a person: what it is, and how it comes to be known here, through doors and pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyotp

from domain.caller import SYSTEM
from domain.token_family import TokenFamily
from projections import token_purge
from service.commands import identities
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.store import retention
from service.store.decision import Origin
from tests.service.access.asked import GATEWAY, METHOD, URI, VERIFY, basic
from tests.service.pages.people import PASSWORD, Person, sign_in
from tests.service.pages.visitor import SESSION, Visitor
from tests.service.store.test_archive import born

if TYPE_CHECKING:
    from email.message import EmailMessage

    import asyncpg

    from tests.service.messages.mail_host import MailHost
    from tests.service.pages.people import Firm

HOUR = timedelta(hours=1)

FORMER = {
    "former username": "sofja_korvin_krukovskaja",
    "former e-mail": "Sofja.Korvin-Krukovskaja@before.example",
    "former phone": "447400987651",
    "e-mail of their own choice": "Sofja.Chosen.By.Herself@account.example",
    "former name": "Sofja Vasiljevna Korvin-Krukovskaja",
    "former social id": "provider-person-11111222221",
    "former social value": "Betrothed to nobody in Petersburg",
    "unlinked social id": "other-provider-person-55577755",
}
KNOWN = {
    "username": "zofie_kovalevskaja",
    "e-mail": "Zofie.Kovalevskaja@now.example",
    "phone": "447400987650",
    "name": "\u017dofie Kovalevskaja-\u0158ezn\u00ed\u010dkov\u00e1",
    "avatar": "https://pictures.example/zofie-kovalevskaja.png",
    "custom key": "favourite_chess_opening",
    "custom value": "Caro-Kann of Palibino",
    "given name": "\u017dofie-Vasilisa",
    "family name": "Kovalevskaja-Vdova",
    "middle name": "Vasiljevnova",
    "nickname": "Sofa the Small",
    "preferred username": "kovalevskaja_prefers",
    "profile page": "https://pages.example/kovalevskaja-profile",
    "website": "https://kovalevskaja-website.example",
    "gender": "genderfluid-kovalevskaja",
    "birthdate": "1850-01-15",
    "zoneinfo": "Europe/Palibino_1850",
    "locale": "sl-Latn-IT",
    "formatted address": "Palibinovo 1850/7, kraj Vitebskij",
    "street": "Zvona\u0159sk\u00e1 n\u00e1b\u0159e\u017e\u00ed 1850/7",
    "locality": "Polibino-nad-Lovatem",
    "region": "Vitebskij kraj severnyj",
    "postal code": "RG-185015-PAL",
    "country": "Kovalevskija",
    "social id": "provider-person-98765432101",
    "social name": "Sonja at the provider",
    "social e-mail": "sonja.kowalewska@provider.example",
    "social raw value": "Member since the salon of 1874",
    "enterprise id": "corp-employee-550077123",
    "enterprise detail": "Docent of mathematics, Stockholm",
    "token name": "Laptop in Sonja's kitchen",
    "former token name": "Telegraph of the general",
}
INVITED = {
    "invited e-mail": "Anjuta.Jaclard@invited.example",
    "invited given name": "Anjuta-Anna",
    "invited family name": "Jaclard-Korvinova",
    "invited locale": "sr-Latn-ME",
}
ASKED = {
    "address that a code went to": "Zofie.In.Future@later.example",
    "phone that a code went to": "447400987652",
    "name of a refused request": "Kovalevskaja refused \u017ee ne",
}
SECRETS = {
    "password": "Caro-Kann 1.e4 c6 2.d4 d5",
    "wrong password": "Sicilian 1.e4 c5 2.Nf3 d6",
}


async def a_person(firm: Firm) -> Person:
    """Make them as they were before."""
    body = {
        "username": FORMER["former username"], "primaryEmail": FORMER["former e-mail"],
        "primaryPhone": FORMER["former phone"], "name": FORMER["former name"], "password": PASSWORD,
    }  # fmt: skip
    headers = {"Idempotency-Key": f"make-{FORMER['former username']}"}
    reply = await firm.app.call("POST", "/api/users", firm.token, json=body, headers=headers)
    assert reply.status == 200, reply.text
    return Person(reply.json["id"], KNOWN["username"], KNOWN["e-mail"], SECRETS["password"])


async def change(firm: Firm, person: Person) -> None:
    """Make them who they are, by every route that changes what is known of somebody."""
    address = {
        "formatted": "formatted address", "streetAddress": "street", "locality": "locality", "region": "region",
        "postalCode": "postal code", "country": "country",
    }  # fmt: skip
    profile = {
        "givenName": "given name", "familyName": "family name", "middleName": "middle name", "nickname": "nickname",
        "preferredUsername": "preferred username", "profile": "profile page", "website": "website", "gender": "gender",
        "birthdate": "birthdate", "zoneinfo": "zoneinfo", "locale": "locale",
    }  # fmt: skip
    body: Any = {
        "username": KNOWN["username"], "primaryEmail": KNOWN["e-mail"], "primaryPhone": KNOWN["phone"],
        "name": KNOWN["name"], "avatar": KNOWN["avatar"],
    }  # fmt: skip
    changes: tuple[tuple[str, Any], ...] = (
        ("", body),
        ("/profile", {"profile": {member: KNOWN[name] for member, name in profile.items()}}),
        ("/profile", {"profile": {"address": {member: KNOWN[name] for member, name in address.items()}}}),
        ("/custom-data", {"customData": {KNOWN["custom key"]: {"played": [KNOWN["custom value"]]}}}),
        ("/password", {"password": SECRETS["password"]}),
    )
    for number, (path, sent) in enumerate(changes):
        headers = {"Idempotency-Key": f"change-{number}-{KNOWN['username']}"}
        reply = await firm.app.call("PATCH", f"/api/users/{person.id}{path}", firm.token, json=sent, headers=headers)
        assert reply.status == 200, reply.text


async def invite(firm: Firm) -> str:
    """Invite somebody who never comes; return their id."""
    body = {
        "email": INVITED["invited e-mail"], "firstName": INVITED["invited given name"],
        "lastName": INVITED["invited family name"], "locale": INVITED["invited locale"],
    }  # fmt: skip
    user = str((await firm.app.made("/api/v1/users/invitations", body, firm.token))["user"]["authId"])
    again = await firm.app.call("POST", f"/api/v1/users/invitations/{user}", firm.token, json={})
    assert again.status == 200, again.text
    return user


async def link(firm: Firm, person: Person) -> None:
    """Say who they are at a provider and at an enterprise."""
    details = {
        "id": KNOWN["social id"], "name": KNOWN["social name"], "email": KNOWN["social e-mail"],
        "rawData": {"bio": KNOWN["social raw value"]},
    }  # fmt: skip
    former = {"userId": FORMER["former social id"], "details": {"bio": FORMER["former social value"]}}
    path = f"/api/users/{person.id}/identities"
    for method, where, body, status in (
        ("PUT", "salon", former, 201),
        ("PUT", "salon", {"userId": KNOWN["social id"], "details": details}, 200),
        ("PUT", "left", {"userId": FORMER["unlinked social id"]}, 201),
        ("DELETE", "left", None, 200),
    ):
        more = {} if body is None else {"json": body}
        reply = await firm.app.call(method, f"{path}/{where}", firm.token, **more)
        assert reply.status == status, reply.text
    store, nobody = firm.app.parts.store, UUID(int=0)
    await identities.record_enterprise(
        store, Origin(nobody, nobody, None, store.clock.new_id()), SYSTEM, user=UUID(person.id), connector="corp",
        issuer="https://corp.example", identity_id=KNOWN["enterprise id"],
        detail={"position": KNOWN["enterprise detail"]},
    )  # fmt: skip


async def issue_token(firm: Firm, person: Person) -> str:
    """Give them a personal access token, and another name to it; return what it is."""
    path = f"/api/users/{person.id}/personal-access-tokens"
    made = await firm.app.made(path, {"name": KNOWN["former token name"]}, firm.token)
    renamed = await firm.app.call(
        "PATCH", path, firm.token, json={"currentName": KNOWN["former token name"], "name": KNOWN["token name"]}
    )
    assert renamed.status == 200, renamed.text
    return str(made["value"])


async def use(firm: Firm, person: Person) -> tuple[Visitor, dict[str, str]]:
    """Sign in, let the application in, and use what it got; return the browser, and what is secret of all that."""
    visitor = await firm.signed_in(person)
    scope = "openid profile email phone address offline_access"
    given = await firm.consented(visitor, scope=scope, login_hint=KNOWN["e-mail"], prompt="consent")
    tokens = await firm.token_of(given["code"])
    shown = await firm.app.call("GET", "/oauth2/userinfo", tokens["access_token"])
    assert shown.status == 200, shown.text
    assert (await visitor.open("/account")).status == 200
    secrets = {name: tokens[name] for name in ("access_token", "refresh_token", "id_token")}
    return visitor, {"session": visitor.cookies[SESSION], "code": given["code"], **secrets}


async def be_called_for(firm: Firm, token: str) -> None:
    """Let a gateway ask about a call that is made for them, which was not granted."""
    app = firm.app
    gateway = await app.application(organization=firm.organization, permissions=["decide"])
    resource = await app.api_resource(firm.organization)
    await app.interface(resource, path="/orders/{id}")
    proof = basic(gateway["client_id"], gateway["secrets"][0]["secret"])
    headers = {GATEWAY: proof, METHOD: "GET", URI: f"/orders/7?email={KNOWN['e-mail']}"}
    reply = await app.call("GET", VERIFY, token, params={"resource": resource["id"]}, headers=headers)
    assert reply.status == 403, reply.text


async def move(firm: Firm, person: Person, visitor: Visitor, mail: MailHost) -> dict[str, str]:
    """Let them take another address at the account page, and have it changed back; return the code they got."""
    address, path = FORMER["e-mail of their own choice"], "/account/email"
    page = await visitor.open(path)
    sent = await visitor.submit(page.page.form(path), address=address)
    [letter] = [message for message in mail.taken if message["To"] == address]
    code = codes_in(letter)[0]
    done = await visitor.submit(sent.page.form(f"{path}/confirm"), code=code)
    assert done.next.startswith("/account"), done.text
    back = {"primaryEmail": KNOWN["e-mail"]}
    reply = await firm.app.call("PATCH", f"/api/users/{person.id}", firm.token, json=back)
    assert reply.status == 200, reply.text
    return {"code at the account page": code}


def codes_in(letter: EmailMessage) -> list[str]:
    return re.findall(r"(?<![\w-])\d{6}(?![\w-])", letter.get_content())  # and no part of a link


async def add_factors(firm: Firm, person: Person) -> dict[str, str]:
    """Have them prove themselves by one-time passwords or codes on paper, and use one; return what is secret of it."""
    path = f"/api/users/{person.id}/mfa-verifications"
    totp = await firm.app.made(path, {"type": "Totp"}, firm.token)
    codes = (await firm.app.made(path, {"type": "BackupCode"}, firm.token))["codes"]
    visitor = Visitor(firm.app)
    page = await visitor.open("/login", organization=firm.organization)
    second = await sign_in(visitor, page, person)
    page = await visitor.open(second.next)
    inside = await visitor.submit(page.page.forms[0], code=pyotp.TOTP(totp["secret"]).now())
    assert inside.next.startswith("/account")
    return {"TOTP secret": totp["secret"], **{f"backup code {code}": code for code in codes}}


async def send_codes(firm: Firm, person: Person, mail: MailHost) -> dict[str, str]:
    """Send a link and codes to addresses, theirs and others, and try some; return the codes that went by mail."""
    asked = await firm.app.call("POST", f"/api/v1/users/{person.id}/verify-email", firm.token)
    assert asked.status == 200, asked.text
    for body in (
        {"email": KNOWN["e-mail"]},
        {"email": ASKED["address that a code went to"]},
        {"phone": ASKED["phone that a code went to"]},
    ):
        reply = await firm.app.call("POST", "/api/verification-codes", firm.token, json=body)
        assert reply.status == 204, reply.text
        reply = await firm.app.call(
            "POST", "/api/verification-codes/verify", firm.token, json={**body, "verificationCode": "wrong"}
        )
        assert reply.status == 400, reply.text
    to = {KNOWN["e-mail"], ASKED["address that a code went to"]}
    codes = {letter["To"]: code for letter in mail.taken if letter["To"] in to for code in codes_in(letter)}
    assert len(codes) == 2
    return codes


async def be_refused(firm: Firm, person: Person, other: Person) -> None:
    """Send what is refused, with what is known of them in it."""
    app, user = firm.app, f"/api/users/{person.id}"
    bidi = "\u202e"
    requests: list[tuple[str, str, Any]] = [
        ("POST", "/api/users", {"username": KNOWN["username"]}),
        ("POST", "/api/users", {"primaryEmail": KNOWN["e-mail"], "name": ASKED["name of a refused request"]}),
        ("POST", "/api/users", {"primaryPhone": KNOWN["phone"]}),
        ("PATCH", user, {"name": ASKED["name of a refused request"] + bidi}),
        ("PATCH", user, {"username": KNOWN["e-mail"]}),
        ("PATCH", f"/api/users/{other.id}", {"primaryEmail": KNOWN["e-mail"]}),
        ("PATCH", f"{user}/profile", {"profile": {"givenName": KNOWN["given name"] + bidi}}),
        ("POST", f"{user}/password/verify", {"password": SECRETS["wrong password"]}),
        ("PUT", f"/api/users/{other.id}/identities/salon", {"userId": KNOWN["social id"]}),
        ("POST", f"{user}/personal-access-tokens", {"name": KNOWN["token name"]}),
        ("PATCH", f"{user}/personal-access-tokens", {"currentName": KNOWN["former token name"], "name": "x"}),
        ("POST", "/api/v1/users/invitations", {"email": KNOWN["e-mail"]}),
        ("GET", f"/api/users/{KNOWN['username']}", None),
        ("GET", f"/api/users?search={KNOWN['username']}&mode=nonsense", None),
        ("DELETE", f"{user}/personal-access-tokens/{KNOWN['former token name']}", None),
    ]
    for method, path, body in requests:
        more = {} if body is None else {"json": body}
        reply = await app.call(method, path, firm.token, **more)
        assert 400 <= reply.status < 500, (method, path, reply.text)
    for raw in (f'{{"name": "{KNOWN["name"]}"', f'{{"name": "{KNOWN["name"]}", "name": "{KNOWN["name"]}"}}'):
        headers = {"Content-Type": "application/json"}
        assert (await app.call("PATCH", user, firm.token, data=raw.encode(), headers=headers)).status == 400
    form = {
        "grant_type": "password", "client_id": firm.client_id, "username": KNOWN["username"],
        "password": SECRETS["wrong password"],
    }  # fmt: skip
    assert (await app.call("POST", "/oauth2/token", "", data=form)).status in {400, 401}
    visitor = Visitor(app)
    page = await visitor.open("/login", organization=firm.organization)
    for name in (KNOWN["username"], KNOWN["e-mail"]):
        await visitor.submit(page.form, identifier=name, password=SECRETS["wrong password"])


async def an_old_token(firm: Firm, person: Person, owner: asyncpg.Connection) -> str:
    """Let them have had a token long ago; return the month, which can be archived."""
    app = firm.app
    at = app.parts.clock.now() - timedelta(days=100)
    await owner.execute("SELECT muniment.ensure_partitions($1)", at)

    async def command(decision: Any) -> None:
        decision.organization = UUID(firm.organization)
        decision.save(
            TokenFamily.issue(
                id=born(at), organization=decision.organization, application=UUID(firm.application["id"]),
                scope="openid", audience="https://files.test", format="opaque",
                digest=sha256_hex(new_secret(ACCESS_TOKEN)), expires_at=at + HOUR, grant_type="authorization_code",
                user=UUID(person.id), now=at,
            )
        )  # fmt: skip

    nobody = UUID(int=0)
    await app.parts.store.decide(command, Origin(nobody, nobody, None, app.parts.clock.new_id()))
    horizon = await token_purge.raise_horizon(owner, app.parts.clock.now() - timedelta(days=1))
    await retention.purge(owner, horizon, {"tokens": 0, "refresh_tokens": 0})
    return f"token_events_{at:%Y%m}"
