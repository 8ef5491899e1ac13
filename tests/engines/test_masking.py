"""A run's own secrets never stand in its log, however its output is cut into pieces."""

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mains.engines.process.masking import MASK, Mask
from mains.engines.process.tasklog import TaskLog
from tests.engines.builders import ProcessSite, an_order, log_of, run, until_logged

PEM = "\n".join(
    ["-----BEGIN PRIVATE KEY-----", "MC4CAQAwBQYDK2VwBCIEIMAINScanary", "-----END PRIVATE KEY-----"]
)
SECRET = "hunter2/with words+&"


def masked(values: list[str], *pieces: bytes) -> bytes:
    mask = Mask(values)
    return b"".join([*(mask.feed(piece) for piece in pieces), mask.flush()])


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        json.dumps({"token": SECRET})[11:-2],
    ],
)
def test_a_value_is_masked_as_it_is_and_as_urls_and_json_write_it(written: str) -> None:
    assert masked([SECRET], f"a {written} b".encode()) == b"a *** b"


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("behind", ["", "x", "xy"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_a_value_is_masked_whatever_stands_around_it(
    before: str, behind: str, encode: object
) -> None:
    assert callable(encode)
    written = encode(f"{before}{SECRET}{behind}".encode())
    said = masked([SECRET], b"Authorization: Basic " + written + b"\n")
    assert MASK in said
    left = said.removeprefix(b"Authorization: Basic ").replace(MASK, b"").strip()
    assert len(left) <= len(before) * 2 + len(behind) * 2 + 6


def test_each_line_of_a_value_is_masked_alone_too() -> None:
    indented = "".join(f"    {line}\r\n" for line in PEM.splitlines())
    assert masked([PEM], indented.encode()) == b"    ***\r\n" * 3


def test_what_is_too_short_to_mask_and_what_only_begins_like_a_value_stays() -> None:
    assert masked(["yes", "", "12345"], b"yes 12345") == b"yes 12345"
    assert masked([SECRET], b"hunter2/with", b" other words") == b"hunter2/with other words"
    assert masked([], b"anything") == b"anything"


def test_only_what_may_begin_a_value_is_held_back() -> None:
    mask = Mask([SECRET])
    assert mask.feed(b"50 %") == b"50 %"
    assert mask.feed(b"... hunt") == b"... "
    assert mask.feed(b"ing\n") == b"hunting\n"
    assert mask.feed(b"hunter2/with words+&") == b"***"
    assert mask.flush() == b""


def test_values_that_overlap_leave_nothing_between_them() -> None:
    values = ["abcdefgh", "efghijkl", "abcdefghXYZ123"]
    assert masked(values, b"-abcdefghijkl-") == b"-***-"
    assert masked(values, b"-abcdefgh", b"ijkl-") == b"-***-"
    assert masked(values, b"-abcdefgh", b"XYZ12", b"3-") == b"-***-"
    assert masked(values, b"-abcdefgh", b"XYZ1-") == b"-***XYZ1-"


@given(
    st.lists(st.text("ab", min_size=6, max_size=12), min_size=1, max_size=3),
    st.text("ab-", max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_however_the_stream_is_cut_the_log_is_the_same(
    values: list[str], text: str, cuts: list[int]
) -> None:
    stream, cuts = text.encode(), sorted(cuts)
    pieces = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = masked(values, stream)
    assert masked(values, *pieces) == whole
    assert not any(value.encode() in whole for value in values)


def test_a_log_keeps_its_bound_and_its_own_lines(tmp_path: Path) -> None:
    log = TaskLog(tmp_path / "0.log", bytes_max=120, secrets=[SECRET])
    log.write(b"begin hunter2/")
    log.say("setup: done")
    log.write(f"{SECRET}\n".encode() * 100)
    log.close()
    kept = (tmp_path / "0.log").read_text()
    assert kept.startswith("begin hunter2/[mains] setup: done\n***\n***\n")
    assert kept.endswith("[mains] log truncated at 120 bytes\n")
    assert len(kept) <= 120


@pytest.mark.anyio
async def test_what_a_run_prints_of_its_own_secrets_never_reaches_its_log(
    process_site: ProcessSite,
) -> None:
    order = an_order(
        'echo "plain $TOKEN"; env | grep TOKEN; printf "%s" "$KEY"; echo ready >&2; '
        'printf "cut ${TOKEN:0:5}"; sleep 0.3; printf "%s\\n" "${TOKEN:5}"; '
        'printf "$TOKEN" | base64; echo "$TOKEN" >&2; exec 3>&1; echo "$TOKEN" >&3',
        secrets={"TOKEN": SECRET, "KEY": PEM},
    )
    await process_site.engine.start(order, bundle=None)
    await until_logged(process_site, order, "ready")
    await run(process_site, order)
    log = await log_of(process_site, order)
    kept = "".join(path.read_text() for path in process_site.run_folder(order).glob("logs/*"))
    assert log == kept
    assert log.splitlines() == [
        "plain ***",
        "TOKEN=***",
        "***ready",
        "cut ***",
        log.splitlines()[4],
        "***",
        "***",
    ]
    for canary in (SECRET, *PEM.splitlines(), base64.b64encode(SECRET.encode())[:-4].decode()):
        assert canary not in log
