"""Documents for the tests, written by hand: texts in our own words, pages and PDFs around them."""

import zlib
from collections.abc import Sequence

from mains.reports.documents import Document, open_document
from mains.reports.values import BlockKind

PARAGRAPHS = {
    "en": "The town of Alder counted 183 registered models at the end of 2024, and its companies "
    "employ more than 2,400 people, according to the council.",
    "pt": "A cidade registrou 183 grandes modelos até o final de 2024 e reúne mais de 2.400 "
    "empresas do setor, segundo dados divulgados pela prefeitura.",
    "de": "Die Stadt zählte Ende 2024 insgesamt 183 registrierte Modelle, und in der Branche "
    "arbeiten nach Angaben des Rathauses mehr als 2.400 Menschen.",
    "ru": "В городе к концу 2024 года было зарегистрировано 183 крупные модели, а в отрасли, по "
    "данным мэрии, работают более 2400 компаний.",
    "zh": "截至2024年底，该市已登记183个大模型，人工智能企业超过2400家，"
    "市政府表示今年还将继续加大对算力和数据的投入，并为中小企业发放算力券，支持它们训练和使用大模型。",
    "fi": "Kaupungissa oli vuoden 2024 lopussa 183 rekisteröityä mallia, ja alan yrityksissä "
    "työskentelee kaupungin mukaan yli 2 400 ihmistä.",
    "he": "בסוף שנת 2024 נרשמו בעיר 183 מודלים גדולים, ובחברות בתחום מועסקים יותר מ-2,400 עובדים, "
    "לפי נתוני העירייה שפורסמו השבוע.",
}


def opened(
    text: str | bytes, *, name: str = "report.txt", media_type: str | None = None
) -> Document:
    content = text.encode() if isinstance(text, str) else text
    return open_document(content, name=name, media_type=media_type)


def parts_of(document: Document, kind: BlockKind) -> list[str]:
    """Return the texts of the blocks of one kind."""
    return [document.text[b.start : b.end] for b in document.blocks if b.kind is kind]


def page(body: str, *, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def pdf(
    pages: Sequence[Sequence[str]], *, title: str | None = None, stream: bytes | None = None
) -> bytes:
    """Return a PDF whose pages print these lines, or carry this compressed content stream."""
    count = len(pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (count, b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(count))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number)
        )
        if stream is not None:
            packed = stream
            objects.append(
                b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream"
                % (len(packed), packed)
            )
        else:
            drawn = _drawn(lines)
            objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    info = b""
    if title is not None:
        objects.append(b"<< /Title (%s) >>" % _escaped(title))
        info = b" /Info %d 0 R" % len(objects)
    return _file(objects, info)


def packed_zeros(length: int) -> bytes:
    """Return what unpacks to very many bytes."""
    packing = zlib.compressobj(9)
    block = bytes(2**20)
    parts = [packing.compress(block) for _ in range(length // len(block))]
    return b"".join([*parts, packing.flush()])


def _drawn(lines: Sequence[str]) -> bytes:
    shown = b"".join(b"(%s) Tj 0 -14 Td\n" % _escaped(line) for line in lines)
    return b"BT /F1 11 Tf 60 780 Td\n" + shown + b"ET"


def _escaped(text: str) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return escaped.encode("cp1252")


def _file(objects: Sequence[bytes], info: bytes) -> bytes:
    written = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R%s >>\n" % (len(objects) + 1, info)
    return written + trailer + b"startxref\n%d\n%%%%EOF\n" % start
