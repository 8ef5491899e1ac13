"""What people and programs see."""

import io
import subprocess
import sys

import pytest

from mains.cli.output import (
    Output,
    clean,
    exit_code,
    parted,
    plain_table,
    show_error,
    size,
    span,
    starting,
)
from mains.errors import (
    AlreadyRunning,
    BadInput,
    Conflicting,
    Forbidden,
    Incompatible,
    InsufficientFunds,
    Internal,
    KeyInvalid,
    MainsError,
    NoOffer,
    NotFound,
    ServerUnreachable,
    SpecUnknownKey,
    StateConflict,
)
from tests.cli.doors import yuan


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard output a terminal; a fixture can't, for pytest changes it after those."""
    made = Terminal()
    monkeypatch.setattr("sys.stdout", made)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return made


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (BadInput, 2),
        (SpecUnknownKey, 2),
        (KeyInvalid, 3),
        (Forbidden, 3),
        (NotFound, 4),
        (Conflicting, 5),
        (StateConflict, 5),
        (InsufficientFunds, 6),
        (NoOffer, 6),
        (ServerUnreachable, 7),
        (Internal, 1),
        (Incompatible, 1),
        (AlreadyRunning, 1),
    ],
)
def test_an_exit_code_tells_the_kind_of_error(kind: type[MainsError], code: int) -> None:
    assert exit_code(kind("x")) == code


def test_an_error_says_what_happened_and_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    pools = {"a/cpu": "full", "b/cpu": "No pool"}
    error = NoOffer("No pool.", hint="Ask for less.", pools=pools, tried=["a", "b"])
    assert show_error(error, as_json=False) == 6
    assert capsys.readouterr().err.splitlines() == [
        "error [no_offer]: No pool.",
        "  a/cpu: full",
        "  tried: a, b",
        "  next: Ask for less.",
    ]


def test_a_plain_table_is_aligned_by_what_a_terminal_shows_and_cuts_nothing() -> None:
    rows = [("松山湖", "1.00 CNY"), ("x" * 100, ""), ("two\nlines", "12300.00 CNY")]
    lines = plain_table(("site", "unit hour"), rows, right=("unit hour",))
    assert lines[0].split() == ["SITE", "UNIT_HOUR"]
    assert lines[1] == "松山湖" + " " * 94 + "  " + "    1.00 CNY"
    assert lines[2] == "x" * 100 + "  " + " " * 11 + "-"
    assert "two lines" in lines[3]


def test_thousands_are_parted_for_people_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    a_terminal(monkeypatch)
    assert Output(as_json=False).amount(yuan("12300.00")) == "12,300.00 CNY"
    assert Output(as_json=True).amount(yuan("12300.00")) == "12300.00 CNY"
    assert Output(as_json=False).amount(None) == "-"
    assert parted("-1234567.5") == "-1,234,567.5" and parted("-0.50") == "-0.50"


def test_a_terminal_gets_a_coloured_table_and_no_colour_is_honoured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = a_terminal(monkeypatch)
    Output(as_json=False).table(("state",), [("succeeded",), ("[red]x[/red]",)])
    coloured = terminal.getvalue()
    assert "\x1b[32msucceeded" in coloured
    assert "[red]x[/red]" in coloured

    terminal.truncate(0)
    monkeypatch.setenv("NO_COLOR", "1")
    Output(as_json=False).table(("state",), [("succeeded",)])
    assert "\x1b[32m" not in terminal.getvalue() and "succeeded" in terminal.getvalue()


def test_a_narrow_terminal_breaks_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    rows = [("50556d4d72e7", "a job with a long name", "in a place that is far away")]
    Output(as_json=False).table(("job", "name", "site"), rows)
    assert "50556d4d72e7" in terminal.getvalue()


def test_text_from_elsewhere_cannot_steer_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    hostile = "\x1b]0;title\x07 \x1b[2J \x9b1m \u202eabc \r"
    out = Output(as_json=False)
    out.line(hostile)
    out.heading(hostile)
    out.table(("x",), [(hostile,)])
    shown = terminal.getvalue()
    for sign in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\r"):
        assert sign not in shown
    assert clean("tab\tand\nline") == "tab\tand\nline"


def test_spans_and_sizes_read_well() -> None:
    assert [span(0), span(59), span(3_661), span(90_061)] == ["0 s", "59 s", "1 h 1 min", "1 d 1 h"]
    assert [starting(None), starting(0), starting(60)] == ["unknown", "now", "in 1 min"]
    assert [size(0), size(1023), size(1536), size(5 * 2**40)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 TiB",
    ]


def test_help_loads_neither_the_client_nor_the_schemas() -> None:
    script = (
        "import sys; from mains.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'httpx', 'pydantic', 'cryptography', 'psycopg', 'fastapi'}\n"
        "print('loaded:', sorted(slow & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "receipt" in ran.stdout
    assert "loaded: []" in ran.stdout
