"""An Atom feed (RFC 4287) of the claims of one subject, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from mains.reports.exports.cited import Cited, instant, urn

ENTRIES_MAX: Final = 200
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a feed that has no entry yet: it must have one, and it must not move."""
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def subject_feed(
    subject: str, items: Iterable[Cited], *, publisher: str, address: str, page: str
) -> str:
    """Return the feed: `address` is where the feed itself is found, `page` the subject's page.

    An entry's id is the claim's, for ever; its time is the last review's, or when its document was
    filed. A claim whose document was never filed has no time, and is left out.
    """
    dated = [(at, item) for item in items if (at := _updated(item)) is not None]
    dated.sort(key=lambda each: (each[0], each[1].claim.id), reverse=True)
    updated = dated[0][0] if dated else EPOCH
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"  <id>{_text(urn('subject', subject))}</id>",
        f"  <title>{_text(subject)}</title>",
        f"  <updated>{instant(updated)}</updated>",
        f"  <author><name>{_text(publisher)}</name></author>",
        f'  <link rel="self" type="application/atom+xml" href={_attribute(address)}/>',
        f'  <link rel="alternate" type="text/html" href={_attribute(page)}/>',
    ]
    for at, item in dated[:ENTRIES_MAX]:
        lines += _entry(at, item, page=page)
    return "\n".join([*lines, "</feed>", ""])


def _updated(item: Cited) -> datetime | None:
    times = [review.at for review in item.reviews]
    return max(times) if times else item.source.filed_at


def _entry(at: datetime, item: Cited, *, page: str) -> list[str]:
    claim, source = item.claim, item.source
    what = f"{claim.measure}: {claim.quote}" + (f" ({claim.period})" if claim.period else "")
    told = item.sentence or claim.quote
    language = f" xml:lang={_attribute(claim.language)}" if claim.language else ""
    lines = [
        "  <entry>",
        f"    <id>{_text(urn('claim', claim.id))}</id>",
        f"    <title>{_text(what)}</title>",
        f"    <updated>{instant(at)}</updated>",
        f'    <link rel="alternate" href={_attribute(f"{page}#{claim.id}")}/>',
        f"    <category term={_attribute(claim.measure or 'unknown')}/>",
        f"    <summary{language}>{_text(told)}</summary>",
    ]
    if source.url is not None:
        lines.append(f'    <link rel="via" href={_attribute(source.url)}/>')
    lines += _cited_source(item)
    return [*lines, "  </entry>"]


def _cited_source(item: Cited) -> list[str]:
    source = item.source
    lines = ["    <source>", f"      <id>{_text(urn('document', source.sha256))}</id>"]
    lines.append(f"      <title>{_text(source.title or source.name)}</title>")
    if source.filed_at is not None:
        lines.append(f"      <updated>{instant(source.filed_at)}</updated>")
    if source.publisher is not None:
        lines.append(f"      <author><name>{_text(source.publisher)}</name></author>")
    return [*lines, "    </source>"]


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("", text))


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("", text))
