"""QR codes are drawn into pages as the library makes them: every module once, inside its margin."""

from __future__ import annotations

import re

import pytest
import segno

from service.pages.qr import MARGIN, drawn

RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z")


@pytest.mark.parametrize("text", ["x", "otpauth://totp/a:b?secret=ABC", "é" * 300])
def test_each_dark_module_is_drawn_and_no_light_one(text):
    found = drawn(text)
    wanted = [list(row) for row in segno.make_qr(text, error="m").matrix]
    assert found.size == len(wanted) + 2 * MARGIN
    shown = [[0] * len(wanted) for _ in wanted]
    runs = RUN.findall(found.path)
    assert "".join(f"M{x} {y}h{width}v1h-{back}z" for x, y, width, back in runs) == found.path
    for x, y, width, back in runs:
        assert width == back
        for module in range(int(width)):
            assert shown[int(y) - MARGIN][int(x) - MARGIN + module] == 0
            shown[int(y) - MARGIN][int(x) - MARGIN + module] = 1
    assert shown == [[int(bool(module)) for module in row] for row in wanted]
