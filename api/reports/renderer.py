"""The confined process that turns HTML into a PDF. `python -m api.reports.renderer`, message on stdin, PDF on stdout.

Belongs here: calling WeasyPrint with what the message holds, and nothing else. Not here: starting it (`children`),
what it is given (`composing`), limits (`confinement`).

Everything the HTML names must be in the message under that name: nothing is fetched, from no network and no disk.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from api.reports.confinement import cut_off, limit

ASSET_SCHEME: Final = "asset:"
NO_LIBRARY: Final = 3
"""Exit code where the libraries that set text are not installed."""


class Attached(msgspec.Struct, frozen=True):
    """A file inside the PDF."""

    name: str
    description: str
    relationship: str
    content: bytes


class ToRender(msgspec.Struct, frozen=True):
    """What is to become a PDF.

    Attributes:
        html: the document; its links of the form `asset:name` are found in `assets`.
        assets: media type and bytes by name.
        attachments: files inside the PDF.
        identifier: the PDF's own id, 16 bytes.
        at_us: instant that everything in it is dated, microseconds UTC.
    """

    html: str
    assets: dict[str, tuple[str, bytes]]
    attachments: list[Attached]
    identifier: bytes
    at_us: int


class Rendered(msgspec.Struct, frozen=True):
    """A PDF, not signed yet."""

    pdf: bytes
    pages: int


def render(message: ToRender) -> Rendered:
    """Return the PDF of a message; the same one for the same message and fonts."""
    from weasyprint import HTML, Attachment  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]
    from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    class OnlyOurs(URLFetcher):
        """Finds what the message holds and refuses everything else."""

        def fetch(self, url: str, headers: Any = None) -> Any:  # noqa: ARG002 - as the library calls it
            name = url.removeprefix(ASSET_SCHEME)
            if not url.startswith(ASSET_SCHEME) or name not in message.assets:
                raise ValueError("reports fetch nothing")
            kind, content = message.assets[name]
            return URLFetcherResponse(url, content, {"Content-Type": kind})

    at = datetime.fromtimestamp(message.at_us / 1_000_000, UTC)
    attachments = [
        Attachment(
            string=one.content,
            name=one.name,
            description=one.description,
            relationship=one.relationship,
            created=at,
            modified=at,
        )
        for one in message.attachments
    ]
    page: Any = HTML(string=message.html, base_url="asset:", url_fetcher=OnlyOurs())
    document = page.render(pdf_variant="pdf/a-3a", attachments=attachments)
    pdf: bytes = document.write_pdf(
        pdf_variant="pdf/a-3a", pdf_identifier=message.identifier, attachments=attachments, pdf_tags=True
    )
    return Rendered(pdf, len(document.pages))


def main() -> int:
    """Read the message, give up everything, render.

    Returns:
        The exit code.
    """
    message = sys.stdin.buffer.read()
    limit()
    try:
        # Loads libraries, which is forbidden afterwards.
        import weasyprint  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport, reportMissingTypeStubs]
    except OSError as fault:
        sys.stderr.write(f"{fault}\n")
        return NO_LIBRARY
    cut_off()
    rendered = render(msgspec.msgpack.decode(message, type=ToRender))
    sys.stdout.buffer.write(msgspec.msgpack.encode(rendered))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
