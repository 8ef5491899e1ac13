"""Language packs from their files, each read once per process.

`load_pack("pt")` returns the pack of a language. A language without a file gets a pack that holds
only what CLDR knows of it, or CLDR's root: figures still get spans and values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar, cast

import yaml
from babel.core import Locale, UnknownLocaleError
from pydantic import BaseModel, TypeAdapter, ValidationError

from mains.reports.packs.models import (
    Entity,
    Grammar,
    LanguageMeasures,
    MeasureRule,
    MeasureRules,
    NameWords,
    UnitName,
)
from mains.reports.packs.words import Tokenizer

DATA: Final = Path(__file__).parent / "data"
UNDETERMINED: Final = "und"
QUOTED_OR_KEY: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\w-]+(?=:)')

Made = TypeVar("Made")
Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.CSafeLoader):
    """The safe loader, but words stay words: "no", "on" and "null" are no values here."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own way
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if not (
                first in "yYnNoO" and tag in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:null")
            )
        ]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


class PackError(ValueError):
    """A pack's file that cannot be read: the message names the file and the key."""


@dataclass(frozen=True, eq=False)
class Pack:
    """Everything that the reader knows of one language; immutable once loaded."""

    code: str
    grammar: Grammar
    root: Grammar
    """What every language writes alike: `languages/und.yaml`."""
    locale: Locale
    """CLDR's data for the language, or its root."""
    tokenizer: Tokenizer
    measures: LanguageMeasures
    """How the language names measures and scopes."""
    rules: Mapping[str, MeasureRule]
    """Measures in any language."""
    units: Mapping[str, UnitName]
    """Units that any language writes alike, and the language's own."""
    entities: tuple[Entity, ...]
    """All things known by name; `names_of` tells which names hold in this language."""
    names: NameWords
    """Words that tell what the names beside them are."""
    _made: dict[Callable[[Pack], object], object] = field(default_factory=dict, repr=False)

    def derive(self, make: Callable[[Pack], Made]) -> Made:
        """Return `make(self)`, made once per pack: matchers and lexicons are kept this way."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(Made, self._made[make])

    def names_of(self, entity: Entity) -> tuple[str, ...]:
        """Return the entity's names in this language, those of any language included."""
        return (*entity.names.get(self.code, ()), *entity.names.get("*", ()))


@cache
def load_pack(language: str | None, folder: Path = DATA) -> Pack:
    """Return the pack of a BCP 47 code, or the bare pack of CLDR where there is no file.

    Raises PackError, naming file and key, where a file breaks the format.
    """
    code = (language or UNDETERMINED).replace("_", "-").split("-")[0].lower()
    path = folder / "languages" / f"{code}.yaml"
    grammar = _read(path, Grammar) if path.is_file() else Grammar(code=code)
    if grammar.code != code:
        raise PackError(f"{path}: code: is {grammar.code!r}, the file's name says {code!r}")
    root = _root(folder)
    return Pack(
        code=code,
        grammar=grammar,
        root=root,
        locale=_locale(code),
        tokenizer=_tokenizer(grammar, root),
        measures=_measures(folder / "measures" / f"{code}.yaml"),
        rules=measure_rules(folder),
        units={**_shared_units(folder), **_own_units(grammar)},
        entities=entities(folder),
        names=_names(folder / "names" / f"{code}.yaml"),
    )


@cache
def measure_rules(folder: Path = DATA) -> Mapping[str, MeasureRule]:
    """Return the measures of `measures.yaml`, groups of kinds written out."""
    path = folder / "measures.yaml"
    file = _read(path, MeasureRules) if path.is_file() else MeasureRules()
    times = {name: time for time, names in file.times.items() for name in names}
    return {
        name: rule.model_copy(
            update={
                "subjects": _kinds(rule.subjects, file.kinds),
                "time": times.get(name, rule.time),
            }
        )
        for name, rule in file.measures.items()
    }


@cache
def entities(folder: Path = DATA) -> tuple[Entity, ...]:
    """Return the things named in `entities/*.yaml`, in the order of files and lines."""
    adapter = TypeAdapter(list[Entity])
    return tuple(
        entity
        for path in sorted((folder / "entities").glob("*.yaml"))
        for entity in _check(path, adapter, _mappings(path) or _yaml(path) or [])
    )


def _mappings(path: Path) -> list[object] | None:
    """Return a list that has a mapping a line, its words in quotes; None where it is other YAML.

    Such a line is JSON but for its keys, and JSON is read in a tenth of the time.
    """
    lines = [line for line in path.read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    if not all(line.startswith("- {") for line in lines):
        return None
    joined = ",".join(line.removeprefix("- ") for line in lines)
    try:
        read: list[object] = json.loads(f"[{QUOTED_OR_KEY.sub(_in_quotes, joined)}]")
    except json.JSONDecodeError:
        return None
    return read


def _in_quotes(part: re.Match[str]) -> str:
    return part[0] if part[0].startswith('"') else f'"{part[0]}"'


@cache
def languages(folder: Path = DATA) -> tuple[str, ...]:
    """Return the codes of the languages that have a pack."""
    codes = {path.stem for path in (folder / "languages").glob("*.yaml")}
    return tuple(sorted(codes - {UNDETERMINED}))


def _kinds(subjects: Iterable[str], groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for name in subjects for kind in groups.get(name, (name,))))


@cache
def _shared_units(folder: Path) -> Mapping[str, UnitName]:
    raw = _check(
        folder / "units.yaml",
        TypeAdapter(dict[str, str | UnitName]),
        _yaml(folder / "units.yaml") if (folder / "units.yaml").is_file() else {},
    )
    return {name: _unit(unit) for name, unit in raw.items()}


def _own_units(grammar: Grammar) -> Mapping[str, UnitName]:
    return {name: _unit(unit) for name, unit in grammar.units.items()}


def _unit(unit: str | UnitName) -> UnitName:
    return UnitName(unit=unit) if isinstance(unit, str) else unit


@cache
def _root(folder: Path) -> Grammar:
    path = folder / "languages" / f"{UNDETERMINED}.yaml"
    return _read(path, Grammar) if path.is_file() else Grammar(code=UNDETERMINED)


def _tokenizer(grammar: Grammar, root: Grammar) -> Tokenizer:
    # Codes and short names that newsrooms write against the digits: RMB450, USD50, Rs500.
    names = [
        name
        for name in (*root.currencies, *grammar.currencies)
        if name.isalpha() and name.isascii() and len(name) <= len("RMB")
    ]
    dates = (re.findall(r"\{(?:year|m)\}(\w)", held.match) for held in grammar.periods.patterns)
    magnitudes = dict.fromkeys(
        (*grammar.numbers.scales, *grammar.numbers.multipliers, *chain.from_iterable(dates))
    )
    return Tokenizer(
        stemmer=grammar.stemmer,
        plurals=grammar.plurals,
        apostrophe=grammar.apostrophe,
        fold=grammar.fold,
        plain_space_groups=" " in grammar.separators.group,
        glued_prefixes=[name for name in names if len(name) > 1],
        glued_letters="".join(name for name in names if len(name) == 1),
        scales=(*grammar.numbers.scales, *grammar.numbers.short_scales),
        magnitudes="".join(m for m in magnitudes if len(m) == 1 and not m.isascii()),
    )


def _locale(code: str) -> Locale:
    try:
        return Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return Locale.parse("und") if _knows_root() else Locale("en")


@cache
def _knows_root() -> bool:
    try:
        Locale.parse("und")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _measures(path: Path) -> LanguageMeasures:
    if not path.is_file():
        return LanguageMeasures()
    raw = _yaml(path) or {}
    if not isinstance(raw, dict):
        raise PackError(f"{path}: is no mapping")
    scopes = raw.pop("scopes", {})
    return _check(path, TypeAdapter(LanguageMeasures), {"measures": raw, "scopes": scopes})


def _names(path: Path) -> NameWords:
    return _read(path, NameWords) if path.is_file() else NameWords()


def _read(path: Path, model: type[Model]) -> Model:
    return _check(path, TypeAdapter(model), _yaml(path) or {})


def _yaml(path: Path) -> object:
    try:
        read: object = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - it is safe
    except yaml.YAMLError as error:
        raise PackError(f"{path}: is no YAML: {error}") from error
    except UnicodeDecodeError as error:
        raise PackError(f"{path}: is not UTF-8") from error
    return read


def _check(path: Path, adapter: TypeAdapter[Made], raw: object) -> Made:
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PackError(f"{path}: {key}: {first['msg']}") from error
