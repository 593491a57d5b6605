"""What e-mails say: one template of plain text and one of HTML per letter.

Belongs here: rendering the templates in `letters/`. Does not belong here: when a letter is owed (the subject's own
module), queueing (`queue`), sending (`sender`).

A letter `x` is `letters/x.txt`, whose first line is `Subject: …`, and `letters/x.html`, which extends `frame.html`.
Templates refuse what they were not given. HTML is escaped; every value is one line, so that no value can begin a
paragraph, or a header, of its own. Subjects are kept in clear by the outbox: they name no code and no link.

The link of an alert may be a path alone, where nobody said at what address people reach the server: it is text then.

    sign_in         link, code, minutes
    invitation      link, inviter, email, workspace, role, expires
    ownership       link, actor, workspace
    deletion        link, actor, workspace, purge_on
    deletion_undone link, actor, workspace
    budget_alert    link, workspace, what, percent, spent, budget, period
    spend_anomaly   link, workspace, project, model, hour, spent, expected, others
    saving_regressed link, workspace, project, model, check, unit, before, after, others
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.access.text import clipped

TEMPLATES: Final = Path(__file__).parent / "letters"
_VALUE_LENGTH_MAX: Final = 2_000
_SUBJECT: Final = "Subject: "


class Letter(NamedTuple):
    """A letter ready to be queued: `Mail(kind, recipient, *letter(…))`."""

    subject: str
    text: str
    html: str


def letter(name: str, **given: Any) -> Letter:
    """Return a letter filled in.

    Args:
        name: of the templates, such as `invitation`.
        given: what the templates show; text is made one line.

    Raises:
        ValueError: the text template does not begin with its subject.
        jinja2.UndefinedError: the templates show something that was not given.
    """
    shown = {
        key: clipped(value, _VALUE_LENGTH_MAX) if isinstance(value, str) else value for key, value in given.items()
    }
    head, _, text = _environment().get_template(f"{name}.txt").render(shown).partition("\n")
    if not head.startswith(_SUBJECT):
        raise ValueError(f"the first line of the letter {name} must be its subject")
    subject = head.removeprefix(_SUBJECT).strip()
    html = _environment().get_template(f"{name}.html").render(shown, subject=subject)
    return Letter(subject, text.strip() + "\n", html)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
