"""Reads forms with files in them (RFC 7578) as browsers send them. Which limits there are is for the caller to say."""

from __future__ import annotations

from email.message import Message

from service.http.body import BadBody, Repeated

MULTIPART = "multipart/form-data"
MAX_PARTS = 30
MAX_HEAD = 2048  # bytes of a part's headers
LONGEST_BOUNDARY = 70  # RFC 2046 section 5.1.1

_HEADS_END, _LINE_END = b"\r\n\r\n", b"\r\n"


def parse_multipart(raw: bytes, content_type: str) -> dict[str, bytes]:
    """Return what the fields hold, files as fields of their own: an empty one where none was chosen.

    What a file is called, and what it says it is, is not read. Raises BadBody, and Repeated for a field that comes
    twice.
    """
    boundary = _parameter("Content-Type", content_type, "boundary")
    if not boundary or len(boundary) > LONGEST_BOUNDARY or not boundary.isascii():
        raise BadBody("The form has no boundary")
    delimiter = b"\r\n--" + boundary.encode()
    before, *parts = (_LINE_END + raw).split(delimiter, MAX_PARTS + 1)
    if before or not parts or not parts[-1].startswith(b"--"):
        raise BadBody("The form is malformed, cut off, or has too many parts")
    fields: dict[str, bytes] = {}
    for part in parts[:-1]:
        name, value = _field(part)
        if name in fields:
            raise Repeated(name)
        fields[name] = value
    return fields


def text_of(value: bytes) -> str:
    """Return a field as text. Raises BadBody when it is none."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadBody("The form is malformed") from None


def _field(part: bytes) -> tuple[str, bytes]:
    """Return the name of a part, and what it holds. Raises BadBody."""
    head, end, value = part.partition(_HEADS_END)
    # The rest of the delimiter's own line may be white space alone (RFC 2046 section 5.1.1).
    first, *lines = head.split(_LINE_END)
    if not end or first.strip(b" \t") or len(head) > MAX_HEAD:
        raise BadBody("The form is malformed")
    headers = dict(_header(line) for line in lines)
    # Encoded parts are deprecated (RFC 7578 section 4.7), and browsers send none.
    if len(headers) != len(lines) or "content-transfer-encoding" in headers:
        raise BadBody("The form is malformed")
    name = _parameter("Content-Disposition", headers.get("content-disposition", ""), "name")
    if not name:
        raise BadBody("The form is malformed")
    return name, value


def _header(line: bytes) -> tuple[str, str]:
    name, colon, value = text_of(line).partition(":")
    if not colon or not name.isascii():
        raise BadBody("The form is malformed")
    return name.lower(), value.strip()


def _parameter(header: str, value: str, name: str) -> str | None:
    """Return a parameter of a header, None when it has none."""
    message = Message()
    message[header] = value
    found = message.get_param(name, header=header)
    return found if isinstance(found, str) else None
