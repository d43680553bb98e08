from __future__ import annotations


async def test_a_role_is_defined_read_changed_and_deleted(app):
    made = await app.call("POST", "/api/roles", json={"name": "clerk", "permissions": ["read_user"]})
    assert made.status == 201
    role = made.json
    assert role["permissions"] == ["read_user"]
    assert role["privileged"] is False
    path = f"/api/roles/{role['id']}"
    assert (await app.call("GET", path)).json == role

    changed = await app.call("PATCH", path, json={"description": "Keeps the books"})
    assert changed.status == 200
    assert changed.json["description"] == "Keeps the books"
    assert changed.json["name"] == "clerk"
    assert changed.position > made.position
    assert (await app.call("GET", path)).json == changed.json

    gone = await app.call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    assert (await app.call("GET", path)).status == 404
