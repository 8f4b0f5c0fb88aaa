"""What the tests of bad input share."""

import io

import pytest

from ncsolve.problem.counts import parse_counts
from ncsolve.problem.errors import CountsError

BAD_NUMBERS = [
    "0",
    "0.0",
    "-3",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "1_000",
    "abc",
    "0x10",
]


def refusal(call, *arguments):
    """The message of the CountsError, which must be one line of sensible length."""
    with pytest.raises(CountsError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert message.isprintable(), f"more than one printable line: {message!r}"
    assert len(message) < 600
    return message


def from_stdin(text):
    return parse_counts("-", stdin=io.BytesIO(text if isinstance(text, bytes) else text.encode()))
