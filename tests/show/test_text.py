"""Texts of answers: by type, the same from Python as from the command line, colored on terminals only."""

import numpy as np
import pytest

import ncsolve
from ncsolve.cli import main
from ncsolve.questions.reweigh import class_weights
from ncsolve.show.text import Grid, blocks, text_of

WORDS = ["--counts", "30,20,4", "--weight-decay", "2e-2", "--feature-decay", "2e-2"]
UFM = ncsolve.UFM([30, 20, 4], weight_decay=2e-2, feature_decay=2e-2)


def answers():
    """What public functions answer, and the words that print it."""
    prediction = ncsolve.predict(UFM)
    verified = ncsolve.verify(prediction, rng=0)
    yield "predict", prediction, {}, WORDS
    yield "verify", verified, {"method": ncsolve.Descent(), "seed": 0}, [*WORDS, "--rng", "0"]
    yield "thresholds", ncsolve.thresholds(prediction), {}, WORDS
    yield "design", class_weights(UFM), {}, ["class-weights", *WORDS]


@pytest.mark.parametrize(
    ("command", "value", "context", "words"), list(answers()), ids=lambda one: str(one)[:9]
)
def test_the_text_of_a_value_is_what_its_command_prints(capsys, command, value, context, words):
    assert main([command, *words, "--quiet"]) == 0
    assert capsys.readouterr().out == text_of(value, **context) + "\n"


def test_a_prediction_is_printed_as_its_text_and_what_has_none_by_its_repr():
    prediction = ncsolve.predict(UFM)
    assert str(prediction) == text_of(prediction)
    assert text_of(ncsolve.certify(prediction)).startswith("certificate  lower bound ")
    assert text_of(3) == "3"


def test_rows_are_colored_on_a_terminal_only(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    ufm = ncsolve.UFM([300, 1], weight_decay=2e-2, feature_decay=2e-2)
    plain, colored = (
        list(blocks(ncsolve.predict(ufm), terminal=terminal))[1] for terminal in (False, True)
    )
    assert "\x1b" not in plain
    assert colored.count("\x1b[0m") == 2  # the head, and the class that has vanished


def test_numbers_stand_to_the_right_and_a_note_where_rows_are_left_out():
    grid = Grid(("name", "size"), [("a" * 40, "1"), ("b", "1000")], note=("... 5 more", 1))
    lines = grid.text().splitlines()
    assert lines[2] == "... 5 more"
    assert lines[1].startswith("a" * 29 + "...  ")
    assert lines[1].endswith("   1")
    assert len(lines[1]) == len(lines[3])
    wide = Grid(("n", "x"), [("\u4e2d", "1"), ("a\u0301", "2")], right={1}).text().splitlines()
    # column 4 of the terminal
    assert [line.index(end) for line, end in zip(wide[1:], "12", strict=True)] == [3, 5]


def test_of_many_classes_the_largest_and_the_smallest_are_shown():
    counts = np.random.default_rng(0).permutation(np.arange(1.0, 61.0))
    lines = text_of(ncsolve.predict(ncsolve.UFM(counts))).split("\n\n")[1].splitlines()
    shown = [float(line.split()[1]) for line in lines[1:] if not line.startswith("...")]
    assert shown == [*range(60, 48, -1), *range(12, 0, -1)]
    assert lines[13] == "... 36 more (use --json for all)"
