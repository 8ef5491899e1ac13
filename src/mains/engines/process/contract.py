"""The portable contract: the environment that a task or a set-up of a run finds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mains.engines.process.environments import EnvironmentPlan
from mains.engines.process.folder import Json, RunFolder

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run_environment(
    folder: RunFolder,
    order: Json,
    plan: Json,
    confidential: Json,
    task: int,
    environment: Path | None,
) -> Mapping[str, str]:
    """Return a task's environment: ours first, then the job's own, then what no job may change."""
    accelerators = ",".join(str(device) for device in plan["devices"])
    named: dict[str, Any] = {
        **_common(folder),
        **confidential["network_environ"],
        **order["envs"],
        **confidential["secrets"],
    }
    if environment is not None:
        named["VIRTUAL_ENV"] = environment
        named["PATH"] = f"{environment / 'bin'}:{named['PATH']}"
    named |= {
        "MAINS_JOB_ID": order["job_id"],
        "MAINS_ATTEMPT_ID": order["attempt_id"],
        "MAINS_TASK_INDEX": task,
        "MAINS_DATA": folder.slot / "data",
        "MAINS_MODELS": folder.slot / "models",
        "MAINS_OUTPUT": folder.output(task),
        "MAINS_CHECKPOINT": folder.checkpoint(task),
        "MAINS_CPUS": order["cpus"],
        "MAINS_NODE_RANK": 0,
        "MAINS_NUM_NODES": 1,
        "MAINS_NODE_IPS": "127.0.0.1",
        "SKYPILOT_TASK_ID": order["job_id"],
        "SKYPILOT_NODE_RANK": 0,
        "SKYPILOT_NUM_NODES": 1,
        "SKYPILOT_NODE_IPS": "127.0.0.1",
        "SKYPILOT_NUM_GPUS_PER_NODE": len(plan["devices"]),
        "SLURM_ARRAY_TASK_ID": task,
        "CUDA_VISIBLE_DEVICES": accelerators,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    return {name: str(value) for name, value in named.items()}


def setup_environment(
    folder: RunFolder, plan: EnvironmentPlan, build: Path, confidential: Json
) -> Mapping[str, str]:
    """Return a set-up's environment: the site's registries, and none of the job's own values,
    which the key of the environment does not count."""
    named: dict[str, Any] = {
        "PIP_CACHE_DIR": plan.cache / "pip",
        **confidential["setup_environ"],
        **_common(folder),
        "UV_CACHE_DIR": plan.cache / "uv",
        "UV_LINK_MODE": "copy",
        "UV_COMPILE_BYTECODE": 1,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": 1,
        "PIP_PROGRESS_BAR": "off",
        "PIP_DISABLE_PIP_VERSION_CHECK": 1,
        "VIRTUAL_ENV": build,
        "PATH": f"{build / 'bin'}:{SYSTEM_PATH}",
        "MAINS_ATTEMPT_ID": folder.path.name,
        "MAINS_UV": plan.uv,
        "MAINS_PYTHON": plan.python,
        "MAINS_PIP_WHEEL": plan.pip_wheel,
    }
    return {name: str(value) for name, value in named.items()}


def _common(folder: RunFolder) -> dict[str, Any]:
    return {
        "PATH": SYSTEM_PATH,
        "LANG": "C.UTF-8",
        "HOME": folder.slot / "home",
        "TMPDIR": folder.slot / "tmp",
        "USER": "run",
        "LOGNAME": "run",
        "SHELL": "/bin/bash",
        "PYTHONUNBUFFERED": 1,
        "MAINS_RUN": folder.slot,
    }
