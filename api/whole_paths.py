"""Parameters of paths that hold whatever something is called, line breaks included.

Belongs here: what `{slug:path}` takes; a module with such a route imports this one. Does not belong here: routes.

Starlette's own ends at a line break: a project with one in its name would have no page.
"""

from __future__ import annotations

from starlette.convertors import PathConvertor, register_url_convertor


class _WholePath(PathConvertor):
    regex = r"(?s:.*)"


register_url_convertor("path", _WholePath())
