"""HTTP by hand over a real socket: what a decent client library would refuse to send.

Belongs here: sending bytes and reading one answer. Does not belong here: what is sent (`requests`) and judged
(`campaign`).
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is 0 when the server hung up without a word."""

    status: int
    headers: dict[str, str]
    body: bytes


NO_ANSWER = Answer(0, {}, b"")


class RawClient:
    """One connection at a time to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, content: bytes, method: str, *, last: bool = False) -> Answer:
        """Send bytes and read the answer.

        Args:
            content: a whole request, or whatever.
            method: as an answer to HEAD has no body.
            last: nothing follows: the sending side is closed, so that a server does not wait for the rest.

        Raises:
            TimeoutError: there is no answer within a minute.
        """
        reused = self._socket is not None
        try:
            return self._exchange(content, method, last=last)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            self.close()
            # An idle connection may have been closed since; a fresh one tells more.
            return self.send(content, method, last=last) if reused else NO_ANSWER

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, content: bytes, method: str, *, last: bool) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_SECONDS)
        try:
            self._socket.sendall(content)
            if last:
                self._socket.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent: the answer may be there all the same
        answer = http.client.HTTPResponse(self._socket, method=method)
        try:
            answer.begin()
            body = answer.read()
        finally:
            answer.close()
        if last or answer.will_close:
            self.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)


def request(method: str, target: str, headers: dict[str, str | bytes], body: bytes | None) -> bytes:
    """Return a request as bytes; a length is added unless the headers say how long the body is."""
    lines = [f"{method} {target} HTTP/1.1".encode(), b"Host: 127.0.0.1"]
    lines += [name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
              for name, value in headers.items()]  # fmt: skip
    told = {name.lower() for name in headers}
    if body is not None and not {"content-length", "transfer-encoding"} & told:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")
