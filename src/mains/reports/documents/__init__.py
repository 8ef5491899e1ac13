"""Bytes become documents: one text, its blocks, and what is known of each.

document = open_document(content, name="report.pdf")
for block in document.blocks:
    document.text[block.start : block.end]
"""

from mains.reports.documents.document import Block, Document
from mains.reports.documents.opening import open_document

__all__ = ["Block", "Document", "open_document"]
