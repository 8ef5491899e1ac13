"""Job files with their command line: variables, secrets, folders."""

import io
from pathlib import Path

import pytest

from mains.cli import jobfile
from mains.cli.requests import decimal_of
from mains.errors import NotFound, RequestInvalid, SpecInvalid, SpecUnknownKey

JOB = """
name: digits
envs: {EPOCHS: 1}
secrets: {TOKEN: null}
workdir: code
run: python train.py
"""


@pytest.fixture
def job(tmp_path: Path) -> str:
    (tmp_path / "code").mkdir()
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return str(path)


def test_the_command_line_goes_over_what_the_file_says(job: str, tmp_path: Path) -> None:
    environ = {"TOKEN": "from the environment"}
    found = jobfile.read(job, envs=["EPOCHS=2", "URL=a=b"], secrets=["TOKEN"], environ=environ)

    assert found.spec.envs == {"EPOCHS": "2", "URL": "a=b"}
    assert found.spec.secrets == {"TOKEN": "from the environment"}
    assert found.workdir == tmp_path / "code"


def test_a_secret_without_a_value_says_how_to_give_one(job: str) -> None:
    with pytest.raises(SpecInvalid) as raised:
        jobfile.read(job, envs=[], secrets=[], environ={})
    assert "--secret TOKEN=VALUE" in raised.value.hint


def test_a_secret_that_the_environment_lacks_is_named(job: str) -> None:
    with pytest.raises(RequestInvalid, match="the environment has no TOKEN"):
        jobfile.read(job, envs=[], secrets=["TOKEN"], environ={})


def test_an_assignment_without_a_name_never_shows_its_value() -> None:
    with pytest.raises(RequestInvalid) as raised:
        jobfile.assignments(["=hunter2"], option="--secret", environ={})
    assert "hunter2" not in raised.value.detail + raised.value.hint


def test_a_job_file_comes_from_standard_input_with_folders_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("run: 'true'\nworkdir: code"))
    found = jobfile.read("-", envs=[], secrets=[])
    assert found.workdir is not None and found.workdir.resolve() == tmp_path / "code"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("run: [", SpecInvalid),
        ("- run", SpecInvalid),
        ("run: 'true'\nenvs: [A]", SpecInvalid),
        ("run: 'true'\nworkdir: nowhere", SpecInvalid),
        ("run: 'true'\nrnu: 'true'", SpecUnknownKey),
    ],
)
def test_a_bad_job_file_is_told_before_anything_is_sent(
    tmp_path: Path, text: str, kind: type[Exception]
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(kind):
        jobfile.read(str(path), envs=["A=1"], secrets=[], environ={})


def test_a_missing_job_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        jobfile.read(str(tmp_path / "job.yaml"), envs=[], secrets=[])


def test_bytes_that_are_no_text_are_no_job_file(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecInvalid):
        jobfile.read(str(path), envs=[], secrets=[])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1,000,000", "1000000"), ("12,300.50", "12300.50"), ("0.40", "0.40"), ("1,5", "1,5")],
)
def test_thousands_may_be_parted_and_a_decimal_comma_is_left_to_be_refused(
    text: str, expected: str
) -> None:
    assert decimal_of(text) == expected
