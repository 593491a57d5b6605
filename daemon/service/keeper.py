"""The keeper: a small process that keeps the daemon alive, and the capture port open while the daemon is away.

Belongs here: starting the daemon again, taking its port meanwhile, telling the world in `running.json`. Does not belong
here: anything that could fail for a reason of its own: it neither opens the store nor reads what passes.

A program that was started with the exports of `halton-meter env` knows one address. Somebody must answer there whatever
happens to the daemon: killed, hanging, stopped, upgraded.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

import msgspec

from daemon.clock import Clock, iso_of_micros, to_micros
from daemon.config import Config
from daemon.credentials import MeterHome
from daemon.service.channel import FromDaemon
from daemon.service.port_owner import port_is_taken
from daemon.service.running import HomeLock, Running, write_running
from daemon.service.stand_in import StandIn

HANG_SECONDS: Final = 20.0
"""How long the daemon may say nothing before it counts as hanging; it says something every second."""
STOP_SECONDS: Final = 10.0
"""What the daemon may take to end in order."""
TUNNEL_SECONDS: Final = 2.0
"""What calls that pass may take when all is to end."""
LONGEST_PAUSE: Final = 30.0
_FIRST_PAUSE: Final = 0.2
_HEALTHY_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


class Keeper:
    """Keeps one home's daemon.

    Attributes:
        port: capture port; None where nothing is captured.
    """

    def __init__(
        self, home: MeterHome, lock: HomeLock, stand_in: StandIn, *, clock: Clock, version: str, hang_seconds: float
    ) -> None:
        self.port: int | None = None
        self._home = home
        self._lock = lock
        self._stand_in = stand_in
        self._hang_seconds = hang_seconds
        self._asked_to_end = asyncio.Event()
        self._keep_passing = False
        self._heard_at = time.monotonic()
        self._ready = asyncio.Event()
        self._failure: str | None = None
        self._now = Running(
            state="starting",
            keeper_pid=os.getpid(),
            started_at=iso_of_micros(to_micros(clock.now())),
            version=version,
        )

    async def keep(self, config: Config, announce: Callable[[str | None], None], *, captures: bool) -> int:
        """Keep the daemon until a signal ends it; return the exit code.

        Args:
            config: whose capture port is kept.
            announce: called once: with None when the daemon is ready, or with why it cannot start.
            captures: whether there is a capture port at all.
        """
        loop = asyncio.get_running_loop()
        for number, passing in ((signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGUSR1, True)):
            loop.add_signal_handler(number, self._end, passing)
        if captures:
            try:
                self.port = await self._stand_in.listen(config.capture.port)
            except OSError as error:
                announce(_why_not(config.capture.port, error))
                return 1
        self._tell(state="starting", capture_port=self.port)
        try:
            return await self._lives(announce)
        finally:
            self._stand_in.let_go()
            self._home.running_path.unlink(missing_ok=True)
            self._lock.let_go()
            await self._stand_in.end(TUNNEL_SECONDS)

    async def _lives(self, announce: Callable[[str | None], None]) -> int:
        pause = _FIRST_PAUSE
        told = False
        while not self._asked_to_end.is_set():
            began = time.monotonic()
            life = asyncio.ensure_future(self._life())
            if not told:
                await asyncio.wait({life, asyncio.ensure_future(self._ready.wait())}, return_when="FIRST_COMPLETED")
                if not self._ready.is_set():
                    announce(self._failure or f"The daemon ended at once ({await life}); see {self._home.log_path}.")
                    return 1
                announce(None)
                told = True
            how = await life
            if self._asked_to_end.is_set():
                break
            logger.error("the daemon ended (%s); starting it again in %.1f s, calls pass unrecorded", how, pause)
            await self._stand_in_again()
            self._tell(state="restarting", last_exit=how, restarts=self._now.restarts + 1)
            pause = _FIRST_PAUSE if time.monotonic() - began > _HEALTHY_SECONDS else pause
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked_to_end.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        if self._keep_passing and self.port is not None:
            await self._pass()
        return 0

    async def _pass(self) -> None:
        """Stay on the port alone, for programs that still use it."""
        await self._stand_in_again()
        self._tell(state="passing", last_exit="stopped")
        self._keep_passing = False
        self._asked_to_end.clear()
        await self._asked_to_end.wait()

    async def _life(self) -> str:
        """Run the daemon once; return how it ended."""
        ours, its = socket.socketpair()
        with its:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "daemon.service.process", "--home", str(self._home.root)),
                *("--channel", str(its.fileno()), "--capture-port", str(self.port or 0)),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(its.fileno(), self._lock.descriptor),
                start_new_session=True,  # a terminal's Ctrl-C is for the keeper, which ends the daemon in order
            )
        self._heard_at = time.monotonic()
        self._tell(pid=process.pid)
        reader, writer = await asyncio.open_connection(sock=ours)
        tasks = [
            asyncio.ensure_future(task)
            for task in (self._listen(reader, writer), self._watch(process), self._end_in_order(process))
        ]
        try:
            code = await process.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()
            self._tell(pid=None, api_port=None)
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            said = msgspec.json.decode(line, type=FromDaemon)
            self._heard_at = time.monotonic()
            match said.word:
                case "want_port":
                    self._stand_in.let_go()
                    writer.write(b"released\n")
                case "lost_port":
                    await self._stand_in_again()
                case "ready":
                    self._tell(state="running", api_port=said.api_port)
                    self._ready.set()
                case "failed":
                    self._failure = said.message
                case "have_port" | "alive":
                    pass

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill a daemon that hangs: whoever listens without answering stands in the way."""
        while True:
            await asyncio.sleep(self._hang_seconds / 4)
            if time.monotonic() - self._heard_at <= self._hang_seconds:
                continue
            await asyncio.sleep(self._hang_seconds / 4)  # we may have been the ones who slept
            if time.monotonic() - self._heard_at > self._hang_seconds:
                logger.error("the daemon has said nothing for %.0f s", self._hang_seconds)
                process.kill()
                return

    async def _end_in_order(self, process: asyncio.subprocess.Process) -> None:
        await self._asked_to_end.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.sleep(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _stand_in_again(self) -> None:
        if self.port is None or self._stand_in.listening:
            return
        try:
            await self._stand_in.listen(self.port)
        except OSError as error:
            logger.warning("cannot stand in on port %s: %s", self.port, error)

    def _end(self, keep_passing: bool) -> None:  # noqa: FBT001 - a signal's argument
        self._keep_passing = keep_passing
        self._asked_to_end.set()

    def _tell(self, **changes: object) -> None:
        self._now = msgspec.structs.replace(self._now, **changes)
        try:
            write_running(self._home, self._now)
        except OSError as error:  # a full disk must not end what keeps calls going
            logger.warning("cannot write %s: %s", self._home.running_path, error)


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return port_is_taken(port, "capture")
    return f"Port {port} of 127.0.0.1 cannot be used: {error.strerror or error}"
