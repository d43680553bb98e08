"""The examples for Traefik and Envoy ask as Muniment reads, and hand on what it tells; a real nginx is in nginx/."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import yaml

from service.access import gateways, presented, questions
from service.access.answers import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterator

GATEWAYS = Path(__file__).resolve().parents[3] / "deploy" / "gateways"
RESOURCE = "01890a5d-ac96-774b-bcce-b302099a8057"
FOOLING = {"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"}
"""What some services take for the method or the path of a request."""


def example(name: str) -> Any:
    """Return an example with its placeholders filled in."""
    values = {"RESOURCE": RESOURCE, "GATEWAY": "eDp5", "MUNIMENT": "http://muniment:8080", "UPSTREAM": "http://orders"}
    text = (GATEWAYS / name).read_text()
    explained = text[: text.index("\n#\n# Nobody")]
    for placeholder in set(re.findall(r"\$\{([A-Z_]+)\}", text)):
        assert placeholder in explained
    return yaml.safe_load(re.sub(r"\$\{([A-Z_]+)\}", lambda found: values.get(found[1], "1"), text))


def underlined(name: str) -> Iterator[str]:
    """Yield the spellings of a header's name with underscores, by which many a service takes it for the same."""
    first, *words = name.split("-")
    for joined in product("-_", repeat=len(words)):
        if "_" in joined:
            yield first + "".join(f"{by}{word}" for by, word in zip(joined, words, strict=True))


def test_traefik_asks_as_muniment_reads_and_hands_on_who_calls() -> None:
    http = example("traefik.yaml")["http"]
    order = http["routers"]["guarded"]["middlewares"]
    middlewares = http["middlewares"]
    assert order == list(middlewares)
    told = middlewares["ask-muniment"]["forwardAuth"]
    address = urlsplit(told["address"])
    assert address.path == questions.VERIFY.rstrip("/")
    assert questions._dialect(address.query) == (UUID(RESOURCE), questions.FORWARDED, False)
    assert told["authResponseHeaders"] == list(IDENTITY)
    assert set(told["authRequestHeaders"]) == {gateways.HEADER, "Authorization", presented.IFORM}
    assert told["trustForwardHeader"] is False
    before, after = (middlewares[name]["headers"]["customRequestHeaders"] for name in (order[0], order[-1]))
    assert before == {gateways.HEADER: "Basic eDp5"} | dict.fromkeys(FOOLING, "")
    assert after == dict.fromkeys([gateways.HEADER, *(each for name in IDENTITY for each in underlined(name))], "")


def test_envoy_asks_as_muniment_reads_and_hands_on_who_calls() -> None:
    [listener] = example("envoy.yaml")["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    removing, asking, routing = (each["typed_config"] for each in manager["http_filters"])
    assert (manager["normalize_path"], manager["merge_slashes"]) == (False, False)
    assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "DROP_HEADER"
    removed = {mutation["remove"] for mutation in removing["mutations"]["request_mutations"]}
    assert removed == {name.lower() for name in IDENTITY}
    assert asking["failure_mode_allow"] is False
    told = asking["http_service"]
    assert told["path_prefix"] == f"{questions.VERIFY}{RESOURCE}"
    [proof] = told["authorization_request"]["headers_to_add"]
    assert proof == {"key": gateways.HEADER.lower(), "value": "Basic eDp5"}
    assert {"exact": "authorization"} in asking["allowed_headers"]["patterns"]
    assert told["authorization_response"]["allowed_upstream_headers"] == {"patterns": [{"prefix": "muniment-"}]}
    [host] = manager["route_config"]["virtual_hosts"]
    dropped = set(host["request_headers_to_remove"])
    assert dropped == {name.lower() for name in FOOLING} | {gateways.HEADER.lower()}
    assert routing["@type"].endswith("router.v3.Router")
