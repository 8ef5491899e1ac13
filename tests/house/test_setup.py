"""Setting up says in plain words what is missing, and does nothing when all is there."""

import os
import shutil
import subprocess
from pathlib import Path

SETUP = Path("tools/setup.sh")


def a_checkout(folder: Path) -> Path:
    (folder / "tools").mkdir()
    shutil.copy(SETUP, folder / "tools")
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).write_text("", encoding="utf-8")
    return folder


def a_python(folder: Path, *, version: str, new_enough: bool, has_venv: bool) -> str:
    """An interpreter that answers the three questions of the script and nothing else."""
    path = folder / "python"
    path.write_text(
        "#!/bin/sh\n"
        'case "$2" in\n'
        f"  *print*) echo {version} ;;\n"
        f"  *ensurepip*) exit {int(not has_venv)} ;;\n"
        f"  *) exit {int(not new_enough)} ;;\n"
        "esac\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return str(path)


def set_up(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "tools" / "setup.sh")],
        env={**os.environ, "PYTHON": python},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    done = set_up(a_checkout(tmp_path), "python-of-nowhere")
    assert done.returncode == 1
    assert "there is no 'python-of-nowhere'" in done.stdout
    assert "apt install python3" in done.stdout


def test_an_old_python_is_named_with_its_version(tmp_path: Path) -> None:
    python = a_python(tmp_path, version="3.9", new_enough=False, has_venv=True)
    done = set_up(a_checkout(tmp_path), python)
    assert done.returncode == 1
    assert "is Python 3.9, and mains needs 3.11 or newer" in done.stdout


def test_a_python_without_venv_is_told_which_package_has_it(tmp_path: Path) -> None:
    python = a_python(tmp_path, version="3.12", new_enough=True, has_venv=False)
    done = set_up(a_checkout(tmp_path), python)
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_a_second_run_does_nothing_until_the_lock_changes(tmp_path: Path) -> None:
    checkout = a_checkout(tmp_path)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    python = a_python(checkout / ".venv" / "bin", version="3.12", new_enough=True, has_venv=True)
    assert set_up(checkout, python).returncode == 0
    again = set_up(checkout, "python-of-nowhere")
    assert (again.returncode, again.stdout) == (0, "")
    (checkout / "requirements.lock").write_text("rich==15\n", encoding="utf-8")
    assert set_up(checkout, "python-of-nowhere").returncode == 1
