"""What a page of figures was made of, as JSON: to be held against the route that says it returns the same.

Belongs here: watching a page being rendered. Does not belong here: which pages and routes (the tests).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from api.pages import dashboard


def answer_shown(ask: Callable[[], object]) -> dict[str, Any]:
    """Ask for one page of figures and return the answer it shows, as its JSON route would write it."""
    given: list[Any] = []
    render = dashboard.page

    def watched(*arguments: Any, **named: Any) -> Any:
        given.append(named["answer"])
        return render(*arguments, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dashboard, "page", watched)
        ask()
    (answer,) = given
    return msgspec.json.decode(msgspec.json.encode(answer))
