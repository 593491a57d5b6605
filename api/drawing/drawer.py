"""The confined process that draws charts. `python -m api.drawing.drawer SECONDS`, its server's socket on stdin.

Belongs here: drawing what it is sent, one after the other. Does not belong here: starting it (`worker`), limits
(`api.reports.confinement`).

It ends when its server has gone, and when one chart takes longer than SECONDS: the kernel sees to that, whoever else
still lives.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Final

from api.drawing.frames import DRAWN, REFUSED, framed, next_message
from api.reports.confinement import cut_off, limit
from pipelines.charts import drawn

MEMORY_BYTES: Final = 2 * 1024**3
"""What it may write to. The engine has half a gigabyte set aside at rest, of which it uses an eighth."""
_REASON_CHARACTERS: Final = 500


def main() -> int:
    """Draw until the server has gone.

    Returns:
        The exit code.
    """
    limit(MEMORY_BYTES, None, counted=resource.RLIMIT_DATA)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the server finishes its calls first
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    import vl_convert as vl_convert  # noqa: PLC0415, PLC0414 - while libraries may still be loaded

    seconds = float(sys.argv[1])
    cut_off()
    # Files, not a socket: those are what it may still use.
    with open(0, "rb", buffering=0, closefd=False) as asked, open(0, "wb", closefd=False) as answered:
        while (message := next_message(asked.read)) is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            answer = _answer(message)
            signal.setitimer(signal.ITIMER_REAL, 0)
            answered.write(framed(answer))
            answered.flush()
    return 0


def _answer(message: bytes) -> bytes:
    name, made = json.loads(message)
    try:
        return DRAWN + drawn(made, name).encode()
    except ValueError as error:
        return REFUSED + str(error)[:_REASON_CHARACTERS].encode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
