"""Job files: what is read, what is refused, and by which name."""

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mains.errors import MainsError, SpecInvalid, SpecUnknownKey, SpecUnsupported
from mains.wire.spec import JobSpec, read_spec, spec_of

FULL = """
name: digits
workdir: .
resources:
  cpus: 4+
  memory: 16
  accelerators: H100:2
num_nodes: 1
setup: pip install scikit-learn
run: |
  python train.py
envs: {EPOCHS: 3, FAST: true}
secrets: {TOKEN: abc}
array: 0-19
time_limit: 1h30m
grace: 30s
budget: 12.50
programme: dongguan-2025
outputs: ["models/**"]
sites: [north]
retry: elsewhere
attempts_max: 5
"""


def read(text: str | bytes) -> JobSpec:
    return read_spec(text)[0]


def test_the_task_files_of_skypilots_users_are_read_as_they_are() -> None:
    spec, workdir = read_spec(FULL)
    assert (spec.name, workdir, spec.run) == ("digits", ".", "python train.py\n")
    resources = spec.resources
    assert (resources.cpus, resources.memory_bytes) == (4, 16 * 2**30)
    assert (resources.unit, resources.units) == ("h100", 2)
    assert spec.envs == {"EPOCHS": "3", "FAST": "True"}
    assert (spec.tasks, spec.time_seconds, spec.grace_seconds) == (20, 5_400, 30)
    assert (spec.budget, spec.programme, spec.sites) == ("12.5", "dongguan-2025", ["north"])
    assert (spec.outputs, spec.retry, spec.attempts_max) == (["models/**"], "elsewhere", 5)
    assert read(FULL.encode()) == spec
    assert spec.without_secrets().secrets == {"TOKEN": ""}


def test_what_a_job_file_leaves_out_has_its_default() -> None:
    spec, workdir = read_spec("run: 'true'")
    assert (spec.name, spec.tasks, spec.time_seconds, workdir) == ("job", 1, 3_600, None)
    assert (spec.resources.unit, spec.resources.units) == ("cpu", 1)
    empty = "run: x\nresources:\nenvs:\nsecrets:\nbudget:\nworkdir:\nsetup:"
    assert read(empty) == read("run: x")


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("runn: x", "runn", "Did you mean `run`?"),
        ("run: x\nresources: {cpu: 1}", "resources.cpu", "Did you mean `resources.cpus`?"),
        ("run: x\nzzz: 1", "zzz", "Known: array"),
        ("run: x\n7: 1", "7", "Known: array"),
    ],
)
def test_an_unknown_key_is_named_with_what_was_meant(text: str, key: str, hint: str) -> None:
    with pytest.raises(SpecUnknownKey) as caught:
        read(text)
    assert caught.value.facts == {"key": key}
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "run: x\nfile_mounts: {}",
        "run: x\nservice: {}",
        "run: x\nnum_nodes: 2",
        "run: x\nresources: {use_spot: true}",
        "run: x\nresources: {cloud: aws}",
    ],
)
def test_a_key_that_does_not_run_yet_is_refused_by_name(text: str) -> None:
    with pytest.raises(SpecUnsupported) as caught:
        read(text)
    assert "does not run yet" in caught.value.detail
    assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ("array: 20", "tasks", 20),
        ("array: 0-0", "tasks", 1),
        ("time_limit: 90", "time_seconds", 90),
        ("time_limit: 2d", "time_seconds", 172_800),
        ("time_limit: 1:30:00", "time_seconds", 5_400),
        ("grace: 0s", "grace_seconds", 0),
        ("budget: 3", "budget", "3"),
        ("programme: none", "programme", "none"),
    ],
)
def test_counts_and_times_are_read_as_people_write_them(
    value: str, field: str, expected: object
) -> None:
    assert getattr(read(f"run: x\n{value}"), field) == expected


@pytest.mark.parametrize(
    ("written", "count"),
    [("2GiB", 2**31), ("'2+'", 2**31), ("1.5", 3 * 2**29), ("500MB", 500_000_000)],
)
def test_memory_is_read_with_and_without_a_unit(written: str, count: int) -> None:
    assert read(f"run: x\nresources: {{memory: {written}}}").resources.memory_bytes == count


@pytest.mark.parametrize(
    ("written", "kind", "count"),
    [("A100", "a100", 1), ("'A100:8'", "a100", 8), ("{L4: 2}", "l4", 2)],
)
def test_accelerators_are_one_kind_and_a_count(written: str, kind: str, count: int) -> None:
    found = read(f"run: x\nresources: {{accelerators: {written}}}").resources
    assert (found.unit, found.units) == (kind, count)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not a mapping"),
        ("- run", "not a mapping"),
        ("run: [", "not YAML"),
        ("run: x\nname: 2001-99-99", "not YAML"),
        ("a: " + "[" * 5_000, "not YAML"),
        ("!!int x: 1", "not YAML"),
        ("x" * (2**21 + 1), "characters"),
        ("resources: {}", "`run`"),
        ("run: ''", "`run`"),
        ("run: [ls]", "`run`"),
        ('run: "a\\0b"', "`run`"),
        ("run: x\nname: Not A Name", "`name`"),
        ("run: x\nresources: [1]", "`resources`"),
        ("run: x\nresources: {cpus: -1}", "cpus"),
        ("run: x\nresources: {cpus: 0}", "cpus"),
        ("run: x\nresources: {cpus: 1e9}", "cpus"),
        ("run: x\nresources: {cpus: .nan}", "cpus"),
        ("run: x\nresources: {cpus: true}", "cpus"),
        ("run: x\nresources: {cpus: 99999999999999999999}", "cpus"),
        ("run: x\nresources: {memory: -1GiB}", "memory"),
        ("run: x\nresources: {memory: .inf}", "memory"),
        ("run: x\nresources: {memory: 1}\narray: -1", "array"),
        ("run: x\nresources: {memory: 9999999999TiB}", "memory"),
        ("run: x\nresources: {accelerators: 'H100:0'}", "accelerators"),
        ("run: x\nresources: {accelerators: 'H100:x'}", "accelerators"),
        ("run: x\nresources: {accelerators: {A: 1, B: 2}}", "accelerators"),
        ("run: x\narray: 1-5", "array"),
        ("run: x\narray: 0-9999999", "array"),
        ("run: x\narray: true", "array"),
        ("run: x\ntime_limit: soon", "time_limit"),
        ("run: x\ntime_limit: -5", "time_limit"),
        ("run: x\ntime_limit: 0", "time_limit"),
        ("run: x\ntime_limit: 31d", "time_limit"),
        ("run: x\ngrace: 1h", "grace"),
        ("run: x\nbudget: -1", "budget"),
        ("run: x\nbudget: .nan", "budget"),
        ("run: x\nbudget: 1e30", "budget"),
        ("run: x\nbudget: 9999999999999", "budget"),
        ("run: x\nbudget: 0.0000001", "budget"),
        ("run: x\nattempts_max: 1000000", "attempts_max"),
        ("run: x\nretry: always", "retry"),
        ("run: x\n[1, 2]: 1", "not YAML"),
        ("run: x\nenvs: [A]", "envs"),
        ("run: x\nenvs: {A: [1, 2]}", "`envs.A` is not one value"),
        ("run: x\nenvs: {A: }", "`envs.A` has no value"),
        ("run: x\nsecrets: {A: }", "`secrets.A` has no value"),
        ("run: x\nenvs: {'A B': x}", "envs"),
        ("run: x\nenvs: {'A=B': x}", "envs"),
        ("run: x\nworkdir: [a]", "workdir"),
        ("run: x\noutputs: ['../secrets']", "outputs"),
        ("run: x\noutputs: ['/etc']", "outputs"),
        ("run: x\nnum_nodes: one", "num_nodes"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_key(text: str, named: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        read(text)
    assert named in caught.value.detail


def test_bytes_that_are_no_text_are_no_job_file() -> None:
    with pytest.raises(SpecInvalid, match="not YAML"):
        read(b"run: \xff\xfe\xfa")


@pytest.mark.parametrize(
    "text",
    [
        "run: x\nsecrets: {TOKEN: 'canary-27d5",
        "run: x\nsecrets:\n  TOKEN: canary-27d5: more",
        "run: x\nsecrets: {TOKEN: *canary-27d5}",
        "run: x\nsecrets: {TOKEN: !canary-27d5 x}",
        "run: x\nsecrets: canary-27d5",
        "run: x\nsecrets: {TOKEN: [canary-27d5]}",
        "run: x\nsecrets: {'no name': canary-27d5}",
        'run: x\nsecrets: {TOKEN: "canary-27d5\\0"}',
    ],
)
def test_no_refusal_of_a_job_file_repeats_what_stands_in_it(text: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        read(text)
    assert "canary" not in f"{caught.value} {caught.value.hint} {caught.value.facts}"


def test_a_small_file_that_means_a_huge_one_is_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)
    )
    with pytest.raises(SpecInvalid, match="more than"):
        read(bomb)
    with pytest.raises(SpecInvalid, match="more than"):
        read("envs: &e {A: *e}\nrun: x")


def test_a_few_aliases_are_no_bomb() -> None:
    spec = read("run: &r echo\nsetup: *r\nenvs: &e {A: b}\nsecrets: *e")
    assert (spec.setup, spec.secrets) == ("echo", {"A": "b"})


def refused_or_read(read: Any) -> JobSpec | None:
    try:
        spec, _ = read()
    except MainsError as error:
        assert isinstance(error, SpecInvalid | SpecUnknownKey | SpecUnsupported)
        assert error.detail
        return None
    assert isinstance(spec, JobSpec)
    return spec


KEYS = st.sampled_from([*yaml.safe_load(FULL), "cpus", "memory", "accelerators", "file_mounts"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.binary(max_size=4),
    st.sampled_from(["0-3", "4GiB", "1h", "H100:2", "12.5", "none", "elsewhere"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | SCALARS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_document_is_read_or_refused_in_mains_own_words(document: dict[str, Any]) -> None:
    spec = refused_or_read(lambda: spec_of({"run": "x", **document}))
    if spec is not None:
        assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


@settings(max_examples=150)
@given(
    st.binary(max_size=60) | st.text(max_size=60),
    st.integers(0, len(FULL)),
    st.integers(0, len(FULL)),
)
def test_any_text_in_any_place_is_read_or_refused_in_mains_own_words(
    noise: str | bytes, start: int, end: int
) -> None:
    refused_or_read(lambda: read_spec(noise))
    if isinstance(noise, bytes):
        whole = FULL.encode()
        refused_or_read(lambda: read_spec(whole[:start] + noise + whole[end:]))
    else:
        refused_or_read(lambda: read_spec(FULL[:start] + noise + FULL[end:]))


def test_an_environment_that_no_process_could_have_is_refused() -> None:
    text = "run: 'true'\nenvs:\n" + "".join(f"  N{n}: {'x' * 32_000}\n" for n in range(20))
    with pytest.raises(SpecInvalid, match="envs and secrets take more than"):
        read_spec(text)
