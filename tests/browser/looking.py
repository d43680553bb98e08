"""What eyes would tell of a page: what sticks out of the screen, what is too pale to read, where the focus is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

OVERFLOW = """() => {
  const root = document.documentElement, width = root.clientWidth;
  if (root.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")]
    .filter(it => it.getBoundingClientRect().right > width + 0.5).map(it => `${it.tagName} ${it.className}`);
}"""
TEXTS = """() => {
  const ground = it => {
    for (; it; it = it.parentElement) {
      const color = getComputedStyle(it).backgroundColor;
      if (!color.startsWith("rgba(0, 0, 0, 0")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const spoken = it => [...it.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return [...document.querySelectorAll("main *")].filter(spoken)
    .map(it => [it.textContent.trim(), getComputedStyle(it).color, ground(it)]);
}"""
FOCUS = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const style = getComputedStyle(it);
  if (style.outlineStyle === "none") return ["0px", "rgb(0, 0, 0)", "rgb(0, 0, 0)"];
  return [style.outlineWidth, style.outlineColor, getComputedStyle(it.closest("main")).backgroundColor];
}"""


async def overflow(page: Page) -> list[str]:
    """Return what makes a page scroll sideways."""
    return await page.evaluate(OVERFLOW)


async def contrasts(page: Page) -> dict[str, float]:
    """Return all text of a page with its contrast to what lies behind it."""
    found = {text: contrast(color, ground) for text, color, ground in await page.evaluate(TEXTS)}
    assert found
    return found


async def focus_ring(page: Page) -> tuple[float, float] | None:
    """Return the width of the focus ring in pixels and its contrast to the card; None when nothing has the focus."""
    found = await page.evaluate(FOCUS)
    return None if found is None else (float(found[0].removesuffix("px")), contrast(found[1], found[2]))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as browsers write them, from 1 to 21 (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    found = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", color)
    assert found is not None, color
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(part) / 255 for part in found.groups())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
