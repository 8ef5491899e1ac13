"""The languages of the interface: one catalogue of messages and words each, as data.

`catalogues/<code>.yaml` is a whole language: another file is another language. A message has
`{slots}`; a plural has one form per category of CLDR.
"""

import importlib.resources
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Final, Literal

import yaml
from babel import Locale
from pydantic import BaseModel, ConfigDict

PREFERRED: Final = "en"
"""What is shown to somebody whose languages are not among ours."""

RANK: Final = "rank_"

Text = Mapping[str, str]


class Catalogue(BaseModel):
    """One language of the interface. Every catalogue has the same keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    name: str
    """The language's own name."""
    region: str
    """The locale of CLDR that dates and numbers follow."""
    compact: Literal["short", "long"]
    """Which of CLDR's compact forms of numbers reads well: "450 Mrd." or "450 billion"."""
    messages: Text
    plurals: Mapping[str, Text]
    measures: Text
    rank: str
    """The name of a rank by what is ranked: {measure}."""
    kinds: Text
    """Kinds of subjects: city, org ..."""
    bounds: Text
    """A figure {n} with its bound."""
    bound_names: Text
    modalities: Text
    statuses: Text
    states: Text
    state_notes: Text
    edges: Text
    """What the other claim of an edge is to this one; `_a` and `_b` where this one is a or b."""
    live_scopes: Text
    """What a live figure counts, by its counterpart's code."""
    units: Text
    """{n} with a unit that CLDR has no name for."""
    currencies: Text
    """{n} with a currency, by its code; `default` is the form of all others."""
    halves: tuple[str, str]
    """The first and the second half of the {year}."""

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.region)

    def text(self, key: str, /, **slots: object) -> str:
        """Return a message with its slots filled; an unknown key is a bug."""
        return self.messages[key].format(**slots)

    def plural(self, key: str, number: int | Decimal, /, *, n: str) -> str:
        """Return the form that a number takes, with the number as it is written."""
        forms = self.plurals[key]
        return forms.get(self.locale.plural_form(number), forms["other"]).format(n=n)

    def measure(self, name: str) -> str:
        """Return a measure's name; of one that no catalogue knows, its words."""
        if known := self.measures.get(name):
            return known
        if name.startswith(RANK):
            return self.rank.format(measure=self.measure(name.removeprefix(RANK)))
        return name.replace("_", " ")

    def kind(self, name: str) -> str:
        return self.kinds.get(name, name)

    @property
    def measures_by_name(self) -> Sequence[tuple[str, str]]:
        return sorted(self.measures.items(), key=lambda item: item[1].casefold())


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """Return every catalogue by its code, in the order of the languages' own names."""
    folder = importlib.resources.files("mains.console").joinpath("catalogues")
    read = [
        Catalogue.model_validate(yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader))
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    ]
    return {each.code: each for each in sorted(read, key=lambda each: each.name.casefold())}


def choose(asked: str | None, accepted: str) -> Catalogue:
    """Return the language asked for, else the best of an Accept-Language header that is here."""
    known = catalogues()
    wanted = [asked or "", *_accepted(accepted)]
    for code in wanted:
        primary = code.replace("_", "-").split("-")[0].lower()
        if primary in known:
            return known[primary]
    return known[PREFERRED]


def _accepted(header: str) -> list[str]:
    """Return the codes of an Accept-Language header, the most wanted first."""
    weighed = []
    for place, part in enumerate(header[:1_000].split(",")):
        code, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, code.strip()))
        except ValueError:
            continue
    return [code for weight, _, code in sorted(weighed) if weight < 0]
