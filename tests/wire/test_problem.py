"""Faults as people read them."""

import pytest
from pydantic import ValidationError

from mains.wire.base import DecimalText, Name, Schema, Text
from mains.wire.problem import describe_fault


class Asked(Schema):
    name: Name = "a"
    amount: DecimalText = "1"
    title: Text = ""


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "Bad Name!", "`name` is not a short name of"),
        ("amount", "1e3", "`amount` is not a decimal amount such as 1250.50"),
        ("title", "\0", "`title` is not text without the character of code 0"),
    ],
)
def test_a_pattern_is_told_in_words_and_the_value_is_not_repeated(
    key: str, value: str, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate({key: value})
    named, sentence = describe_fault(caught.value.errors()[0])
    assert named == key
    assert sentence.startswith(said) and value not in sentence
