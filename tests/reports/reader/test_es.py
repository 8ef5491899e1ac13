"""Spanish as newsrooms of Spain and Latin America write it; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.values import Bound, Claim
from tests.reports.reader.builders import figures


def claims(*paragraphs: str) -> list[Claim]:
    return figures(*paragraphs, language="es")


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("México aprobó 27 mil 450 mdp para centros de datos.", "27450000000", "MXN"),
        ("La mexicana Alfa levantó 2.1 mil mdd.", "2100000000", "USD"),
        ("El plan de India prevé 10.300 crores de rupias.", "103000000000", "INR"),
        ("Colombia destinará 350 mil millones de pesos al plan.", "350000000000", "COP"),
        ("Chile destinará 2.000 millones de pesos al plan.", "2000000000", "CLP"),
        ("Japón destinará 1,5 billones de yenes al plan.", "1500000000000", "JPY"),
    ],
)
def test_amounts(text: str, value: str, unit: str) -> None:
    assert [(c.value, c.unit) for c in claims(text)] == [(value, unit)]


def test_a_heading_takes_the_currency_of_the_text() -> None:
    found = claims(
        "Murcia lanza 14 millones en bonos de cómputo",
        "La convocatoria de bonos de cómputo está dotada con 13,8 millones de euros.",
    )
    assert [(c.value, c.unit) for c in found] == [("14000000", "EUR"), ("13800000", "EUR")]


def test_counts_in_millions_do_not_become_money() -> None:
    found = claims(
        "La firma Alfa ingresó 30 millones de euros. Su aplicación pasó de 12 millones de usuarios "
        "a 15 millones."
    )
    assert [(c.value, c.unit) for c in found if c.measure == "users"] == [
        ("12000000", "count"),
        ("15000000", "count"),
    ]


def test_fractions_go_on_with_the_unit_before_them() -> None:
    found = claims("Chile obtuvo 71,5 puntos sobre 100, seguido de Brasil, con 68,2.")
    assert [(c.value, c.unit) for c in found][-1] == ("68.2", "points")


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("Ninguna empresa podrá recibir más de 90.000 euros al año.", "90000", Bound.AT_MOST),
        ("La firma facturó un 12 % más, hasta 31 millones de euros.", "31000000", Bound.EXACT),
        ("Cada pyme podrá recibir hasta 25.000 euros.", "25000", Bound.UP_TO),
        ("No solo participaron más de 40 empresas.", "40", Bound.MORE_THAN),
    ],
)
def test_bounds(text: str, value: str, bound: Bound) -> None:
    assert [c.bound for c in claims(text) if c.value == value] == [bound]


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("El sector facturó en Sevilla un 14,2 % más que en 2023.", "14.2", "growth_rate"),
        ("La ayuda es para firmas con menos de tres años de vida.", "3", "tier_threshold"),
        ("El equipo de Granada ofrece 30 petaflops.", "30000000000000000", "compute_capacity"),
        (
            "El valor de la industria central de Hefei fue de 90 yuanes.",
            "90",
            "ai_core_industry_value",
        ),
        ("Valencia tiene 340 empresas de inteligencia artificial.", "340", "ai_companies"),
        ("La firma Alfa ganó 55 millones de euros.", "55000000", "profit"),
        ("La firma Alfa da trabajo a 220 personas.", "220", "staff"),
        ("La planta de Lugo creará 220 empleos.", "220", "jobs_created"),
        ("Los centros de Chile demandarán 900 MW.", "900000000", "power_demand"),
        ("El plan se articula en siete ejes en Murcia.", "7", "investment_areas"),
    ],
)
def test_measures(text: str, value: str, measure: str) -> None:
    assert [c.measure for c in claims(text) if c.value == value] == [measure]


@pytest.mark.parametrize(
    ("text", "subject", "measure", "value"),
    [
        (
            "La startup chilena Nubel levantó 12 millones de dólares.",
            "org:nubel",
            "funding_amount",
            "12000000",
        ),
        (
            "La compañía mexicana Trama alcanzó una valoración de 900 millones de dólares.",
            "org:trama",
            "valuation",
            "900000000",
        ),
        (
            "El supercomputador Altamar tendrá 1.024 placas.",
            "platform:altamar",
            "accelerators",
            "1024",
        ),
        (
            "El campus de IA de Zaragoza tardará 24 meses en construirse.",
            "platform:zaragoza-ai-campus",
            "deployment_time",
            "24",
        ),
        (
            "El fondo de IA de Galicia, de 50 millones de euros, abrirá este año.",
            "programme:galicia-ai-fund",
            "fund_size",
            "50000000",
        ),
        (
            "La plataforma Sigma funciona en 18 países.",
            "platform:sigma",
            "countries_covered",
            "18",
        ),
        (
            "Hasta la fecha se han concedido 310 ayudas en Aragón.",
            "region:aragon",
            "projects_funded",
            "310",
        ),
        (
            "La tecnológica española Alfa ofrece la hora de GPU a 2,10 euros.",
            "org:alfa",
            "gpu_hour_price",
            "2.1",
        ),
        ("Perú destinará S/ 45 millones a la IA.", "country:peru", "ai_budget", "45000000"),
        ("Lugo prevé crear 3.500 empleos.", "city:lugo", "jobs_created", "3500"),
        ("Orense sumó 320 GPU H100 en Lugo.", "city:lugo", "accelerators", "320"),
    ],
)
def test_what_a_figure_is_of_and_what_it_counts(
    text: str, subject: str, measure: str, value: str
) -> None:
    found = [(c.subject, c.measure) for c in claims(text) if c.value == value]
    assert found == [(subject, measure)]


def test_data_centres_of_a_country_are_no_site() -> None:
    found = claims("La capacidad de los centros de datos en México llegó a 366 MW.")
    assert [c.subject for c in found] == ["country:mexico"]


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("Chile tiene cerca del 15 % de los usuarios.", Bound.ABOUT),
        ("Chile tiene arriba del 15 % de los usuarios.", Bound.MORE_THAN),
        ("Chile tiene como mucho el 15 % de los usuarios.", Bound.AT_MOST),
        ("Chile tiene cuando menos el 15 % de los usuarios.", Bound.AT_LEAST),
    ],
)
def test_bounds_of_all_countries(text: str, bound: Bound) -> None:
    assert [c.bound for c in claims(text) if c.value == "15"] == [bound]


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("Uruguay formará a 5.000 docentes antes de fines de 2027.", "2027-12-31"),
        ("Uruguay formará a 5.000 docentes de aquí a 2030.", "2030"),
        ("Uruguay formará a 5.000 docentes al 2030.", "2030"),
        ("Uruguay formó a 5.000 docentes en el último trimestre de 2024.", "2024-Q4"),
    ],
)
def test_periods(text: str, period: str) -> None:
    assert [c.period for c in claims(text) if c.value == "5000"] == [period]


def test_phases_are_no_count() -> None:
    found = claims("El proyecto instalará 20.000 GPU en tres fases en Lugo.")
    assert [c.value for c in found if c.measure == "accelerators"] == ["20000"]


SPOKEN = (
    "El ministerio de ciencia presentó en la capital el nuevo programa de apoyo a las empresas que "
    "usan la inteligencia artificial."
)


def told(text: str) -> list[tuple[str, str, Bound]]:
    return [
        (c.value, c.unit, c.bound)
        for c in claims(SPOKEN, text)
        if c.quote not in SPOKEN and c.measure not in ("reference_period", "name_number")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("La app roza los dos millones y medio de descargas.", [("2500000", "count", "about")]),
        ("Aportará tres cuartos de millón de euros.", [("750000", "EUR", "exact")]),
        ("El proyecto costará S/. 3 millones 200 mil.", [("3200000", "PEN", "exact")]),
        ("El precio es de 45 céntimos por hora.", [("0.45", "EUR", "exact")]),
        ("La inversión varió -4,3% interanual.", [("-4.3", "percent", "exact")]),
        ("El empleo subió 50 pbs.", [("0.5", "points", "exact")]),
        ("El tipo subió 25 puntos base.", [("0.25", "points", "exact")]),
        ("La cifra casi se duplicó desde 2022.", [("2", "ratio", "about")]),
        ("La demanda será más del doble en 2030.", [("2", "ratio", "more_than")]),
        ("La capacidad se multiplicará por más de diez.", [("10", "ratio", "more_than")]),
        ("Tendrá una vigencia de un lustro.", [("5", "year", "exact")]),
        ("Escaló del puesto 12 al 7.", [("12", "ordinal", "exact"), ("7", "ordinal", "exact")]),
        (
            "Se celebrará los días 5 y 6 de octubre de 2026.",
            [("2026-10-05/2026-10-06", "date", "exact")],
        ),
        ("Más información en el 01 800 123 4567.", []),
        ("Usa el chip RTX 4090.", []),
        ("Las redes 5G avanzan.", []),
    ],
)
def test_figures_of_the_press(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(value, unit, bound.value) for value, unit, bound in told(text)] == expected
