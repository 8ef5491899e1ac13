"""HTML becomes lines: trafilatura finds the article, the page's own metadata name it.

A page's metadata are read here and not guessed: trafilatura also finds dates in addresses and
footers, and a date that the page does not give as its own is no publication date.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import trafilatura
from lxml import etree
from lxml.html import HtmlElement, HTMLParser
from trafilatura.settings import Document as Extracted

from mains.errors import DocumentTooLarge, DocumentUnreadable
from mains.reports import limits
from mains.reports.documents.dates import iso_day
from mains.reports.documents.lines import Hint

LINKS_MAX: Final = 40
LINK_CHARACTERS_MAX: Final = 250
METADATA_CHARACTERS_MAX: Final = 300
JSON_CHARACTERS_MAX: Final = 2**18
JSON_DEPTH_MAX: Final = 6
PIECE_CHARACTERS: Final = 2**14
SEPARATORS: Final = re.compile(r"[\s/]+")
META_CHARSET: Final = re.compile(
    rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE
)
DATE_NAMES: Final = (
    "article:published_time", "datepublished", "dc.date.issued", "dcterms.issued", "dc.date",
    "dcterms.created", "citation_publication_date", "parsely-pub-date", "publishdate",
)  # fmt: skip
PUBLISHER_NAMES: Final = ("og:site_name", "dc.publisher", "dcterms.publisher", "application-name")
TITLE_NAMES: Final = ("og:title", "dc.title", "dcterms.title", "twitter:title")
ARTICLE_TYPES: Final = ("article", "report", "blogposting", "webpage")

# What an extractor warns of may quote the page, and no text of a document reaches a log.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Page:
    """What an HTML page holds: its lines with what the page says they are, and its metadata."""

    lines: tuple[tuple[str, Hint | None], ...]
    title: str | None
    published: str | None
    publisher: str | None


def meta_charset(content: bytes) -> str | None:
    """Return the encoding that the page itself names."""
    match = META_CHARSET.search(content[:4_096])
    return match[1].decode("ascii") if match else None


def read_page(text: str) -> Page:
    """Return the article of a page.

    Raises DocumentTooLarge where the page is nested or stuffed beyond the limits.
    """
    markup = _uncommented(text)
    _check_shape(markup)
    tree = _tree(markup)
    meta = _meta(tree)
    facts = _facts(tree)
    title = meta.first(TITLE_NAMES) or facts.title or _heading(tree) or _text(tree.find(".//title"))
    links = tuple(_links(tree))
    body = list(_body(tree))
    return Page(
        lines=_lines(title, body, links),
        title=title,
        published=meta.first_day(DATE_NAMES) or facts.published or _marked_time(tree),
        publisher=meta.first(PUBLISHER_NAMES) or facts.publisher,
    )


def _uncommented(text: str) -> str:
    """Return the page without its comments, which say nothing and may be very long."""
    kept: list[str] = []
    held = 0
    while (first := text.find("<!--", held)) >= 0 and (last := text.find("-->", first + 4)) >= 0:
        kept.append(text[held:first])
        held = last + len("-->")
    return "".join([*kept, text[held:]])


class _Shape:
    """Counts elements and depth while a page is parsed, and keeps no tree."""

    def __init__(self) -> None:
        self.events = 0
        self._depth = 0
        self._elements = 0

    def start(self, tag: str | bytes, attrib: Mapping[str | bytes, str | bytes]) -> None:
        self.events += 1
        self._depth += 1
        self._elements += 1
        if self._depth > limits.HTML_DEPTH_MAX:
            raise _too_large(f"its elements are nested deeper than {limits.HTML_DEPTH_MAX}")
        if self._elements > limits.HTML_ELEMENTS_MAX:
            raise _too_large(f"it has more than {limits.HTML_ELEMENTS_MAX:,} elements")
        if len(attrib) > limits.HTML_ATTRIBUTES_MAX:
            raise _too_large(f"an element has more than {limits.HTML_ATTRIBUTES_MAX:,} attributes")
        if sum(map(len, attrib.values())) > limits.HTML_ATTRIBUTE_CHARACTERS_MAX:
            raise _too_large("an element's attributes take more than a million characters")

    def end(self, tag: str | bytes) -> None:
        self.events += 1
        self._depth -= 1

    def data(self, data: str | bytes) -> None:
        self.events += 1

    def comment(self, text: str | bytes) -> None:
        self.events += 1

    def close(self) -> None:
        pass


def _too_large(detail: str) -> DocumentTooLarge:
    return DocumentTooLarge(f"the page is no article: {detail}", limit="html")


def _check_shape(text: str) -> None:
    """Refuse a page whose tree would cost too much.

    The parser compares each attribute of a tag with all before it, so that a tag with very many
    is refused before its end is seen: while one is read, the parser tells of nothing.
    """
    if len(text) > limits.HTML_BYTES_MAX:
        raise _too_large(f"it has more than {limits.HTML_BYTES_MAX // 2**20} MiB")
    shape = _Shape()
    parser = etree.HTMLParser(target=shape, no_network=True)
    separators = 0
    try:
        for first in range(0, len(text), PIECE_CHARACTERS):
            piece = text[first : first + PIECE_CHARACTERS]
            told = shape.events
            parser.feed(piece)
            silent = shape.events == told
            separators = separators + len(SEPARATORS.findall(piece)) if silent else 0
            if separators > limits.HTML_ATTRIBUTES_MAX * 4:
                raise _too_large("one of its tags goes on for too long")
        parser.close()
    except etree.LxmlError as error:
        raise DocumentUnreadable("it is no HTML that can be parsed", reason="html") from error


def _tree(text: str) -> HtmlElement:
    parser = HTMLParser(remove_comments=True, remove_pis=True, no_network=True, encoding="utf-8")
    try:
        tree = etree.fromstring(text.encode("utf-8", errors="replace"), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise DocumentUnreadable("it is no HTML that can be parsed", reason="html") from error
    if tree is None:
        raise DocumentUnreadable("the page holds no element", reason="html")
    return tree


def _body(tree: HtmlElement) -> Iterator[tuple[str, Hint | None]]:
    """Yield the article's lines as trafilatura finds them, or all text where it finds none."""
    try:
        found = trafilatura.bare_extraction(
            tree,
            include_comments=False,
            include_tables=True,
            favor_recall=True,
            with_metadata=False,
        )
    except (etree.LxmlError, ValueError, AssertionError, RecursionError) as error:
        raise DocumentUnreadable(
            "its article cannot be taken out of the page", reason="html"
        ) from error
    lines = list(_element_lines(found.body)) if isinstance(found, Extracted) else []
    if any(text for text, _ in lines):
        yield from lines
        return
    plain = trafilatura.html2txt(tree) or ""
    yield from ((line, None) for line in map(_clean, plain.splitlines()) if line)


def _element_lines(element: etree._Element) -> Iterator[tuple[str, Hint | None]]:
    for child in element:
        tag = child.tag
        if tag == "head":
            yield from _split(child, Hint.HEADING)
        elif tag == "list":
            for item in child.iter("item"):
                yield from _split(item, Hint.ITEM)
        elif tag == "table":
            for row in child.iter("row"):
                cells = [_clean(_inner(cell)) for cell in row.iter("cell")]
                yield " | ".join(cell for cell in cells if cell), Hint.ITEM
        elif tag in {"quote", "div", "body"} and len(child):
            yield from _element_lines(child)
        else:
            yield from _split(child, None)
        tail = _clean(child.tail or "")
        if tail:
            yield tail, None


def _split(element: etree._Element, hint: Hint | None) -> Iterator[tuple[str, Hint | None]]:
    """Yield an element's text, cut at its line breaks."""
    pieces = [element.text or ""]
    for child in element:
        if child.tag in {"lb", "list", "table"}:
            pieces.append("")
        else:
            pieces[-1] += _inner(child)
        pieces[-1] += child.tail or ""
    yield from ((text, hint) for text in map(_clean, pieces) if text)


def _lines(
    title: str | None,
    body: list[tuple[str, Hint | None]],
    links: tuple[str, ...],
) -> tuple[tuple[str, Hint | None], ...]:
    lines: list[tuple[str, Hint | None]] = []
    if title is not None:
        lines.append((title, Hint.TITLE))
    seen = {text for text, _ in body}
    linked = set(links)
    for index, (text, hint) in enumerate(body):
        is_title_again = index < 3 and title is not None and _alike(text, title)
        if text and not is_title_again:
            lines.append((text, Hint.RELATED if text in linked else hint))
    lines += [(text, Hint.RELATED) for text in links if text not in seen]
    return tuple(lines)


def _alike(text: str, title: str) -> bool:
    """Whether a heading repeats the title, which may carry the site's name behind it."""
    return text == title or (len(text) > 10 and title.startswith(text)) or text.startswith(title)


def _links(tree: HtmlElement) -> Iterator[str]:
    """Yield the texts of links in the article's asides and lists that consist of links alone."""
    seen: set[str] = set()
    for link in tree.iterfind(".//a"):
        text = _clean(_inner(link))
        if len(seen) >= LINKS_MAX:
            return
        if (
            text
            and len(text) <= LINK_CHARACTERS_MAX
            and text not in seen
            and _stands_aside(link, text)
        ):
            seen.add(text)
            yield text


def _stands_aside(link: HtmlElement, text: str) -> bool:
    inside = [ancestor.tag for ancestor in link.iterancestors()]
    if not {"article", "main"} & set(inside) or {"nav", "header", "footer", "form"} & set(inside):
        return False
    parent = link.getparent()
    fills = parent is not None and _clean(_inner(parent)) == text
    return fills and ("aside" in inside or "li" in inside)


@dataclass(frozen=True, slots=True)
class _Meta:
    """A page's meta elements by lower-case name or property."""

    values: dict[str, str]

    def first(self, names: tuple[str, ...]) -> str | None:
        return next((self.values[name] for name in names if self.values.get(name)), None)

    def first_day(self, names: tuple[str, ...]) -> str | None:
        return next((day for name in names if (day := iso_day(self.values.get(name)))), None)


def _meta(tree: HtmlElement) -> _Meta:
    values: dict[str, str] = {}
    for element in tree.iterfind(".//meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        content = _clean(element.get("content") or "")
        if name and content and len(content) <= METADATA_CHARACTERS_MAX:
            values.setdefault(name.lower(), content)
    return _Meta(values)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a page's JSON-LD says of the article."""

    title: str | None = None
    published: str | None = None
    publisher: str | None = None


def _facts(tree: HtmlElement) -> _Facts:
    for script in tree.iterfind(".//script[@type='application/ld+json']"):
        written = script.text or ""
        if len(written) > JSON_CHARACTERS_MAX:
            continue
        try:
            read = json.loads(written)
        except (ValueError, RecursionError):
            continue
        for node in _nodes(read, 0):
            kind = str(node.get("@type", "")).lower()
            if "datePublished" in node and any(name in kind for name in ARTICLE_TYPES):
                publisher = node.get("publisher")
                named = publisher.get("name") if isinstance(publisher, dict) else publisher
                return _Facts(
                    title=_short(node.get("headline")),
                    published=iso_day(_short(node["datePublished"])),
                    publisher=_short(named),
                )
    return _Facts()


def _nodes(read: object, depth: int) -> Iterator[dict[str, object]]:
    if depth > JSON_DEPTH_MAX:
        return
    if isinstance(read, list):
        for item in read:
            yield from _nodes(item, depth + 1)
    elif isinstance(read, dict):
        yield read
        yield from _nodes(read.get("@graph"), depth + 1)


def _marked_time(tree: HtmlElement) -> str | None:
    """Return the day of a time element that says that it is the publication's."""
    for element in tree.iterfind(".//time[@datetime]"):
        if element.get("pubdate") is not None or element.get("itemprop") == "datePublished":
            return iso_day(element.get("datetime"))
    return None


def _heading(tree: HtmlElement) -> str | None:
    """Return the page's first heading, where there is just one."""
    found = tree.findall(".//h1")
    return _text(found[0]) if len(found) == 1 else None


def _text(element: HtmlElement | None) -> str | None:
    return _short(_inner(element)) if element is not None else None


def _short(value: object) -> str | None:
    cleaned = _clean(value) if isinstance(value, str) else ""
    return cleaned if 0 < len(cleaned) <= METADATA_CHARACTERS_MAX else None


def _inner(element: etree._Element) -> str:
    """Return all text inside an element."""
    return "".join(map(str, element.itertext()))


def _clean(text: str) -> str:
    return " ".join(text.split())
