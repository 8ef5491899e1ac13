"""Documents are read as people read them: links, anchors, and examples with their output."""

from pathlib import Path

from tools.docs import anchors, links, unknown_commands
from tools.examples import Step, failures, find, matches, steps

PAGE = """
# Start

```console run
$ echo one two
one ...
$ cd /
```

```console
$ not run
```
"""


def test_anchors_are_spelt_as_code_hosts_spell_them() -> None:
    assert anchors("# What `mains up` does, twice\n```\n# no heading\n```\n") == {
        "what-mains-up-does-twice"
    }


def test_links_in_code_are_no_links() -> None:
    assert links("[a](b.md#c) `[d](e)`\n```\n[f](g)\n```\n") == ["b.md#c"]


def test_only_marked_blocks_are_examples_and_they_know_their_line() -> None:
    (example,) = find(Path("start.md"), PAGE)
    assert (example.place, example.network) == ("start.md:4", False)
    assert steps(example.body) == [Step("echo one two", ("one ...",)), Step("cd /", ())]


def test_an_example_that_prints_what_the_page_shows_passes() -> None:
    assert list(failures(list(find(Path("start.md"), PAGE)))) == []


def test_an_example_that_prints_something_else_or_fails_is_reported() -> None:
    other = PAGE.replace("one ...", "two").replace("cd /", "false")
    first, second = failures(list(find(Path("start.md"), other)))
    assert "start.md:4: `echo one two` printed" in first
    assert "start.md:4: `false` ended with 1" in second


def test_three_dots_stand_for_text_in_a_line_and_alone_for_lines() -> None:
    assert matches(["a ... c", "...", "z"], "a b c\nd\ne\nz\n")
    assert matches(["...", "z"], "z\n")
    assert not matches(["a ... c"], "a b d\n")
    assert not matches(["a"], "a\nb\n")


def test_commands_that_are_named_must_be_there() -> None:
    known = {"run": set[str](), "site": {"list", "add"}, "receipt": {"show", "verify"}}
    good = "`mains run job.yaml` `mains site list` `mains site` `mains receipt last`"
    assert unknown_commands(good, known) == []
    assert unknown_commands("*not yet:* `mains model list`", known) == []
    bad = "`mains fly` `mains site sell NAME` `mains --version`"
    assert unknown_commands(bad, known) == ["mains fly", "mains site sell", "mains --version"]
