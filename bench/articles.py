"""Articles of about 5 KB in our own words, made of templates: as many as are wanted, none alike.

One sentence in four states figures, so that an article has about as many as reports of the press
have (18 in 5 KB, by the five that mains was begun with); dense ones have four times as many.
"""

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
PLAIN: Final = {
    "en": (
        "In {city}, officials of the science office spoke of a long road that had only begun.",
        "“Nobody builds such a model alone”, the director of the university's institute said.",
        "Companies that share a hall with researchers, she added, find staff more easily.",
        "Critics in the council doubt whether small firms will ever see the machines at all.",
        "The ministry wants to look at the rules again once the first projects have ended.",
    ),
    "de": (
        "In {city} sprach die Wissenschaftsbehörde von einem langen Weg, der erst begonnen habe.",
        "„Niemand baut ein solches Modell allein“, sagte die Leiterin des Instituts.",
        "Firmen, die mit Forschern unter einem Dach sitzen, finden leichter Personal.",
        "Im Rat wird bezweifelt, dass kleine Betriebe die Rechner überhaupt zu sehen bekommen.",
        "Das Ministerium will die Regeln prüfen, sobald die ersten Vorhaben beendet sind.",
    ),
    "es": (
        "En {city}, la oficina de ciencia habló de un camino largo que apenas ha comenzado.",
        "«Nadie construye un modelo así a solas», dijo la directora del instituto.",
        "Las empresas que comparten edificio con investigadores encuentran personal antes.",
        "En el pleno hay dudas de que las firmas pequeñas lleguen a usar esas máquinas.",
        "El ministerio quiere revisar las normas cuando terminen los primeros proyectos.",
    ),
    "fr": (
        "À {city}, le bureau des sciences a parlé d’un long chemin qui ne fait que commencer.",
        "« Personne ne construit seul un tel modèle », a dit la directrice de l’institut.",
        "Les entreprises qui partagent un toit avec des chercheurs recrutent plus facilement.",
        "Au conseil, on doute que les petites sociétés voient un jour ces machines.",
        "Le ministère veut revoir les règles dès que les premiers projets seront achevés.",
    ),
    "pt": (
        "Em {city}, a secretaria de ciência falou de um longo caminho que apenas começou.",
        "“Ninguém constrói um modelo desses sozinho”, disse a diretora do instituto.",
        "Empresas que dividem um prédio com pesquisadores encontram pessoal mais depressa.",
        "Na câmara há dúvidas de que as firmas pequenas cheguem a usar as máquinas.",
        "O ministério quer rever as regras assim que terminarem os primeiros projetos.",
    ),
    "ru": (
        "Город {city}, по словам ведомства науки, стоит лишь в начале долгого пути.",
        "«Такую модель никто не строит в одиночку», сказала директор института.",
        "Компании, которые делят здание с учеными, быстрее находят сотрудников.",
        "В совете сомневаются, что малые фирмы вообще получат доступ к этим машинам.",
        "Министерство хочет вернуться к правилам, когда закончатся первые проекты.",
    ),
    "zh": (
        "{city}科技部门表示，这条路很长，现在只是刚刚开始，各方都需要耐心。",
        "研究院负责人说，没有哪一家单位能够独自做出这样的模型。",
        "她还说，与研究人员在同一座楼里办公的企业更容易找到合适的人才。",
        "也有代表担心，小企业最后未必真正用得上这些昂贵的机器。",
        "主管部门打算在首批项目结束之后，再重新研究相关规则。",
    ),
}
"""Sentences without a figure."""
SENTENCES_A_PARAGRAPH: Final = 4


def article(number: int, *, dense: bool = False) -> bytes:
    """Return the article of a number: always the same one, in a language by its turn."""
    chance = random.Random(number)
    language = sorted(SENTENCES)[number % len(SENTENCES)]
    city = chance.choice(CITIES[language])
    lines = [_filled(TITLES[language], city, chance), ""]
    held = 0
    while held < ARTICLE_BYTES:
        stating = SENTENCES_A_PARAGRAPH if dense else 1
        chosen = chance.choices(SENTENCES[language], k=stating)
        chosen += chance.choices(PLAIN[language], k=SENTENCES_A_PARAGRAPH - stating)
        gap = "" if language == "zh" else " "
        lines.append(gap.join(_filled(sentence, city, chance) for sentence in chosen))
        held += len(lines[-1].encode())
    return "\n".join(lines).encode()


def articles(count: int, *, first: int = 0, dense: bool = False) -> Iterator[bytes]:
    for number in range(first, first + count):
        yield article(number, dense=dense)


def _filled(template: str, city: str, chance: random.Random) -> str:
    return template.format(
        city=city,
        a=chance.randint(20, 980),
        b=chance.randint(1_000, 9_000) // 10,
        c=chance.randint(1, 9),
        d=chance.randint(2, 60),
        e=chance.randint(1, 9),
    )
