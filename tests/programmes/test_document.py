"""The language of documents: what is read, and what is said about what is not."""

import pytest

from mains.errors import DocumentInvalid
from mains.programmes import service
from mains.programmes.document import (
    CONDITIONS_MAX,
    AllOf,
    AnyOf,
    Comparison,
    read_canonical,
    read_document,
    sha256_of,
)
from tests.programmes.builders import DONGGUAN, a_document, a_text, yuan

WHERE = "{field: type, op: in, value: [firm, university, institute]}"


def test_the_dongguan_pack_says_what_was_published() -> None:
    document = read_document(DONGGUAN)
    assert document.name == "dongguan-2025"
    assert document.source == "compiled, unverified"
    assert (document.programme, document.year) == ("Dongguan compute voucher", 2025)
    assert (document.currency, document.time_zone) == ("CNY", "Asia/Shanghai")
    assert document.pot_money == yuan(50_000_000)
    assert document.rules.rate.basis_points == 5_000
    cap = document.rules.cap_per_organisation
    assert cap is not None
    assert (cap.micros, cap.period) == (yuan(1_000_000).micros, "calendar_year")


def test_every_pack_is_readable_and_named_as_its_file() -> None:
    assert service.packs()
    for name, text in service.packs().items():
        assert read_document(text).name == name


def test_the_canonical_text_reads_as_the_same_document() -> None:
    document = read_document(DONGGUAN)
    assert read_canonical(document.canonical()) == document
    assert read_document(document.canonical()) == document


def test_the_hash_of_a_document_never_changes() -> None:
    """A changed hash here means that published documents would no longer be themselves."""
    expected = "sha256:96fdb3b9112d9435c0a9935f31cd16b9454a8893121e262107aa9a57807b596e"
    assert sha256_of(read_document(DONGGUAN).canonical()) == expected


def test_spelling_does_not_change_a_document() -> None:
    plain = read_document(DONGGUAN).canonical()
    assert a_document(percent='"50.0%"').canonical() == plain
    assert a_document(pot='"50000000.00"').canonical() == plain
    assert a_document(**{"from": '"2025-01-01"'}).canonical() == plain
    basis_points = DONGGUAN.replace("percent: 50 %", "basis_points: 5000")
    assert read_document(basis_points).canonical() == plain


@pytest.mark.parametrize(
    ("percent", "basis_points"), [("50 %", 5_000), ("100", 10_000), ("12.5 %", 1_250), ("0.01%", 1)]
)
def test_rates_are_read_in_percent(percent: str, basis_points: int) -> None:
    document = a_document(percent=f'"{percent}"')
    assert document.rules.rate.basis_points == basis_points


def test_conditions_are_joined_by_all_and_any() -> None:
    where = (
        "{all: [{field: type, op: is, value: firm}, "
        "{any: [{field: attributes.start_up, op: is, value: true}]}]}"
    )
    eligibility = a_document(where=where).rules.eligibility
    assert eligibility is not None
    assert isinstance(eligibility.where, AllOf)
    first, second = eligibility.where.all_of
    assert isinstance(first, Comparison)
    assert isinstance(second, AnyOf)
    assert read_canonical(a_document(where=where).canonical()) == a_document(where=where)


REFUSED = [
    ("percent: 50 %", "percnt: 50 %", "unknown key `percnt`, did you mean `percent`?"),
    ("pot: 5", "jackpot: 1\npot: 5", "unknown key `jackpot`"),
    ("percent: 50 %", "percent: 12.5", 'write a percentage such as "50 %"'),
    ("percent: 50 %", "percent: true", "write a percentage"),
    ("percent: 50 %", "percent: half", "write a percentage"),
    ("percent: 50 %", "percent: 12.345 %", "at most two decimals"),
    ("percent: 50 %", "percent: NaN %", "write a percentage"),
    ("percent: 50 %", "percent: 120 %", "at most 100 %"),
    ("percent: 50 %", "percent: 0", "more than 0 %"),
    ("percent: 50 %", "percent: 50 %\n    basis_points: 5000", "not both"),
    ("percent: 50 %", "basis_points: 10001", "`rules.rate.basis_points`"),
    ("percent: 50 %", "basis_points: 50.0", "`rules.rate.basis_points`"),
    ("pot: 50000000", "pot: 1.5", "`pot`: write an amount"),
    ("pot: 50000000", "pot: true", "`pot`: write an amount"),
    ("pot: 50000000", "pot: 0", "`pot`: an amount here is more than nothing"),
    ("pot: 50000000", 'pot: "0.0000001"', "`pot`: '0.0000001' has more than six decimals"),
    ("pot: 50000000", "pot: many", "`pot`: 'many' is not a decimal amount"),
    ("amount: 1000000", "amount: -3", "`rules.cap_per_organisation.amount`"),
    ("period: calendar_year", "period: weekly", "'calendar_month'"),
    ("Asia/Shanghai", "Mars", "`time_zone`: not a time zone"),
    ("Asia/Shanghai", "/etc/passwd", "`time_zone`: not a time zone"),
    ("currency: CNY", "currency: yuan", "`currency`: 'yuan' is not a currency"),
    ("until: 2027-12-31", "until: 2024-12-31", "lies before `from`"),
    ("until: 2027-12-31", "until: 9999-12-31", "too far away"),
    ("from: 2025-01-01", "from: 0001-01-01", "too far back"),
    ("source: compiled", 'source: "\\0" # compiled', "`source`"),
    ("until: 2027-12-31", "until: soon", "`valid.until`"),
    ("id: voucher.terms", "id: rate.default", "two clauses have the id `rate.default`"),
    ("id: voucher.terms", "id: Voucher!", "`rules.voucher.id`"),
    ("    valid_days: 365\n", "", "`rules.voucher.valid_days`: this key is missing"),
    ("sites: any", "sites: [A B]", "`rules.purchases.sites`: write `any`, or a list"),
    ("sites: any", "sites: []", "`rules.purchases.sites`: write `any`, or a list"),
    ("sites: any", "sites: dongguan", "`rules.purchases.sites`: write `any`, or a list"),
    ("op: in", "op: resembles", "`rules.eligibility.where.op`"),
    ("field: type", "field: colour", "`rules.eligibility.where.field`"),
    ("value: [firm, university, institute]", "value: firm", "`in` is followed by a list"),
    (WHERE, "{field: type, op: is, value: [firm]}", "`is` is followed by one value"),
    (WHERE, "{field: attributes.size, op: at_most, value: true}", "followed by a whole number"),
    (WHERE, "{field: attributes.size, op: at_most, value: 1.5}", "`rules.eligibility.where.value"),
    (WHERE, "{any: []}", "`rules.eligibility.where.any`"),
    (
        WHERE,
        "{any: [{field: type, op: is, value: firm, note: x}]}",
        "`rules.eligibility.where.any[0]`: unknown key `note`",
    ),
    (WHERE, "{all: [" * 7 + WHERE + "]}" * 7, "nests more than 5 deep"),
    (WHERE, "{all: [" * 3_000, "not readable as YAML"),
    (
        WHERE,
        "{all: [" + ",".join(["{any: [" + ",".join([WHERE] * 9) + "]}"] * 12) + "]}",
        f"more than {CONDITIONS_MAX} conditions",
    ),
    ("pot: 50000000", "pot: 1\npot: 2", "the key `pot` is given twice"),
    ("year: 2025", "? [year]\n: 2025", "a key is a plain word"),
    ("year: 2025", "<<: {year: 2025}", "a key is a plain word"),
    ("title: D", "title: &title D", None),
    ("year: 2025", "programme: &a x\nyear: *a", "aliases"),
    ("title: D", "title: !!python/object:os.system D", "not readable as YAML"),
    ("year: 2025", "year: 2025-13-45", "not readable as YAML"),
    ("title: D", "title: [", "not readable as YAML: line"),
]


@pytest.mark.parametrize(("written", "instead", "said"), REFUSED)
def test_a_wrong_document_is_told_where_and_what_is_allowed(
    written: str, instead: str, said: str | None
) -> None:
    assert written in DONGGUAN
    text = DONGGUAN.replace(written, instead, 1)
    if said is None:
        read_document(text)
        return
    with pytest.raises(DocumentInvalid) as refused:
        read_document(text)
    assert said in refused.value.detail


def test_an_unknown_key_is_told_what_is_allowed_there() -> None:
    with pytest.raises(DocumentInvalid, match="Allowed here: id, valid_days, tranche"):
        read_document(DONGGUAN.replace("tranche: 100000", "tranches: 100000"))


@pytest.mark.parametrize("text", ["", "- a list", "just words", "42"])
def test_what_is_no_mapping_is_told_where_to_begin(text: str) -> None:
    with pytest.raises(DocumentInvalid, match="not a mapping") as refused:
        read_document(text)
    assert "pack" in refused.value.hint


def test_a_document_is_bounded() -> None:
    with pytest.raises(DocumentInvalid, match="64 KiB"):
        read_document(a_text(title="x" * 70_000))
