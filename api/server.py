"""Running the server: one socket, one or more worker processes, and word when it is ready.

Belongs here: sockets, uvicorn and signals. Does not belong here: the application (`api.app`), command lines
(`api.cli`).

Logs go to stderr. Readiness is announced once `GET /health` is answered on the real socket.
"""

from __future__ import annotations

import errno
import http.client
import logging
import logging.config
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.logs import log_settings
from pipelines.lake.paths import HOME_VARIABLE, Home

READY_WITHIN_SECONDS: Final = 60.0
STOP_WITHIN_SECONDS: Final = 20
HUNG_AFTER_SECONDS: Final = 60
"""A worker that does not answer its parent for so long is replaced."""
_PROBE_SECONDS: Final = 0.05
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to

logger = logging.getLogger(__name__)


def worker_app() -> FastAPI:
    """Return the application of one worker process, whose home the parent put in the environment."""
    return create_app(Home.locate())


def serve(home: Home, *, host: str, port: int, workers: int, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, finishing the calls in progress.

    Args:
        home: where the installation's data lives; the app database must have been upgraded.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        workers: processes that share the socket.
        on_ready: called once with the URL when the first call was answered.

    Raises:
        OSError: the address cannot be listened on.
    """
    os.environ[HOME_VARIABLE] = str(home.root)  # worker processes are started afresh and look here
    logging.config.dictConfig(log_settings())
    config = uvicorn.Config(
        "api.server:worker_app",
        factory=True,
        workers=workers,
        log_config=log_settings(),
        access_log=False,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
        timeout_worker_healthcheck=HUNG_AFTER_SECONDS,
    )
    listener = _listen(host, port)
    url = _url(host, listener)
    stopped = threading.Event()
    announcer = threading.Thread(target=_announce, args=(url, stopped, on_ready), name="announce", daemon=True)
    announcer.start()
    try:
        with _ending_on_signals():
            if workers > 1:
                Multiprocess(config, sockets=[listener]).run()
            else:
                uvicorn.Server(config).run(sockets=[listener])
    finally:
        stopped.set()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException as fault:
        listener.close()
        if isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE:
            choose = "choose another with --port N, or --port 0 for a free one"
            raise OSError(f"Port {port} of {host} is in use by another program; {choose}.") from fault
        raise
    listener.set_inheritable(True)
    return listener


def _url(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _announce(url: str, stopped: threading.Event, on_ready: Callable[[str], None]) -> None:
    host, _, port = url.removeprefix("http://").rpartition(":")
    host = host.strip("[]")
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not stopped.wait(_PROBE_SECONDS) and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(_WILDCARDS.get(host, host), int(port), timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.client.OK:
                on_ready(url)
                return
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    if not stopped.is_set():
        logger.error("the server did not answer within %.0f s", READY_WITHIN_SECONDS)


@contextmanager
def _ending_on_signals() -> Generator[None]:
    """Make SIGTERM end this process by an exception, so that what was started is also stopped.

    uvicorn takes the signals while it serves, and hands them on to these handlers when it has finished.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
