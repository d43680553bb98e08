"""/docs: the API documents in a browser. The scripts come from swagger-ui's own distribution, and from nowhere else.

The page runs no inline script and loads nothing from other hosts; its policy forbids both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped] # a path is all there is

from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.http.problems import CONTENT_TYPE as PROBLEM
from service.http.problems import Problem
from service.openapi.documents import CONTENTS
from service.openapi.published import Page, respond

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Path = swagger_ui_path
# The distribution holds more than the page needs; what is not named here is not served.
ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
INITIALIZER, STYLE_SHEET = "start.js", "page.css"

LINKS = "\n".join(f'<li><a href="{contents.path[1:]}">{contents.title}</a></li>' for contents in CONTENTS)
HTML = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Muniment: the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/{STYLE_SHEET}">
<link rel="icon" type="image/png" sizes="32x32" href="docs/favicon-32x32.png">
</head>
<body>
<div id="api"><noscript><ul>
{LINKS}
</ul></noscript></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/swagger-ui-standalone-preset.js"></script>
<script src="docs/{INITIALIZER}"></script>
</body>
</html>
"""
URLS = ", ".join(f'{{url: "{contents.path[1:]}", name: "{contents.title}"}}' for contents in CONTENTS)
SCRIPT = f"""SwaggerUIBundle({{
  urls: [{URLS}],
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,  // to unfold two hundred schemas takes longer than all the rest
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  plugins: [() => ({{components: {{Logo: () => null}}}})],  // its picture has an inline style
  layout: "StandaloneLayout",
}});
"""
# What swagger-ui leaves to the page around it: no white frame, narrow screens, headings that can be read in the dark.
STYLE = """body {
  margin: 0;
}

.swagger-ui .opblock-body {
  overflow-x: auto;
}

.swagger-ui .opblock-tag {
  overflow-wrap: anywhere;
}

html.dark-mode .swagger-ui .opblock-tag {
  color: #e4e6e6;
}

html.dark-mode .swagger-ui .opblock-tag svg {
  fill: #e4e6e6;
}
"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PAGE = Page.of(HTML.encode())
OURS = {
    INITIALIZER: (Page.of(SCRIPT.encode()), "text/javascript"),
    STYLE_SHEET: (Page.of(STYLE.encode()), "text/css"),
}


async def page(request: web.Request) -> web.Response:
    """GET /docs."""
    return respond(request, PAGE, "text/html", HEADERS)


async def asset(request: web.Request) -> web.StreamResponse:
    """GET /docs/{asset}: one of the files that the page names; every other name is unknown, whatever it points to."""
    name = request.match_info["asset"]
    if name in OURS:
        return respond(request, *OURS[name], HEADERS)
    if name not in ASSETS:
        raise web.HTTPNotFound
    return web.FileResponse(FOLDER / name, headers={**HEADERS, "Content-Type": ASSETS[name]})


KEPT = ("Cache-Control", "ETag")
MET = Reply("The client has it already.", headers=KEPT)
ENDPOINTS = (
    Endpoint(
        "GET",
        "/docs",
        page,
        Group.OPERATIONS,
        "documents",
        "The API documents, to be read in a browser",
        {200: Reply("The page.", str, "text/html", KEPT), 304: MET, **UNAVAILABLE},
    ),
    Endpoint(
        "GET",
        "/docs/{asset}",
        asset,
        Group.OPERATIONS,
        "documents",
        "A script, style or picture of that page",
        {
            200: Reply("The file.", str, "*/*", KEPT),
            304: MET,
            404: Reply("There is no such file.", Problem, PROBLEM),
            **UNAVAILABLE,
        },
    ),
)
