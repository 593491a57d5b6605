"""Running the jobs in this process, on the home's persistent history.

Belongs here: keeping the graph between runs and turning a failed run into an error. Does not belong here: the graph
(`pipelines.assets.graph`) and the storage of runs (`pipelines.run_history`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pipelines.run_history import forget_old_runs, run_history  # first: it switches Dagster's telemetry off

# isort: split
import dagster as dg

from pipelines.analysis.build import AnalysisBuild, AnalysisError
from pipelines.assets.analysis import ANALYSIS_JOB
from pipelines.assets.graph import QUIET, REFRESH_JOB, build_graph
from pipelines.build import Build, BuildError
from pipelines.dbt_runner import DbtRunner
from pipelines.lake.analysis_catalog import AnalysisPointer
from pipelines.lake.paths import Home
from pipelines.publish import Published


def materialise(build: Build) -> Published:
    """Run every asset of the graph with this build.

    Returns:
        What was published.

    Raises:
        BuildError: a step failed; the message is the step's own reason.
    """
    outcome = _executed(build.home, build.runner, REFRESH_JOB, {"build": build})
    if not outcome.success or build.published is None:
        raise BuildError(_reason(outcome))
    return build.published


def materialise_analysis(build: AnalysisBuild) -> AnalysisPointer:
    """Run every asset of the analysis with this build.

    Returns:
        What was published.

    Raises:
        AnalysisError: a step failed; the message is the step's own reason.
    """
    outcome = _executed(build.home, build.runner, ANALYSIS_JOB, {"analysis": build})
    if not outcome.success or build.published is None:
        raise AnalysisError(_reason(outcome))
    return build.published


def _executed(home: Home, runner: DbtRunner, name: str, resources: dict[str, Any]) -> dg.ExecuteInProcessResult:
    # Parsing comes first: a project that does not parse has no graph to record a run of.
    runner.manifest()
    job = _job(home, name, runner.project_digest(analysis=True))
    history = run_history(home)
    outcome = job.execute_in_process(instance=history, run_config=QUIET, resources=resources, raise_on_error=False)
    forget_old_runs(history)
    return outcome


@lru_cache(maxsize=4)
def _job(home: Home, name: str, _project_digest: str) -> dg.JobDefinition:
    """Return a job; building it again costs a second and is needed only when the dbt project changed."""
    return build_graph(home).resolve_job_def(name)


def _reason(outcome: dg.ExecuteInProcessResult) -> str:
    """Return the first failed step's own reason, else the innermost error's."""
    for event in outcome.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error
            while error and error.cause:
                error = error.cause
            if error:
                return f"step {event.step_key} failed unexpectedly: {next(iter(error.message.splitlines()), '')}"
    return "the run ended without publishing"
