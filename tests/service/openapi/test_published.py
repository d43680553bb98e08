"""The documents and the page that shows them, as browsers and caches meet them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
import yarl

from service.openapi.browsing import ASSETS, FOLDER, OURS
from service.openapi.documents import CONTENTS
from tests.app_fixture import SETTINGS
from tests.service.openapi.operations import told

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCUMENTS = [contents.path for contents in CONTENTS]
ALL = [*DOCUMENTS, "/docs", *(f"/docs/{name}" for name in (*OURS, *ASSETS))]


@pytest.mark.parametrize("contents", CONTENTS, ids=lambda contents: contents.path)
async def test_a_document_is_public_and_what_the_declarations_say(app, contents):
    reply = await app.call("GET", contents.path, "")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json == told(contents)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_document_does_not_believe_the_host_header(app):
    reply = await app.call("GET", "/openapi.json", "", headers={"Host": "evil.test", "X-Forwarded-Host": "evil.test"})
    assert reply.json["servers"] == [{"url": SETTINGS.issuer}]
    assert "evil" not in reply.text


async def test_a_document_is_made_once(app):
    first, second = [await app.call("GET", "/openapi.json", "") for _ in range(2)]
    assert first.text == second.text
    assert first.headers["ETag"] == second.headers["ETag"]


@dataclass
class Raw:
    """An answer with the bytes of its body."""

    status: int
    headers: Any
    body: bytes


async def ask(app, method: str, path: str, **headers: str) -> Raw:
    async with app.client.request(method, path, headers=headers) as response:
        return Raw(response.status, response.headers, await response.read())


@pytest.mark.parametrize("path", ALL)
async def test_who_has_it_already_is_told_so(app, path):
    first = await ask(app, "GET", path)
    assert first.status == 200
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    again = await ask(app, "GET", path, **{"If-None-Match": etag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"] == "no-cache"
    for other in ('"another"', 'W/"another"', "nonsense"):
        assert (await ask(app, "GET", path, **{"If-None-Match": other})).status == 200
    assert (await ask(app, "GET", path, **{"If-None-Match": f'"another", {etag}'})).status == 304


@pytest.mark.parametrize("path", ALL)
async def test_head_answers_the_same_without_a_body(app, path):
    whole, head = [await ask(app, method, path) for method in ("GET", "HEAD")]
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
        assert head.headers[name] == whole.headers[name], name


@pytest.mark.parametrize("path", ALL)
async def test_nothing_else_is_allowed_there(app, path):
    reply = await app.call("POST", path, "")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        self._in_script = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.scripts.append(data)


async def page(app) -> Tags:
    tags = Tags()
    tags.feed((await app.call("GET", "/docs", "")).text)
    return tags


async def test_the_page_runs_what_the_service_serves_and_nothing_else(app):
    reply = await app.call("GET", "/docs", "")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    tags = await page(app)
    assert tags.scripts == []
    for tag, attributes in tags.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    links = [attributes.get("src") or attributes.get("href") for _, attributes in tags.found]
    for link in filter(None, links):
        assert "//" not in link
        assert (await ask(app, "GET", f"/{link}")).status == 200, link


async def test_the_page_offers_every_document(app):
    links = [attributes.get("href") for tag, attributes in (await page(app)).found if tag == "a"]
    assert [f"/{link}" for link in links] == DOCUMENTS
    script = (await app.call("GET", "/docs/start.js", "")).text
    urls = re.findall(r'url: "([^"]+)"', script)
    assert [f"/{url}" for url in urls] == DOCUMENTS
    assert "validatorUrl: null" in script
    assert not re.search(r"https?:", script)


async def test_the_scripts_can_show_this_version_of_openapi(app):
    """Swagger UI reads OpenAPI 3.1 from version 5 on."""
    assert int(re.search(r"swagger-ui-(\d+)", FOLDER.name)[1]) >= 5


@pytest.mark.parametrize("name", ASSETS)
async def test_an_asset_is_the_distributions_own(app, name):
    async with app.client.get(f"/docs/{name}") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].split(";")[0] == ASSETS[name]
        assert await response.read() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "index.html", "swagger-ui.js", "swagger-ui-bundle.js.map", "..%2f__init__.py", "%2e%2e%2f__init__.py",
        "..%5c__init__.py", "%2fetc%2fpasswd", "swagger-ui.css%00", "swagger-ui.css%2f", "%00", "SWAGGER-UI.CSS", "~",
    ],
)  # fmt: skip
async def test_no_other_file_is_served_whatever_it_is_called(app, name):
    url = yarl.URL(f"{app.client.make_url('/docs/')}{name}", encoded=True)
    async with app.client.session.get(url) as response:
        assert response.status == 404, await response.text()
        assert json.loads(await response.text())["code"] == "not_found"
