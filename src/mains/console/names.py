"""Names of subjects in the reader's language, from the packs' entities."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from babel import Locale

from mains.reports.packs.loader import entities

FOUND_MAX: Final = 500
COUNTRY_LETTERS: Final = 2
ANY_LANGUAGE: Final = "*"

_SYNTAX: Final = frozenset("=*?|()")
"""What a name is spelt with when it is a pattern: such a name is no name for people."""


def name_of(subject: str, language: str, *, otherwise: str) -> str:
    """Return a subject's name in a language, in any, or the words of its id."""
    if territory := _territories().get(subject):
        return str(Locale.parse(language).territories[territory])
    known = all_names().get(subject, {})
    for code in (language, ANY_LANGUAGE, otherwise):
        if code in known:
            return known[code]
    words = subject.partition(":")[2] or subject
    return words.replace("-", " ").replace("_", " ").title() if ":" in subject else subject


def kind_of(subject: str) -> str:
    """Return the kind that a subject's id begins with, or nothing."""
    kind, colon, _ = subject.partition(":")
    return kind if colon else ""


def named(text: str) -> Sequence[str]:
    """Return the ids of the subjects that have a name, in any language, with this text in it."""
    wanted = text.casefold()
    found = [
        entity.id
        for entity in entities()
        if any(wanted in name.casefold() for names in entity.names.values() for name in names)
    ]
    return found[:FOUND_MAX]


@cache
def all_names() -> Mapping[str, Mapping[str, str]]:
    """Return the names of subjects by their ids, one for each language that has one."""
    return {
        entity.id: {
            language: plain[0]
            for language, names in entity.names.items()
            if (plain := [name for name in names if not _SYNTAX & set(name)])
        }
        for entity in entities()
    }


@cache
def _territories() -> Mapping[str, str]:
    """Return the codes of CLDR's countries by the ids that the packs give them."""
    english = Locale.parse("en").territories
    return {
        f"country:{_slug(name)}": code
        for code, name in english.items()
        if len(code) == COUNTRY_LETTERS and code.isalpha()
    }


def _slug(name: str) -> str:
    kept = "".join(letter if letter.isalnum() else " " for letter in name.casefold())
    return "-".join(kept.split())
