"""Running the refresh job in this process, on the home's persistent history.

Belongs here: keeping the graph between runs and turning a failed run into an error. Does not belong here: the graph
(`pipelines.assets.graph`) and the storage of runs (`pipelines.run_history`).
"""

from __future__ import annotations

from functools import lru_cache

from pipelines.run_history import forget_old_runs, run_history  # first: it switches Dagster's telemetry off

# isort: split
import dagster as dg

from pipelines.assets.graph import QUIET, REFRESH_JOB, build_graph
from pipelines.build import Build, BuildError
from pipelines.lake.paths import Home
from pipelines.publish import Published


def materialise(build: Build) -> Published:
    """Run every asset of the graph with this build.

    Returns:
        What was published.

    Raises:
        BuildError: a step failed; the message is the step's own reason.
    """
    # Parsing comes first: a project that does not parse has no graph to record a run of.
    build.runner.manifest()
    job = _refresh_job(build.home, build.runner.project_digest())
    history = run_history(build.home)
    outcome = job.execute_in_process(
        instance=history, run_config=QUIET, resources={"build": build}, raise_on_error=False
    )
    forget_old_runs(history)
    if not outcome.success or build.published is None:
        raise BuildError(_reason(outcome))
    return build.published


@lru_cache(maxsize=4)
def _refresh_job(home: Home, _project_digest: str) -> dg.JobDefinition:
    """Return the job; building it again costs a second and is needed only when the dbt project changed."""
    return build_graph(home).resolve_job_def(REFRESH_JOB)


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
