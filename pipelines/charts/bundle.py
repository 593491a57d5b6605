"""The script that draws charts in pages: `charts.js` with vega-embed, Vega-Lite and Vega in one file.

Belongs here: making it, and its name. Does not belong here: sending it (`api.pages.chart_script`).

The libraries are those inside vl-convert-python, so that pages, PDFs and notebooks draw with the same versions and
nothing is downloaded. Bundling takes seconds and a JavaScript engine: it runs in a process of its own, once for each
version, and what it made is kept.

    python -m pipelines.charts.bundle FILE    writes the bundle, gzipped
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).with_name("charts.js")
_DIGITS: Final = 16


@lru_cache(maxsize=1)
def bundle_digest() -> str:
    """Return what names the bundle: a digest of all that it is made of."""
    made_of = f"vl-convert-python {metadata.version('vl-convert-python')}\n".encode() + SCRIPT.read_bytes()
    return hashlib.sha256(made_of).hexdigest()[:_DIGITS]


def bundle() -> bytes:
    """Return the bundle; equal versions make equal bytes."""
    import vl_convert  # noqa: PLC0415 - brings a JavaScript engine along

    return vl_convert.javascript_bundle(SCRIPT.read_text(encoding="utf-8")).encode("utf-8")


def main(path: str) -> None:
    """Write the gzipped bundle."""
    # Without the time of day: equal bundles are equal files.
    Path(path).write_bytes(gzip.compress(bundle(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
