"""Contexts: a private file, written whole, and the order in which one is chosen."""

import json
import os
import stat
from pathlib import Path

import pytest

from mains.cli import contexts
from mains.cli.contexts import Context, Contexts
from mains.errors import KeyMissing, NotFound, ServerUnreachable, StoreCorrupt

HERE = Context("here", "http://127.0.0.1:8000", "key-of-here")
THERE = Context("there", "https://mains.example", "key-of-there", server_key="ab" * 32)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def local_server(home: Path, url: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "up.json").write_text(json.dumps({"url": url, "pid": 1}))


def test_what_is_saved_is_loaded_again_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mains"
    known = Contexts().having(HERE).having(THERE)
    before = os.umask(0)
    try:
        contexts.save(known, folder)
    finally:
        os.umask(before)

    assert contexts.load(folder) == known
    assert mode(folder) == 0o700
    assert mode(folder / contexts.FILE_NAME) == 0o600
    assert [path.name for path in folder.iterdir()] == [contexts.FILE_NAME]


def test_a_file_that_others_could_read_is_private_after_the_next_save(tmp_path: Path) -> None:
    contexts.save(Contexts().having(HERE), tmp_path)
    (tmp_path / contexts.FILE_NAME).chmod(0o644)

    contexts.save(Contexts().having(THERE), tmp_path)

    assert mode(tmp_path / contexts.FILE_NAME) == 0o600


def test_a_save_that_fails_leaves_the_contexts_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts.save(Contexts().having(HERE), tmp_path)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        contexts.save(Contexts().having(THERE), tmp_path)

    assert contexts.load(tmp_path) == Contexts().having(HERE)
    assert [path.name for path in tmp_path.iterdir()] == [contexts.FILE_NAME]


@pytest.mark.parametrize("text", ["", "[]", '{"known": 1}', '{"known": {"a": {"colour": "red"}}}'])
def test_a_file_of_another_shape_is_named_and_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / contexts.FILE_NAME).write_text(text)
    with pytest.raises(StoreCorrupt, match=contexts.FILE_NAME):
        contexts.load(tmp_path)
    assert (tmp_path / contexts.FILE_NAME).read_text() == text


def test_the_option_goes_before_the_environment_before_the_current_context(tmp_path: Path) -> None:
    known = Contexts().having(THERE).having(HERE)
    away = {"MAINS_URL": "http://10.0.0.1", "MAINS_KEY": "k", "MAINS_CONTEXT": "there"}
    home = {"MAINS_HOME": str(tmp_path)}

    assert contexts.choose("there", known, away | home) == Context(
        "there", THERE.url, "k", server_key=THERE.server_key
    )
    assert contexts.choose(None, known, away | home).url == "http://10.0.0.1"
    assert contexts.choose(None, known, {"MAINS_CONTEXT": "there"} | home) == THERE
    assert contexts.choose(None, known, home) == HERE


def test_an_unknown_name_and_no_context_at_all_say_what_to_do(tmp_path: Path) -> None:
    environ = {"MAINS_HOME": str(tmp_path)}
    with pytest.raises(NotFound) as unknown:
        contexts.choose("elsewhere", Contexts(), environ)
    with pytest.raises(ServerUnreachable) as none:
        contexts.choose(None, Contexts(), environ)
    local_server(tmp_path, "http://127.0.0.1:4321")
    with pytest.raises(ServerUnreachable) as not_yet:
        contexts.choose(None, Contexts(), environ)

    assert "mains login" in unknown.value.hint
    assert "mains up" in none.value.hint
    assert "http://127.0.0.1:4321" in not_yet.value.hint


def test_a_local_context_follows_the_port_of_the_last_start(tmp_path: Path) -> None:
    local_server(tmp_path, "http://127.0.0.1:1001")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "administrator").write_text("mains_abc\n")
    environ = {"MAINS_HOME": str(tmp_path)}

    found = contexts.local_server(environ)
    assert found == Context("local", "http://127.0.0.1:1001", "mains_abc", home=str(tmp_path))
    known = Contexts().having(found)
    local_server(tmp_path, "http://127.0.0.1:1002")

    assert contexts.choose(None, known, environ).url == "http://127.0.0.1:1002"
    (tmp_path / "up.json").unlink()
    assert contexts.choose(None, known, environ).url == "http://127.0.0.1:1001"
    assert contexts.local_server(environ) is None


def test_a_context_without_a_key_asks_for_a_login() -> None:
    with pytest.raises(KeyMissing, match=r"https://mains\.example"):
        contexts.require_key(Context("there", "https://mains.example"))


def test_a_key_is_in_no_text_that_an_error_could_show() -> None:
    assert "key-of-here" not in repr(HERE) + str(Contexts().having(HERE))
