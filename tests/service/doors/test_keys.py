from __future__ import annotations


async def published(app) -> set[str]:
    """Return the names of the published keys that access tokens are verified with."""
    keys = (await app.call("GET", "/.well-known/jwks.json")).json["keys"]
    return {key["kid"] for key in keys if key["alg"] == "ES256"}


async def listed(app) -> list:
    """Return the keys for access tokens, the oldest first."""
    keys = (await app.call("GET", "/api/keys")).json["items"]
    return [key for key in keys if key["algorithm"] == "ES256"]


async def test_keys_are_listed_without_their_private_halves(fresh_app):
    keys = (await fresh_app.call("GET", "/api/keys")).json["items"]
    assert [(key["algorithm"], key["status"]) for key in keys] == [("ES256", "active"), ("RS256", "active")]
    for key in keys:
        assert key["public_key"]["kid"] == key["kid"]
        assert not {"d", "p", "q", "dp", "dq", "qi"} & key["public_key"].keys()
    public = (await fresh_app.call("GET", "/.well-known/jwks.json")).json["keys"]
    assert {key["kid"] for key in keys} == {key["kid"] for key in public}


async def test_a_key_is_published_before_it_signs_and_after(fresh_app):
    first = (await listed(fresh_app))[0]["kid"]
    waiting = await fresh_app.made("/api/keys/rotate", {})
    assert (waiting["activated"], waiting["retired"]) == (None, [])
    assert await published(fresh_app) == {first, waiting["introduced"]}

    early = await fresh_app.call("POST", "/api/keys/rotate", json={})
    assert (early.status, early.json["code"]) == (409, "key_too_young")

    turned = await fresh_app.made("/api/keys/rotate", {"published_for": 0})
    assert (turned["activated"], turned["retired"]) == (waiting["introduced"], [first])
    assert await published(fresh_app) == {first, waiting["introduced"], turned["introduced"]}
    statuses = {key["kid"]: key["status"] for key in await listed(fresh_app)}
    assert statuses == {first: "retired", waiting["introduced"]: "active", turned["introduced"]: "introduced"}


async def test_a_leaked_key_is_replaced_at_once_and_its_tokens_with_it(fresh_app):
    first = (await listed(fresh_app))[0]["kid"]
    turned = await fresh_app.made("/api/keys/rotate", {"force": True, "overlap": 0})
    assert (turned["activated"], turned["retired"]) == (turned["introduced"], [first])
    assert await published(fresh_app) == {turned["introduced"]}
    made = await fresh_app.application()
    assert await fresh_app.token(made["client_id"], made["secrets"][0]["secret"])


async def test_keys_of_id_tokens_are_rotated_by_their_algorithm(fresh_app):
    before = await listed(fresh_app)
    turned = await fresh_app.made("/api/keys/rotate", {"algorithm": "RS256", "force": True})
    keys = (await fresh_app.call("GET", "/api/keys")).json["items"]
    assert [key["kid"] for key in keys if (key["algorithm"], key["status"]) == ("RS256", "active")] == [
        turned["activated"]
    ]
    assert await listed(fresh_app) == before


async def test_root_alone_rotates(fresh_app):
    manager = await fresh_app.manager(await fresh_app.organization())
    assert (await fresh_app.call("GET", "/api/keys", manager)).status == 200
    reply = await fresh_app.call("POST", "/api/keys/rotate", manager, json={})
    assert (reply.status, reply.json["code"]) == (403, "insufficient_scope")
    for body in ({"algorithm": "HS256"}, {"algorithm": "none"}, {"overlap": -1}, {"published_for": 10**9}):
        assert (await fresh_app.call("POST", "/api/keys/rotate", json=body)).status == 400
