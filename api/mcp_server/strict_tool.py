"""A tool that takes the arguments it names, and no others.

Belongs here: refusing arguments, in words an assistant can act on. Does not belong here: which tools there are
(`server`).

An argument that were ignored would be answered all the same: another period than was asked for, as if it were that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError

_NAME_LENGTH_MAX: Final = 64


class StrictTool(Tool):
    """A tool whose schema allows no further arguments, and which refuses them; make it with `strict`."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:  # noqa: FBT001 - the SDK's signature
        """Run the tool.

        Raises:
            ToolError: there is no such argument, a value does not fit, or the tool refused.
        """
        known = list(self.parameters.get("properties", {}))
        unknown = [name for name in arguments if name not in known]
        if unknown:
            takes = f"it takes {_listed(known)}" if known else "it takes none"
            raise ToolError(f"{self.name} has no argument {_listed([_quoted(name) for name in unknown])}; {takes}.")
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                # The library's own text shows the value again, and an address of its documentation.
                raise ToolError(f"{self.name}: {'; '.join(_faults(error.__cause__))}.") from None
            raise


def strict(function: Any, **settings: Any) -> Tool:
    """Return a function as a tool that refuses arguments it does not name.

    Args:
        function: whose parameters are the tool's.
        settings: title, annotations and the like, as the SDK takes them.
    """
    made = StrictTool.from_function(function, **settings)
    made.parameters["additionalProperties"] = False
    return made


def _faults(fault: ValidationError) -> list[str]:
    told: list[str] = []
    for one in fault.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(part) for part in one["loc"])
        told.append(
            f"{name} must be given"
            if one["type"] == "missing"
            else f"{name} {one['msg'].replace('Input should be', 'must be', 1)}"
        )
    return told


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _quoted(name: str) -> str:
    return ascii(name[:_NAME_LENGTH_MAX])
