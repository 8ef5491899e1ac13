"""Articles of about 5 KB in our own words, made of templates: as many as are wanted, none alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

ARTICLE_BYTES: Final = 5_000

TITLES: Final = {
    "en": "{city} counts {a} registered models",
    "de": "{city} zählt {a} registrierte Modelle",
    "es": "{city} suma {a} modelos registrados",
    "fr": "{city} compte {a} modèles enregistrés",
    "pt": "{city} soma {a} modelos registrados",
    "ru": "{city}: зарегистрировано {a} моделей",
    "zh": "{city}已登记{a}个大模型",
}
CITIES: Final = {
    "en": ("Beijing", "Shanghai", "Madrid"),
    "de": ("Peking", "Hamburg", "München"),
    "es": ("Pekín", "Madrid", "Shanghái"),
    "fr": ("Pékin", "Lyon", "Shanghai"),
    "pt": ("Pequim", "Lisboa", "Xangai"),
    "ru": ("Пекин", "Москва", "Шанхай"),
    "zh": ("北京", "上海", "深圳"),
}
SENTENCES: Final = {
    "en": (
        "By the end of 2024, {city} had registered {a} large models, more than any other city.",
        "The core industry was worth {b}.{c} billion yuan in 2025, up {d}.{e} percent on the year.",
        "Vouchers of up to {d} million yuan are to help at least {a} small firms by 2027.",
        "The council said that the programme would go on, and that rules would be made simpler.",
        "About {b} companies work in the field, according to the statistics bureau.",
    ),
    "de": (
        "Ende 2024 waren in {city} {a} große Modelle registriert, mehr als in jeder anderen Stadt.",
        "Die Branche setzte 2025 rund {b},{c} Milliarden Yuan um, {d},{e} Prozent mehr als zuvor.",
        "Gutscheine von bis zu {d} Millionen Euro sollen bis 2027 mindestens {a} Firmen helfen.",
        "Das Rathaus teilte mit, das Programm werde fortgesetzt und die Regeln würden einfacher.",
        "In dem Feld arbeiten nach Angaben des Statistikamts etwa {b} Unternehmen.",
    ),
    "es": (
        "A finales de 2024, {city} había registrado {a} grandes modelos, más que ninguna otra.",
        "El sector facturó {b},{c} mil millones de yuanes en 2025, un {d},{e} % más que antes.",
        "Los bonos de hasta {d} millones de euros ayudarán al menos a {a} empresas hasta 2027.",
        "El ayuntamiento dijo que el programa seguirá y que las reglas serán más sencillas.",
        "Unas {b} empresas trabajan en el campo, según el instituto de estadística.",
    ),
    "fr": (
        "Fin 2024, {city} avait enregistré {a} grands modèles, plus que toute autre ville.",
        "Le secteur a pesé {b},{c} milliards de yuans en 2025, soit {d},{e} % de plus.",
        "Des bons allant jusqu’à {d} millions d’euros aideront au moins {a} entreprises.",
        "La mairie a indiqué que le programme continuerait et que les règles seraient allégées.",
        "Environ {b} entreprises travaillent dans le domaine, selon l’institut de statistique.",
    ),
    "pt": (
        "Até o final de 2024, {city} havia registrado {a} grandes modelos, mais que as outras.",
        "O setor movimentou {b},{c} bilhões de yuans em 2025, alta de {d},{e}% em um ano.",
        "Vales de até {d} milhões de reais devem ajudar pelo menos {a} empresas até 2027.",
        "A prefeitura disse que o programa vai continuar e que as regras serão mais simples.",
        "Cerca de {b} empresas atuam na área, segundo o instituto de estatística.",
    ),
    "ru": (
        "К концу 2024 года в городе {city} было зарегистрировано {a} крупных моделей.",
        "Объем отрасли в 2025 году достиг {b},{c} млрд юаней, что на {d},{e} % больше.",
        "Ваучеры на сумму до {d} млн рублей помогут не менее чем {a} компаниям до 2027 года.",
        "Мэрия сообщила, что программа будет продолжена, а правила станут проще.",
        "В этой сфере, по данным статистики, работают около {b} компаний.",
    ),
    "zh": (
        "截至2024年底，{city}已登记{a}个大模型，数量居全国首位。",
        "2025年核心产业规模达到{b}.{c}亿元，同比增长{d}.{e}%。",
        "最高{d}万元的算力券将在2027年前帮助至少{a}家中小企业。",
        "市政府表示，该计划将继续实施，申请规则也会进一步简化。",
        "统计部门介绍，从事这一领域的企业约有{b}家。",
    ),
}
SENTENCES_A_PARAGRAPH: Final = 4


def article(number: int) -> bytes:
    """Return the article of a number: always the same one, in a language by its turn."""
    chance = random.Random(number)
    language = sorted(SENTENCES)[number % len(SENTENCES)]
    city = chance.choice(CITIES[language])
    lines = [_filled(TITLES[language], city, chance), ""]
    held = 0
    while held < ARTICLE_BYTES:
        chosen = chance.choices(SENTENCES[language], k=SENTENCES_A_PARAGRAPH)
        gap = "" if language == "zh" else " "
        lines.append(gap.join(_filled(sentence, city, chance) for sentence in chosen))
        held += len(lines[-1].encode())
    return "\n".join(lines).encode()


def articles(count: int, *, first: int = 0) -> Iterator[bytes]:
    for number in range(first, first + count):
        yield article(number)


def _filled(template: str, city: str, chance: random.Random) -> str:
    return template.format(
        city=city,
        a=chance.randint(20, 980),
        b=chance.randint(1_000, 9_000) // 10,
        c=chance.randint(1, 9),
        d=chance.randint(2, 60),
        e=chance.randint(1, 9),
    )
