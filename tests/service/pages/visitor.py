"""Somebody with a browser that does what it is told: it keeps cookies, reads forms and sends them, and goes nowhere
by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import FormData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.app_fixture import Reply, Running

PREFIX = "__Host-muniment-"
SESSION, FORM, DEVICE = f"{PREFIX}session", f"{PREFIX}form", f"{PREFIX}device"


@dataclass
class Form:
    """A form of a page: what its fields hold, and the names and values of its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    multipart: bool = False


class Page(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, its forms, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.forms: list[Form] = []
        self.said = ""
        self._chosen = self._typing = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "form":
            multipart = attributes.get("enctype") == "multipart/form-data"
            self.forms.append(Form(attributes["action"], attributes["method"], multipart=multipart))
        elif tag == "input" and attributes.get("type") in {"checkbox", "radio"} and "checked" not in attributes:
            pass  # what is not ticked is not sent
        elif tag == "input" and self.forms:
            self.forms[-1].fields[attributes["name"]] = attributes.get("value") or ""
        elif tag == "textarea":
            self.forms[-1].fields[attributes["name"]] = ""
            self._typing = attributes["name"]
        elif tag == "select":
            self.forms[-1].fields[attributes["name"]] = ""
            self._chosen = attributes["name"]
        elif tag == "option" and "selected" in attributes:
            self.forms[-1].fields[self._chosen] = attributes["value"]
        elif tag == "button" and self.forms and "name" in attributes:
            self.forms[-1].buttons.append((attributes["name"], attributes["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._typing = ""

    def handle_data(self, data: str) -> None:
        self.said += data
        if self._typing:
            self.forms[-1].fields[self._typing] += data.removeprefix("\n")

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def form(self, action: str) -> Form:
        """Return the form that goes there, the first of several."""
        return next(form for form in self.forms if form.action == action)

    def one(self, tag: str, **wanted: str) -> dict[str, Any]:
        [found] = [tag for tag in self.all(tag) if wanted.items() <= tag.items()]
        return found


@dataclass
class Answer:
    """An answer, and the page in it."""

    reply: Reply
    issuer: str

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def headers(self) -> Any:
        return self.reply.headers

    @property
    def text(self) -> str:
        return self.reply.text

    @property
    def page(self) -> Page:
        return Page(self.reply.text)

    @property
    def form(self) -> Form:
        [found] = self.page.forms
        return found

    @property
    def title(self) -> str:
        _, _, rest = self.reply.text.partition("<title>")
        return rest.partition("</title>")[0]

    @property
    def next(self) -> str:
        """Where a redirect leads, without the issuer where that is us."""
        assert self.status == 303, (self.status, self.text)
        return self.headers["Location"].removeprefix(self.issuer)

    @property
    def away(self) -> str:
        """Where the page leads that leaves us."""
        [refresh] = [tag["content"] for tag in self.page.all("meta") if tag.get("http-equiv") == "refresh"]
        seconds, _, location = refresh.partition(";url=")
        assert seconds == "0"
        assert self.page.one("a")["href"] == location
        return location

    @property
    def given(self) -> dict[str, str]:
        """What the application is told."""
        return {name: value for name, [value] in parse_qs(urlsplit(self.away).query).items()}


@dataclass
class Visitor:
    """One browser."""

    app: Running
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    @property
    def issuer(self) -> str:
        return self.app.parts.settings.issuer

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        headers = {"Accept-Language": self.language, **more.pop("headers", {})}
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        reply = await self.app.call(method, path, "", headers=headers, allow_redirects=False, **more)
        for line in reply.headers.getall("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                assert morsel["secure"]
                assert morsel["httponly"]
                assert (morsel["path"], morsel["domain"], morsel["samesite"]) == ("/", "", "Lax")
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return Answer(reply, self.issuer)

    async def open(self, path: str, /, **query: str) -> Answer:
        return await self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    async def submit(self, form: Form, headers: dict[str, str] | None = None, **fields: str | bytes) -> Answer:
        """Send a form as a browser does, with these fields filled in."""
        if form.method == "get":
            return await self.open(form.action, **{**form.fields, **fields})
        headers = {"Origin": self.issuer, "Sec-Fetch-Site": "same-origin"} if headers is None else headers
        data: Any = {**form.fields, **fields}
        if form.multipart:
            data = parts_of(data)
        return await self.send("POST", form.action, data=data, headers=headers)


def parts_of(fields: Mapping[str, str | bytes]) -> FormData:
    """Return fields as a form with files has them; what comes as bytes is a file."""
    form = FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value, filename="document.json" if isinstance(value, bytes) else None)
    return form
