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
EDGES = """() => {
  const ground = it => {
    for (it = it.parentElement; it; it = it.parentElement) {
      const color = getComputedStyle(it).backgroundColor;
      if (!color.startsWith("rgba(0, 0, 0, 0")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll(
    "main input:not([type=hidden]), main select, main textarea, main button, main .button")].map(it => {
    const style = getComputedStyle(it);
    return [it.outerHTML.slice(0, 120), style.borderTopColor, style.backgroundColor, ground(it)];
  });
}"""
FAULTS = """() => {
  const all = wanted => [...document.querySelectorAll(wanted)], faults = [];
  const say = (fault, it) => faults.push(`${fault}: ${it.outerHTML.slice(0, 120)}`);
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title.trim()) faults.push("no title");
  if (all("main").length !== 1 || all("h1").length !== 1) faults.push("not one main part with one heading");
  let level = 0;
  for (const it of all("h1, h2, h3, h4, h5, h6")) {
    if (+it.tagName[1] > level + 1) say("a level of headings is left out", it);
    level = +it.tagName[1];
  }
  const named = it => (it.getAttribute("aria-label") || it.textContent).trim();
  for (const it of all("input:not([type=hidden]), textarea")) {
    if (![...it.labels].some(named)) say("no label", it);
    if (!it.autocomplete) say("no autocomplete", it);
    if (it.getAttribute("aria-invalid") === "true" && !it.getAttribute("aria-describedby")) say("no reason", it);
  }
  for (const it of all("select")) if (![...it.labels].some(named)) say("no label", it);
  for (const it of all("th")) if (!it.scope) say("heads neither row nor column", it);
  for (const it of all("a, button, summary, th, table caption")) if (!named(it)) say("no name", it);
  for (const it of all("img:not([alt]), svg:not([aria-hidden=true])")) say("seen by eyes alone", it);
  for (const it of all("[tabindex]")) if (it.tabIndex > 0) say("out of order", it);
  for (const it of all("ul > *")) if (it.tagName !== "LI") say("no item of its list", it);
  const ids = all("[id]").map(it => it.id);
  if (new Set(ids).size !== ids.length) faults.push("an id twice");
  for (const it of all("[aria-describedby], [aria-labelledby]"))
    for (const name of ["aria-describedby", "aria-labelledby"])
      if (it.hasAttribute(name) && !ids.includes(it.getAttribute(name))) say("describes nothing", it);
  return faults;
}"""
NARROW, WIDE = {"width": 360, "height": 640}, {"width": 1280, "height": 800}
FOCUS = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const style = getComputedStyle(it);
  if (style.outlineStyle === "none") return ["0px", "rgb(0, 0, 0)", "rgb(0, 0, 0)"];
  return [style.outlineWidth, style.outlineColor, getComputedStyle(it.closest("main")).backgroundColor];
}"""


async def fits(page: Page) -> None:
    """See that a page fits every screen, can be read on it by day and by night, and understood by who cannot see it."""
    assert await page.evaluate(FAULTS) == []
    for viewport in (NARROW, WIDE):
        await page.set_viewport_size(viewport)
        assert await overflow(page) == []
        for target in await page.locator("button, a, summary, select, textarea, input:not([type=hidden])").all():
            box = await target.bounding_box()
            assert box is not None
            assert box["height"] >= 44, "a finger finds it"
    for colors in ("light", "dark"):
        await page.emulate_media(color_scheme=colors)
        for text, ratio in (await contrasts(page)).items():
            assert ratio >= 4.5, f"WCAG 2.2, 1.4.3: {text}"
        for edge, ratio in (await edges(page)).items():
            assert ratio >= 3, f"WCAG 2.2, 1.4.11: {edge}"


async def edges(page: Page) -> dict[str, float]:
    """Return what can be typed into or pressed, with the contrast of its edge, or of itself, to what lies behind it."""
    return {
        name: max(contrast(edge, ground) if opaque(edge) else 1, contrast(own, ground) if opaque(own) else 1)
        for name, edge, own, ground in await page.evaluate(EDGES)
    }


def opaque(color: str) -> bool:
    """Say whether a colour hides what lies behind it."""
    return not color.startswith("rgba")


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
