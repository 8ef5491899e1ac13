"""Every language of the interface is whole, and nothing else speaks."""

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from babel import Locale

from mains.console.catalogue import PREFERRED, Catalogue, catalogues, choose
from mains.reports.live import COUNTERPARTS
from mains.reports.packs.loader import measure_rules
from mains.reports.reconcile.views import ViewState
from mains.reports.values import Bound, EdgeKind, Modality
from mains.wire.reports import ClaimStatus

CODES = ("pt", "ru", "it", "de", "en", "zh", "fr", "es")
CONSOLE = Path("src/mains/console")
TEXTS = (
    *("messages", "measures", "kinds", "bounds", "bound_names", "modalities", "statuses", "states"),
    *("state_notes", "edges", "live_scopes", "units"),
)


def slots(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.fixture(params=CODES)
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return catalogues()[request.param]


def test_the_interface_has_these_languages() -> None:
    assert sorted(catalogues()) == sorted(CODES)


@pytest.mark.parametrize("part", TEXTS)
def test_each_catalogue_has_every_key_and_its_slots(catalogue: Catalogue, part: str) -> None:
    model: dict[str, str] = getattr(catalogues()[PREFERRED], part)
    own: dict[str, str] = getattr(catalogue, part)
    assert set(own) == set(model)
    assert all(text.strip() for text in own.values())
    assert {key: slots(text) for key, text in own.items()} == {
        key: slots(text) for key, text in model.items()
    }


def test_each_catalogue_has_every_form_of_its_plurals(catalogue: Catalogue) -> None:
    assert set(catalogue.plurals) == set(catalogues()[PREFERRED].plurals)
    wanted = set(Locale.parse(catalogue.code).plural_form.tags) | {"other"}
    for name, forms in catalogue.plurals.items():
        assert set(forms) == wanted, name
        assert all(slots(form) == {"n"} for form in forms.values())


def test_each_catalogue_names_all_that_claims_can_say(catalogue: Catalogue) -> None:
    assert set(catalogue.bounds) == set(catalogue.bound_names) == {each.value for each in Bound}
    assert set(catalogue.modalities) == {each.value for each in Modality}
    assert set(catalogue.states) == {each.value for each in ViewState}
    assert set(catalogue.statuses) == set(get_args(ClaimStatus))
    assert {key.removesuffix("_a").removesuffix("_b") for key in catalogue.edges} == {
        each.value for each in EdgeKind
    }
    assert set(catalogue.live_scopes) == {
        name for name, counterpart in COUNTERPARTS.items() if counterpart.query
    }
    assert slots(catalogue.rank) == {"measure"}
    assert [slots(half) for half in catalogue.halves] == [{"year"}, {"year"}]
    assert slots(catalogue.currencies["default"]) == {"n", "code"}


def test_each_catalogue_names_every_measure(catalogue: Catalogue) -> None:
    rules = measure_rules()
    wanted = {name for name, rule in rules.items() if not rule.neutral}
    assert set(catalogue.measures) == wanted
    kinds = {kind for rule in rules.values() for kind in rule.subjects}
    assert kinds <= set(catalogue.kinds)


def test_messages_that_templates_show_are_those_of_the_catalogues() -> None:
    said = "\n".join(path.read_text("utf-8") for path in CONSOLE.rglob("*.html"))
    said += "\n".join(path.read_text("utf-8") for path in CONSOLE.glob("*.py"))
    messages = set(catalogues()[PREFERRED].messages)
    asked = set(re.findall(r"ui\.(?:t|slot)\('([a-z_]+)'", said))
    assert asked <= messages
    assert {key for key in messages if f"'{key}'" not in said and f'"{key}"' not in said} == set()


def test_templates_and_scripts_hold_no_words_of_their_own() -> None:
    for path in CONSOLE.joinpath("templates").glob("*.html"):
        assert set(_words(path.read_text("utf-8"))) <= {"mains"}, path


def _words(template: str) -> Iterator[str]:
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", template, flags=re.DOTALL)
    bare = re.sub(r"<[^>]*>", " ", bare, flags=re.DOTALL)
    return (match[0] for match in re.finditer(r"[^\W\d_]{2,}", bare))


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        ("zh", "de", "zh"),
        ("zh-Hans-CN", "", "zh"),
        (None, "pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        (None, "nl, fr;q=0.3, ru;q=0.7", "ru"),
        (None, "de;q=0, it;q=0.1", "it"),
        (None, "de;q=many, es", "es"),
        ("tlh", "fr", "fr"),
        (None, "", "en"),
        ("../../etc", "<script>", "en"),
    ],
)
def test_a_language_is_taken_from_the_address_then_from_the_browser(
    asked: str | None, accepted: str, chosen: str
) -> None:
    assert choose(asked, accepted).code == chosen
