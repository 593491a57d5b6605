"""Headers of a browser's calls whose body is no JSON."""

from __future__ import annotations

from api.access.same_site import FORM_HEADER
from tests.api.conftest import BASE_URL, Browser


def form_headers(browser: Browser) -> dict[str, str]:
    """Return what a script of our own pages sends along."""
    return {"Origin": BASE_URL, FORM_HEADER: browser.form_token, "Content-Type": "text/csv"}
