"""How languages state relations: `predicates.yaml` for all, `predicates/<code>.yaml` for each.

    words = predicate_words("pt")     # read once per process
    words.frames["builds"].verbs

Phrases are in the notation of `phrases.py`, but words are taken as they are written, never by
their stem. A phrase may have two parts: `treibt … voran` has its object between them, `将…>用于`
after the second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from mains.reports.packs.loader import DATA, UNDETERMINED, PackError
from mains.reports.packs.models import Closed, Phrases

SPLIT: Final = "…"
BEYOND: Final = ">"

Made = TypeVar("Made")


class PredicateRule(Closed):
    """One predicate in any language: an entry of `predicates.yaml`."""

    subjects: Phrases = ()
    """Kinds that a named subject may have; none given: any."""
    objects: Phrases = ()
    """Kinds that a named object may have; none given: any."""
    named_subject: bool = False
    """The subject must be named; a phrase alone doesn't do."""
    named_object: bool = False
    """The object must be named: the first one of an allowed kind after the trigger."""
    listed: bool = False
    """A coordination of objects gives one relation each."""
    swapped: bool = False
    """What the trigger takes as its object is the relation's subject: firms are eligible."""
    figures: Phrases = ()
    """Measures of the figures that a relation of this kind goes with."""


class Frame(Closed):
    """How one language states a predicate: triggers by where subject and object stand."""

    verbs: Phrases = ()
    """Subject, trigger, object."""
    passives: Phrases = ()
    """Object, trigger, subject: "developed by"."""
    nouns: Phrases = ()
    """Trigger, object; the clause's subject is the subject: "the construction of"."""
    finals: Phrases = ()
    """Subject, object, trigger."""
    impersonal: Phrases = ()
    """Trigger, object, and no subject but the one spoken of before: "the aim is to"."""
    subjects: Phrases = ()
    """Triggers that are themselves the subject, object after: "the fund will"."""
    needs: Phrases = ()
    """One of these must stand in the sentence."""
    links: Phrases = ()
    """Words directly between a named subject and a named object."""
    links_back: Phrases = ()
    """Words directly between a named object and a named subject: "R1 von DeepSeek"."""


class PredicateWords(Closed):
    """The whole file `predicates/<code>.yaml`."""

    joiners: Phrases = ()
    """Words between the last two members of a list."""
    articles: Phrases = ()
    """Words at a noun phrase's beginning that say nothing."""
    determiners: Phrases = ()
    """Words after which a word is a noun, though it is written like a verb."""
    auxiliaries: Phrases = ()
    """Verbs before which a noun phrase is a subject, and so no last member of a list."""
    stops: Phrases = ()
    """Words at which a noun phrase ends."""
    leads: Phrases = ()
    """Words at a clause's beginning that are no part of its subject: adverbs, "however"."""
    that: Phrases = ()
    """Words that open what somebody says."""
    examples: Phrases = ()
    """Words before members of a list: including, such as."""
    not_names: Phrases = ()
    """Words that are written with a capital letter and name nobody."""
    family_names: Phrases = ()
    """Characters that names of people begin with, in a script without capitals."""
    roles: Phrases = ()
    """Nouns of people's offices, beside those of `speech.roles`."""
    authorities: Phrases = ()
    """Nouns that speak for the place that they belong to: the government of, the mayor's office."""
    inversion: bool = False
    """The verb may stand before its subject in a plain sentence."""
    frames: Mapping[str, Frame] = Field(default_factory=dict)
    """By predicate."""


@cache
def predicate_rules(folder: Path = DATA) -> Mapping[str, PredicateRule]:
    """Return what holds of each predicate in any language."""
    adapter = TypeAdapter(dict[str, PredicateRule])
    return _read(folder / "predicates.yaml", adapter) or {}


@cache
def predicate_words(language: str | None, folder: Path = DATA) -> PredicateWords:
    """Return a language's words; none of them where it has no file.

    Raises PackError, naming file and key, where a file breaks the format.
    """
    code = (language or UNDETERMINED).replace("_", "-").split("-")[0].lower()
    path = folder / "predicates" / f"{code}.yaml"
    words = _read(path, TypeAdapter(PredicateWords)) or PredicateWords()
    unknown = sorted(set(words.frames) - set(predicate_rules(folder)))
    if unknown:
        raise PackError(f"{path}: frames: unknown predicate {unknown[0]!r}")
    return words


def _read(path: Path, adapter: TypeAdapter[Made]) -> Made | None:
    if not path.is_file():
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506 - it is safe
        return adapter.validate_python(raw or {})
    except yaml.YAMLError as error:
        raise PackError(f"{path}: is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PackError(f"{path}: {key}: {first['msg']}") from error
