"""Claims as JSON-LD: whence each comes (PROV-O), where it stands (Web Annotation), who judged it.

The context is written out, so that no reader has to fetch one. Reviews are citations in the manner
of schema.org's ClaimReview.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mains.reports.exports.cited import Cited, ReviewNote, Source, instant, urn

CONTEXT: Final[dict[str, Any]] = {
    "prov": "http://www.w3.org/ns/prov#",
    "oa": "http://www.w3.org/ns/oa#",
    "schema": "https://schema.org/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "mains": "urn:mains:term:",
    "id": "@id",
    "type": "@type",
    "derivedFrom": {"@id": "prov:wasDerivedFrom", "@type": "@id"},
    "generatedBy": {"@id": "prov:wasGeneratedBy", "@type": "@id"},
    "used": {"@id": "prov:used", "@type": "@id"},
    "associatedWith": {"@id": "prov:wasAssociatedWith", "@type": "@id"},
    "alternateOf": {"@id": "prov:alternateOf", "@type": "@id"},
    "target": "oa:hasTarget",
    "hasSource": {"@id": "oa:hasSource", "@type": "@id"},
    "selector": "oa:hasSelector",
    "start": {"@id": "oa:start", "@type": "xsd:nonNegativeInteger"},
    "end": {"@id": "oa:end", "@type": "xsd:nonNegativeInteger"},
    "exact": "oa:exact",
    "name": "schema:name",
    "headline": "schema:headline",
    "publisher": "schema:publisher",
    "published": {"@id": "schema:datePublished", "@type": "schema:Date"},
    "url": {"@id": "schema:url", "@type": "@id"},
    "version": "schema:softwareVersion",
    "sha256": "mains:sha256",
    "subject": "mains:subject",
    "measure": "mains:measure",
    "scope": "mains:scope",
    "value": "mains:value",
    "unit": "mains:unit",
    "bound": "mains:bound",
    "modality": "mains:modality",
    "period": "mains:period",
    "speaker": "mains:speaker",
    "status": "mains:status",
    "language": "schema:inLanguage",
    "itemReviewed": {"@id": "schema:itemReviewed", "@type": "@id"},
    "claimReviewed": "schema:claimReviewed",
    "author": "schema:author",
    "reviewedAt": {"@id": "schema:datePublished", "@type": "xsd:dateTime"},
    "rating": "schema:reviewRating",
    "ratingName": "schema:alternateName",
    "reviewBody": "schema:reviewBody",
    "undone": {"@id": "mains:undone", "@type": "xsd:boolean"},
}


def claims_jsonld(items: Iterable[Cited], *, version: str) -> str:
    """Return one JSON-LD document: claims, their documents, readings and reviews.

    `version` is that of the reader. Each document and reading appears once.
    """
    cited = list(items)
    sources = {item.source.sha256: item.source for item in cited}
    reader = urn("reader", version)
    graph: list[dict[str, Any]] = [
        {"id": reader, "type": "prov:SoftwareAgent", "name": "mains", "version": version}
    ]
    for source in sources.values():
        graph += _document(source, reader=reader, version=version)
    for item in cited:
        graph.append(_claim(item, version=version))
        graph += [_review(item, review) for review in item.reviews]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False, indent=1)


def _document(source: Source, *, reader: str, version: str) -> Iterator[dict[str, Any]]:
    yield _stated(
        {
            "id": urn("document", source.sha256),
            "type": ["prov:Entity", "schema:Article"],
            "name": source.name,
            "headline": source.title,
            "publisher": source.publisher,
            "published": source.published,
            "url": source.url,
            "sha256": source.sha256,
            "alternateOf": urn("document", source.copy_of) if source.copy_of else None,
        }
    )
    yield {
        "id": urn("reading", source.sha256, version),
        "type": "prov:Activity",
        "used": urn("document", source.sha256),
        "associatedWith": reader,
    }


def _claim(item: Cited, *, version: str) -> dict[str, Any]:
    claim, document = item.claim, urn("document", item.source.sha256)
    return _stated(
        {
            "id": urn("claim", claim.id),
            "type": ["prov:Entity", "schema:Claim"],
            "derivedFrom": document,
            "generatedBy": urn("reading", item.source.sha256, version),
            "subject": claim.subject,
            "measure": claim.measure,
            "scope": claim.scope,
            "value": claim.value,
            "unit": claim.unit,
            "bound": claim.bound.value,
            "modality": claim.modality.value,
            "period": claim.period,
            "speaker": claim.speaker,
            "status": claim.status.value,
            "language": claim.language,
            "target": {
                "type": "oa:SpecificResource",
                "hasSource": document,
                "selector": [
                    {"type": "oa:TextPositionSelector", "start": claim.start, "end": claim.end},
                    {"type": "oa:TextQuoteSelector", "exact": claim.quote},
                ],
            },
        }
    )


def _review(item: Cited, review: ReviewNote) -> dict[str, Any]:
    return _stated(
        {
            "id": urn("review", review.id),
            "type": "schema:ClaimReview",
            "itemReviewed": urn("claim", item.claim.id),
            "claimReviewed": item.sentence or item.claim.quote,
            "author": {"type": "schema:Person", "name": review.reviewer},
            "reviewedAt": instant(review.at),
            "rating": {"type": "schema:Rating", "ratingName": review.decision},
            "reviewBody": review.note,
            "undone": review.undone or None,
        }
    )


def _stated(node: dict[str, Any]) -> dict[str, Any]:
    """Return the node without what nobody states."""
    return {key: value for key, value in node.items() if value is not None}
