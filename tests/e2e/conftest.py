"""The run's analysed home, for whoever looks at it in a browser; it is made once for all tests."""

from tests.pipelines.analysis.conftest import analysed
from tests.pipelines.conftest import built_home

__all__ = ["analysed", "built_home"]
