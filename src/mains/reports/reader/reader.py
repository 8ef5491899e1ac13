"""A document is read: its figures become claims, its statements relations.

    reading = read(open_document(content, name="report.txt"))

Reading is pure: the same document always gives the same reading, ids included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mains.reports.documents.document import Block, Document
from mains.reports.packs import load_pack
from mains.reports.reader.binding import Binder
from mains.reports.reader.calendars import Calendar
from mains.reports.reader.currencies import Part, with_currencies
from mains.reports.reader.drafts import Draft
from mains.reports.reader.focus import Focus
from mains.reports.reader.foreseeing import foreseen
from mains.reports.reader.judging import judged
from mains.reports.reader.measuring import Context
from mains.reports.reader.mentions import mentions
from mains.reports.reader.pairing import pairs_of, with_restated_periods
from mains.reports.reader.quantities import figures
from mains.reports.reader.recalling import recalled, without_versions
from mains.reports.reader.relations import relations
from mains.reports.reader.scene import Scene
from mains.reports.reader.telling import told
from mains.reports.reader.text import sentences
from mains.reports.values import Claim, Reading, identify, with_pairs


def read(document: Document) -> Reading:
    """Return everything that the document states, in the order of its text."""
    scenes = _scenes(document)
    claims = _claims(document, judged(_bound(document, scenes)))
    found = relations(scenes, claims, sha256=document.sha256, doc=document.name)
    return Reading(
        doc=document.name,
        sha256=document.sha256,
        languages=document.languages,
        published=document.published,
        claims=claims,
        relations=found,
        notes=document.notes,
    )


def drafts_of(document: Document) -> list[Draft]:
    """Return the claims to be with all that was seen of them; for those who weigh the signs."""
    return _bound(document, _scenes(document))


def _bound(document: Document, scenes: Sequence[Scene]) -> list[Draft]:
    focus = Focus(scenes)
    calendar = Calendar(scenes, document.published)
    binder = Binder(focus, calendar, context=Context(scenes, focus.kinds()))
    bound = [draft for scene in scenes for draft in binder.bind(scene)]
    return foreseen(told(bound, calendar.anchor))


def _scenes(document: Document) -> list[Scene]:
    held = [(block, part) for block in document.blocks for part in _parts(document, block)]
    named = recalled([(part.sentence, part.pack, part.mentions) for _, part in held])
    settled = with_currencies([part for _, part in held])
    return [
        Scene(
            sentence=part.sentence,
            pack=part.pack,
            block=block.kind,
            figures=without_versions(found, mentioned),
            mentions=mentioned,
            is_heading=block.is_heading,
        )
        for (block, part), found, mentioned in zip(held, settled, named, strict=True)
    ]


def _parts(document: Document, block: Block) -> Iterator[Part]:
    pack = load_pack(block.language)
    for sentence in sentences(document.text, block.start, block.end, block.language):
        yield Part(sentence, pack, mentions(sentence, pack), figures(sentence, pack), block.start)


def _claims(document: Document, drafts: Sequence[Draft]) -> tuple[Claim, ...]:
    claims = [_claim(document, draft) for draft in drafts]
    pairs = pairs_of(claims, drafts)
    return with_pairs(with_restated_periods(claims, pairs), pairs)


def _claim(document: Document, draft: Draft) -> Claim:
    parts = (draft.start, draft.end, draft.measure, draft.value, draft.unit, draft.bound.value)
    return Claim(
        id=identify(document.sha256, *parts),
        doc=document.name,
        start=draft.start,
        end=draft.end,
        quote=document.text[draft.start : draft.end],
        subject=draft.subject,
        measure=draft.measure,
        scope=draft.scope,
        value=draft.value,
        unit=draft.unit,
        bound=draft.bound,
        modality=draft.modality,
        period=draft.period,
        speaker=draft.speaker,
        pair=None,
        status=draft.status,
        language=draft.scene.sentence.language,
        block=draft.scene.block,
        reasons=draft.reasons,
    )
