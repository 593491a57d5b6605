"""Taking from a process what it does not need: memory, time, files, other programs, and every network.

Belongs here: limits a child process puts on itself before it looks at anything from outside. Does not belong here: what
it then does (`renderer`, `prover`, `api.drawing.drawer`), starting it (`children`).

On Linux the kernel itself refuses `socket`, `connect` and new programs from then on (seccomp), in this process and in
all it might start; Python's own audit hook refuses them everywhere, and says so in plain words.
"""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
import sys
from typing import Any, Final

MEMORY_BYTES: Final = 3 * 1024**3
"""Address space: libraries map far more than they use."""
CPU_SECONDS: Final = 150
FILE_BYTES: Final = 64 * 1024**2
OPEN_FILES: Final = 64

_NO_NEW_PRIVILEGES: Final = 38
_SET_SECCOMP: Final = 22
_FILTER: Final = 2
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 13  # EACCES
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# socket, connect, bind, sendto, sendmsg, io_uring_setup, execve, execveat, ptrace, process_vm_writev
_MACHINES: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    "x86_64": (0xC000003E, (41, 42, 49, 44, 46, 425, 59, 322, 101, 311)),
    "aarch64": (0xC00000B7, (198, 203, 200, 206, 211, 425, 221, 281, 117, 271)),
}
_REFUSED_EVENTS: Final = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.posix_spawn",
    "os.system",
    "os.fork",
    "ctypes.dlopen",
)


class ConfinedError(RuntimeError):
    """Something was tried that a confined process may not do."""


def limit(
    memory_bytes: int = MEMORY_BYTES, cpu_seconds: int | None = CPU_SECONDS, *, counted: int = resource.RLIMIT_AS
) -> None:
    """Set the process' limits; the kernel ends or refuses whatever goes beyond them.

    Args:
        memory_bytes: what it may take.
        cpu_seconds: in all its life; None for one that lives long and has another limit.
        counted: which memory: address space, or `RLIMIT_DATA` where an engine reserves far more than it ever uses.
    """
    resource.setrlimit(counted, (memory_bytes, memory_bytes))
    if cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def cut_off() -> None:
    """Let the process reach nothing any more. Call it once everything is imported.

    Raises:
        OSError: the kernel did not take the filter.
    """
    if sys.platform == "linux" and platform.machine() in _MACHINES:
        _install_filter(*_MACHINES[platform.machine()])
    sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(_REFUSED_EVENTS):
        raise ConfinedError(f"a confined process tried {event}")


def _install_filter(architecture: int, calls: tuple[int, ...]) -> None:
    """Install a filter of system calls; see seccomp(2)."""
    count = len(calls)
    program = [
        _step(_LOAD, 0, 0, 4),
        _step(_EQUAL, 0, count + 2, architecture),  # another architecture: refuse
        _step(_LOAD, 0, 0, 0),
        _step(_AT_LEAST, count, 0, 0x40000000),  # the x32 numbers: refuse
        *(_step(_EQUAL, count - place - 1, 0 if place + 1 < count else 1, call) for place, call in enumerate(calls)),
        _step(_RETURN, 0, 0, _REFUSE),
        _step(_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    filtering = Program(len(program), ctypes.addressof(code))
    if (
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0
        or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(filtering)) != 0
    ):
        raise OSError(ctypes.get_errno(), "the kernel did not take the filter of system calls")


def _step(operation: int, if_true: int, if_false: int, operand: int) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, operand)
