"""The process that one document is parsed, judged and read in: its text comes in, what was read goes out, and it ends.

Whatever the text holds, be it a pattern that takes for ever, references without end or the flaw of a parser, ends with
this process. Once the text is in, it can open neither a file nor a socket.
"""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from domain.refusals import Fault
from service.interface_import import judging, reading, text
from service.interface_import.faults import Unusable
from service.interface_import.imported import Judged

MEMORY = 1024 * 1024 * 1024  # bytes of addresses
SECONDS = 45  # of a processor; five thousand operations take some twenty
BEHIND = 10  # how far it stands back where processors are scarce: calls wait for nobody's import
TEXT, BODY = "text", "body"
"""What comes in: the text of a document, or a request's body that has one in it."""

# Documents of each standard, judged before the door is shut: what is only loaded when it is needed is there by then.
PATHS = {"/a": {"get": {"operationId": "a", "responses": {"200": {"description": "a"}}}}}
STANDARDS = ({"swagger": "2.0"}, {"openapi": "3.0.0"}, {"openapi": "3.1.0"})
RIGHT = {"info": {"title": "a", "version": "1"}, "paths": PATHS}
WRONG = ({"info": {}, "paths": PATHS}, {**RIGHT, "paths": {"/{a}": PATHS["/a"]}})


def main(kind: str) -> None:
    """Read one input of a kind, and write what was judged of it."""
    os.nice(BEHIND)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    raw = sys.stdin.buffer.read()
    prepare()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    sys.stdout.buffer.write(msgspec.json.encode(judged(kind, raw)))


def prepare() -> None:
    """Load all that judging takes, of what is right and of what is wrong."""
    for standard in STANDARDS:
        for rest in (RIGHT, *WRONG):
            judged(TEXT, msgspec.json.encode({**standard, **rest}))


def judged(kind: str, raw: bytes) -> Judged:
    """Return what an input holds, or what is wrong with it."""
    try:
        data = text.enveloped(raw) if kind == BODY else text.parsed(raw)
        standard = judging.version(data)
        judging.judge(data, standard)
        return Judged(reading.document(data, standard))
    except Unusable as unusable:
        return Judged(faults=unusable.faults)
    except MemoryError:
        return Judged(faults=(Fault(text.WHOLE, "It is too large to be judged"),))
