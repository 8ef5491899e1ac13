"""What goes wrong with a model: values for a note, never an error of the document."""


class ModelFault(Exception):
    """The model gave no answer that can be read; `code` is stable, the words hold no content."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
