"""Language packs: every word of a natural language that the reader knows, as YAML.

    pack = load_pack("pt")                      # cached per process
    matcher = pack.derive(build)                # build(pack) -> PhraseMatcher, made once per pack
    matcher.find(tokens)                        # list of Match(first, last, payload)

`models.py` is the truth of the format; `phrases.py` explains the notation of phrases.
"""

from mains.reports.packs.loader import Pack, PackError, languages, load_pack
from mains.reports.packs.models import Entity, Grammar, MeasureRule, MeasureWords, UnitName
from mains.reports.packs.phrases import Match, PhraseError, PhraseMatcher
from mains.reports.packs.words import Token, Tokenizer, TokenKind

__all__ = [
    "Entity",
    "Grammar",
    "Match",
    "MeasureRule",
    "MeasureWords",
    "Pack",
    "PackError",
    "PhraseError",
    "PhraseMatcher",
    "Token",
    "TokenKind",
    "Tokenizer",
    "UnitName",
    "languages",
    "load_pack",
]
