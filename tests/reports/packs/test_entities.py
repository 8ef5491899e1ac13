"""What the gazetteer must hold to: ids that anyone would write so, and one thing to a name."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from mains.reports.packs import loader
from mains.reports.packs.loader import DATA, PackError, entities, languages

ID = re.compile(
    r"(app|city|country|event|model|org|plan|platform|programme|region|union)"
    r":[a-z0-9]+((-|(?<=\d)\.(?=\d))[a-z0-9]+)*"
)


def test_every_id_is_a_kind_and_a_slug_of_small_latin_letters() -> None:
    assert [entity.id for entity in entities() if not ID.fullmatch(entity.id)] == []


def test_nothing_is_listed_twice() -> None:
    held = [entity.id for entity in entities()]
    assert sorted({id_ for id_ in held if held.count(id_) > 1}) == []


def test_everything_has_a_name() -> None:
    assert [entity.id for entity in entities() if not any(entity.names.values())] == []


def test_what_a_thing_belongs_to_is_listed_too() -> None:
    held = {entity.id for entity in entities()}
    assert [e.id for e in entities() if e.within is not None and e.within not in held] == []


def test_no_language_gives_one_name_to_two_things() -> None:
    shared = set[str]()
    for code in languages():
        called: defaultdict[str, set[str]] = defaultdict(set)
        for entity in entities():
            for name in (*entity.names.get(code, ()), *entity.names.get("*", ())):
                called[name].add(entity.id)
        shared |= {f"{code}: {name}: {sorted(ids)}" for name, ids in called.items() if len(ids) > 1}
    assert sorted(shared) == []


@pytest.mark.parametrize("path", sorted((DATA / "entities").glob("*.yaml")), ids=lambda p: p.stem)
def test_lines_are_read_as_yaml_reads_them(path: Path) -> None:
    assert loader._mappings(path) == loader._yaml(path)


@pytest.mark.parametrize(
    "written",
    [
        '- {id: "city:bern", names: {de: [Bern, "Bärn: die Stadt"]}}',
        '- id: "city:bern"\n  names: {de: ["Bern", "Bärn: die Stadt"]}',
    ],
)
def test_a_list_may_be_written_in_any_yaml(tmp_path: Path, written: str) -> None:
    (tmp_path / "entities").mkdir()
    (tmp_path / "entities" / "cities.yaml").write_text(written, "utf-8")
    (bern,) = entities(tmp_path)
    assert bern.names == {"de": ("Bern", "Bärn: die Stadt")}


def test_a_key_that_no_entity_has_is_refused_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "entities").mkdir()
    (tmp_path / "entities" / "cities.yaml").write_text('- {id: "city:bern", nam: {}}', "utf-8")
    with pytest.raises(PackError, match=r"cities.yaml: 0\.nam"):
        entities(tmp_path)
