"""What the templates say and link to, in one language."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from mains.console.catalogue import PREFERRED, Catalogue, catalogues
from mains.console.figures import Figure, Figures
from mains.console.names import kind_of, name_of
from mains.console.static_files import static_files
from mains.reports.reconcile.views import Standing
from mains.reports.values import Claim, Edge
from mains.wire.live import LiveFigure

LINKED_SCHEMES: Final = ("https://", "http://")
_SIDED: Final = frozenset({"refines", "update", "conversion", "headline_drift"})


class Interface:
    """One language's words, figures and addresses; asked is the language that the address names."""

    def __init__(self, catalogue: Catalogue, *, asked: str | None) -> None:
        self.catalogue = catalogue
        self.code = catalogue.code
        self.direction = catalogue.locale.text_direction
        self.figures = Figures(catalogue)
        self._asked = asked

    # What stands on the page.

    def t(self, key: str, /, **slots: object) -> str:
        return self.catalogue.text(key, **slots)

    def slot(self, key: str, name: str, text: str) -> Markup:
        """Return a message with a document's own words in its slot, kept apart in direction."""
        own = Markup("<bdi>{}</bdi>").format(text)
        return Markup(escape(self.catalogue.messages[key])).format(**{name: own})  # noqa: S704

    def number(self, value: int) -> str:
        return self.figures.number(value)

    def plural(self, key: str, number: int) -> str:
        return self.catalogue.plural(key, number, n=self.number(number))

    def name(self, subject: str) -> str:
        return name_of(subject, self.code, otherwise=PREFERRED)

    def kind(self, subject: str) -> str:
        return self.catalogue.kind(kind_of(subject))

    def measure(self, measure: str) -> str:
        return self.catalogue.measure(measure)

    def language(self, code: str) -> str:
        """Return a language's name in this one; of an unknown one, its code."""
        name = self.catalogue.locale.languages.get(code, code)
        return str(name)[:1].upper() + str(name)[1:]

    def figure(self, of: Claim | Standing, measure: str | None = None) -> Figure:
        measure = of.measure if isinstance(of, Claim) else measure
        return self.figures.figure(of.value, of.unit, measure=measure, bound=of.bound)

    def unit(self, unit: str) -> str:
        return self.figures.unit(unit)

    def period(self, period: str | None) -> str:
        return self.figures.period(period)

    def live(self, figure: LiveFigure) -> str:
        return self.figures.value(figure.value, figure.unit, measure=None).exact

    def live_scope(self, counterpart: str | None) -> str:
        """Say what a live figure counts."""
        return self.catalogue.live_scopes.get(counterpart or "", "")

    def related(self, edge: Edge, claim_id: str) -> str:
        """Say what the other claim of an edge is to this one."""
        kind = edge.relation.value
        side = "a" if edge.a == claim_id else "b"
        return self.catalogue.edges[f"{kind}_{side}" if kind in _SIDED else kind]

    # Where it leads.

    def link(self, path: str, /, **query: str | int | None) -> str:
        """Return an address within the console that keeps the language asked for."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        if self._asked:
            given.setdefault("lang", self._asked)
        return f"{path}?{urlencode(given)}" if given else path

    def overview(self, **query: str | int | None) -> str:
        return self.link("/reports", **query)

    def subject_link(self, subject: str, **query: str | int | None) -> str:
        return self.link(f"/reports/subjects/{quote(subject, safe=':')}", **query)

    def claim_link(self, claim_id: str, fold: str = "") -> str:
        return self.link(f"/reports/claims/{quote(claim_id)}{fold}")

    def outside(self, url: str | None) -> str | None:
        """Return an address outside that may be linked to; no other scheme than that of the web."""
        return url if url and url.lower().startswith(LINKED_SCHEMES) else None

    def asset(self, name: str) -> str:
        return static_files()[name].address

    def others(self) -> Sequence[Catalogue]:
        return tuple(catalogues().values())
