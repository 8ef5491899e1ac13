"""Edges without a server: claims in the exchange format in, one JSON object an edge out."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mains.daemon.edges import claims_of, edges_between, main
from mains.errors import RequestInvalid

CLAIM: dict[str, object] = {
    "id": "a1",
    "doc": "north.txt",
    "start": 10,
    "end": 13,
    "quote": "183",
    "subject": "city:aldern",
    "measure": "registered_models",
    "scope": None,
    "value": "183",
    "unit": "count",
    "bound": "exact",
    "modality": "observed",
    "period": "2025",
    "speaker": None,
    "pair": None,
}
RELATION: dict[str, object] = {
    "id": "r1",
    "subject": "city:aldern",
    "predicate": "builds",
    "object": "org:some",
}


def lines(*items: dict[str, object]) -> str:
    return "".join(json.dumps(item) + "\n" for item in items) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "claims.jsonl"
    other = CLAIM | {"id": "b1", "doc": "south.txt", "value": "197", "status": "accepted"}
    waiting = CLAIM | {"id": "c1", "doc": "south.txt", "status": "queued", "subject": None}
    path.write_text(lines(CLAIM, RELATION, other, waiting), "utf-8")
    return path


def test_the_command_prints_the_edges_of_a_file(file: Path) -> None:
    command = [sys.executable, "-m", "mains.daemon.edges", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [edge] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (edge["a"], edge["b"], edge["relation"]) == ("a1", "b1", "conflict")
    assert set(edge) >= {"id", "a", "b", "relation", "reason"}


def test_one_relation_may_be_asked_for(
    file: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    main(str(file), relation="same")
    assert capfdbinary.readouterr().out == b""
    main(str(file), relation="conflict")
    assert b"conflict" in capfdbinary.readouterr().out


def test_claims_come_from_standard_input_too(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    main("-", relation=None)
    assert b"conflict" in capfdbinary.readouterr().out


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"id": "a1"}'])
def test_a_line_that_is_no_claim_is_named(line: str) -> None:
    with pytest.raises(RequestInvalid, match="Line 2"):
        list(claims_of([json.dumps(CLAIM), line]))


def test_a_file_that_cannot_be_read_ends_with_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mains.daemon.edges", str(tmp_path / "none.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "none.jsonl" in done.stderr and "Traceback" not in done.stderr


def test_objects_that_were_read_already_are_compared_too() -> None:
    found = edges_between([CLAIM, RELATION, CLAIM | {"id": "b1", "doc": "south.txt"}], {})
    assert [edge.relation.value for edge in found] == ["same"]
