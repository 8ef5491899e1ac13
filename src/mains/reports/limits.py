"""How much of a document is opened; beyond a limit there is a clear error, never a cut text."""

from typing import Final

FILE_BYTES_MAX: Final = 32 * 2**20
"""Any file; longer ones are refused before they are read."""
TEXT_CHARACTERS_MAX: Final = 2_000_000
"""About 400 articles, or a book of a thousand pages."""
BLOCKS_MAX: Final = 20_000

HTML_BYTES_MAX: Final = 8 * 2**20
HTML_DEPTH_MAX: Final = 256
HTML_ELEMENTS_MAX: Final = 40_000
HTML_ATTRIBUTES_MAX: Final = 1_000
HTML_ATTRIBUTE_CHARACTERS_MAX: Final = 2**20

PDF_PAGES_MAX: Final = 1_000
PDF_SECONDS_MAX: Final = 120
PDF_MEMORY_BYTES_MAX: Final = 2**30
