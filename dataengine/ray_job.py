"""What is special when the driver runs under `ray job submit`: its working directory is a copy that Ray deletes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dataengine.errors import ConfigError
from dataengine.io import is_remote

_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets this variable, so named, for the driver of a submitted job."""


def submission_id() -> str | None:
    """Return the id of the Ray job that this process drives, or None outside one."""
    config = os.environ.get(_JOB_CONFIG)
    if not config:
        return None
    metadata = json.loads(config).get("metadata") or {}
    identifier: str | None = metadata.get("job_submission_id")
    return identifier


def check_path(option: str, value: str) -> str:
    """Return `value` as an absolute path or remote address.

    Raises:
        ConfigError: under a Ray job, a relative path would be lost with the job's copy of the working directory.
    """
    if is_remote(value):
        return value
    path = Path(value).expanduser()
    if path.is_absolute():
        return str(path)
    if submission_id() is not None:
        raise ConfigError(
            f"{option} {value} is relative, and under `ray job submit` the working directory is a copy that Ray "
            f"deletes; give the absolute path, as `{option} $PWD/{value}` on the machine where you submit"
        )
    return str(path.resolve())
