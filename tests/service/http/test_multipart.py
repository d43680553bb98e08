"""Forms with files: what browsers send is read to the letter, and what could be read in two ways is refused."""

from __future__ import annotations

import pytest

from service.http.body import BadBody, Repeated
from service.http.multipart import MAX_HEAD, MAX_PARTS, parse_multipart, text_of

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def test_fields_and_files_are_read_to_the_letter() -> None:
    odd = bytes(range(256)) + b"\r\n\r\n--" + BOUNDARY[:-1].encode()
    raw = form(
        part("mode", b"normal"),
        part("file", odd, '; filename="a; name=\\"mode\\".json"\r\nContent-Type: application/json'),
        part("text", "中文\r\n".encode()),
        part("empty", b"", '; filename=""\r\nContent-Type: application/octet-stream'),
    )
    read = parse_multipart(raw, TYPE)
    assert read == {"mode": b"normal", "file": odd, "text": "中文\r\n".encode(), "empty": b""}
    assert text_of(read["text"]) == "中文\r\n"
    with pytest.raises(BadBody):
        text_of(read["file"])


def test_a_form_without_fields_is_empty() -> None:
    assert parse_multipart(f"--{BOUNDARY}--\r\n".encode(), TYPE) == {}


@pytest.mark.parametrize("quoted", [f'"{BOUNDARY}"', BOUNDARY])
def test_the_boundary_may_be_quoted(quoted: str) -> None:
    assert parse_multipart(form(part("a", b"1")), f"multipart/form-data; charset=utf-8; boundary={quoted}") == {
        "a": b"1"
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'b' * 71}",
        "multipart/form-data; boundary=é",
        "multipart/form-data; boundary*=utf-8''b",
    ],
)
def test_without_a_boundary_nothing_is_read(content_type: str) -> None:
    with pytest.raises(BadBody, match="boundary"):
        parse_multipart(form(part("a", b"1")), content_type)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"before\r\n" + form(part("a", b"1")),
        form(part("a", b"1")).removesuffix(b"--\r\n"),
        part("a", b"1"),
        form(part("a", b"1"))[:20],
        form(*(part(f"f{number}", b"") for number in range(MAX_PARTS + 1))),
    ],
)
def test_what_is_cut_off_or_has_too_much_around_it_or_in_it_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody, match="cut off"):
        parse_multipart(raw, TYPE)


def test_as_many_parts_as_there_may_be_are_read() -> None:
    assert len(parse_multipart(form(*(part(f"f{number}", b"") for number in range(MAX_PARTS))), TYPE)) == MAX_PARTS


@pytest.mark.parametrize(
    "head",
    [
        "",
        "\r\n",
        "x\r\nContent-Disposition: form-data; name=a",
        "\r\nContent-Disposition: form-data",
        '\r\nContent-Disposition: form-data; name=""',
        "\r\nContent-Disposition: form-data; name*=utf-8''a",
        "\r\nno header",
        "\r\né: x",
        "\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        "\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
        f"\r\nContent-Disposition: form-data; name=a\r\nX: {'x' * MAX_HEAD}",
    ],
)
def test_a_part_that_does_not_say_plainly_what_it_is_is_refused(head: str) -> None:
    with pytest.raises(BadBody, match="malformed"):
        parse_multipart(f"--{BOUNDARY}{head}\r\n\r\n1\r\n--{BOUNDARY}--".encode(), TYPE)
    with pytest.raises(BadBody, match="malformed"):
        parse_multipart(f"--{BOUNDARY}\r\n".encode() + b"\xff: x\r\n\r\n1\r\n" + f"--{BOUNDARY}--".encode(), TYPE)


def test_a_field_that_comes_twice_is_refused() -> None:
    with pytest.raises(Repeated, match="mode is repeated"):
        parse_multipart(form(part("mode", b"normal"), part("mode", b"overwrite")), TYPE)
