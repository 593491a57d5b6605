"""A page in the hands of somebody who has a keyboard and no mouse.

Belongs here: going from place to place, and judging the way. Does not belong here: pages.
"""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Page

TABS_MAX: Final = 400
_WATCH: Final = """() => {
  const seen = window.__seen = [];
  const places = window.__places = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
  )].filter(one => !one.disabled && one.checkVisibility({visibilityProperty: true}));
  document.addEventListener('focusin', event => {
    const one = event.target, style = getComputedStyle(one);
    const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const box = one.getBoundingClientRect();
    const across = box.width > 0 && box.left >= -1 && box.right <= innerWidth + 1;
    const within = across && box.bottom > 0 && box.top < innerHeight, place = places.indexOf(one);
    if (seen.at(-1)?.[0] !== place) seen.push([place, ring, within, one.outerHTML.slice(0, 90)]);
  });
  return [places.length, places.filter(one => one.type === 'date').length];
}"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on what a selector names."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def type_day(page: Page, day: str) -> None:
    """Type a day into the date field that has the focus, in the order its browser asks for."""
    year, month, number = day.split("-")
    for typed in (month + number + year, number + month + year):
        page.keyboard.type(typed)
        if page.evaluate("document.activeElement.value") == day:
            return
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
    raise AssertionError(f"{day} cannot be typed")


def focus_order(page: Page, places_max: int = 70) -> list[str]:
    """Press Tab through a page and return what is wrong with the way.

    Args:
        page: freshly opened.
        places_max: how far to go on long pages.
    """
    places, dates = page.evaluate(_WATCH)
    wanted = min(places, places_max)
    for _ in range(wanted + 4 * dates):
        page.keyboard.press("Tab")
    seen: list[Any] = page.evaluate("window.__seen")
    order = [one[0] for one in seen][:wanted]
    faults = [f"no focus ring: {html}" for _, ring, _, html in seen[:wanted] if not ring]
    faults += [f"out of sight: {html}" for _, _, within, html in seen[:wanted] if not within]
    if order != list(range(wanted)):
        off = next((place for place, one in enumerate(order) if place != one), len(order))
        faults.append(f"after {off} of {wanted} comes {seen[off][3] if off < len(seen) else 'nothing'}")
    return faults
