"""`ncsolve design`: every question in words and in JSON, exit codes, one line for every mistake."""

import json
import re
import shlex
from pathlib import Path

import pytest

from ncsolve.cli import main
from ncsolve.cli.asking import QUESTIONS

ASKED = {
    "decay": ["--counts", "200,100,50,50", "--depth", "3"],
    "count": ["--counts", "1000,100,10,2", "--depth", "3"],
    "class-weights": ["--counts", "1000,100,10,2", "--depth", "2"],
    "ldt": ["--counts", "100,100,20,20", "--loss", "ce"],
    "bias-decay": ["--counts", "50,50,50", "--angle", "100"],
    "oversample": "--counts 500,500,50,50,5,5 --loss ce --weight-decay 4e-3 --feature-decay 4e-3".split(),
    "width": ["--counts", "1000,100,10,2", "--depth", "3"],
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_prints_both_sides_and_that_they_agree(capsys, question):
    assert main(["design", question, *ASKED[question]]) == 0
    out = capsys.readouterr().out
    for key in ("problem  ", "question  ", "answer  ", "inside  ", "outside  "):
        assert any(line.startswith(key.rstrip()) for line in out.splitlines()), key
    assert "the predictions on both sides say so" in out


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_answers_in_one_json_document(capsys, question):
    assert main(["design", question, *ASKED[question], "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["schema"] == "ncsolve/design/1"
    assert document["question"] == question
    assert document["verified"] is True
    assert document["inside"]["holds"] is True
    assert document["outside"]["holds"] is False
    assert len(document["inside"]["states"]) == len(document["ufm"]["counts"])


def test_the_answer_can_be_written_to_a_file(tmp_path, capsys):
    path = tmp_path / "decay.json"
    assert main(["design", "decay", "--counts", "20,10", "--out", str(path)]) == 0
    assert json.loads(path.read_text())["question"] == "decay"
    assert main(["design", "decay", "--counts", "20,10", "--out", str(path)]) == 4
    capsys.readouterr()


def test_a_table_of_many_classes_shows_those_at_the_boundary(capsys):
    assert main(["design", "decay", "--counts", "places-lt", "--share", "0.95"]) == 0
    out = capsys.readouterr().out
    assert "347 of 365 classes" in out
    assert "349 active, 16 vanished" in out
    assert "342 active, 23 vanished" in out
    assert "349 classes farther from the boundary" in out
    assert main(["design", "class-weights", "--counts", "places-lt"]) == 0
    assert "341 more" in capsys.readouterr().out


def test_named_classes_and_kept_ratios(capsys):
    words = [
        "--counts",
        '{"cat": 90, "dog": 20, "owl": 5}',
        *"--class cat --class dog --json".split(),
    ]
    assert main(["design", "decay", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["wanted"], document["lost"]) == (["cat", "dog"], ["dog"])
    ratios = ["--weight-decay", "1e-3", "--feature-decay", "1e-5", "--keep-ratios"]
    assert main(["design", "decay", *words, *ratios]) == 0
    scaled = json.loads(capsys.readouterr().out)
    assert scaled["decay"] == pytest.approx(document["decay"] / 1e-4)


MISTAKES = {
    "no question": ("design", 2, "question"),
    "an unknown question": ("design depth --counts 5,3", 2, "depth"),
    "no counts": ("design decay", 2, "--counts"),
    "bad counts": ("design decay --counts 5,0", 4, "0"),
    "an unknown class": ("design count --counts 5,3 --class yak", 4, "yak"),
    "a share that is a word": ("design decay --counts 5,3 --share most", 2, "most"),
    "a share of nothing": ("design decay --counts 5,3 --share 0", 2, "share"),
    "the decay that is asked for": (
        "design decay --counts 5,3 --weight-decay 1e-3",
        2,
        "--keep-ratios",
    ),
    "no ratios to keep": ("design decay --counts 5,3 --keep-ratios", 2, "--weight-decay"),
    "an option of another question": ("design width --counts 5,3 --share .5", 2, "design decay"),
    "an unknown aim": ("design ldt --counts 5,3,3 --loss ce --aim features", 2, "classifiers"),
    "a limit": ("design decay --counts 5,3 --limit vanishing-decay", 2, "--limit"),
    "no angle": ("design bias-decay --counts 5,5", 2, "--cosine"),
    "two angles": ("design bias-decay --counts 5,5 --cosine -.5 --angle 100", 2, "--angle"),
    "an angle beyond": ("design bias-decay --counts 5,5,5 --angle 200", 2, "200"),
    "the bias that is asked for": (
        "design bias-decay --counts 5,5 --cosine -.5 --bias 1",
        2,
        "--bias",
    ),
    "the width that is asked for": ("design width --counts 5,3 --width 2", 2, "--width"),
    "an angle out of reach": (
        "design bias-decay --counts 5,5,5 --cosine -0.9",
        3,
        "-0.5 to below 0",
    ),
    "a width too small": ("design decay --counts 5,5 --width 1", 3, "width lets 1"),
    "nothing known": ("design decay --counts 5,5 --loss ce --depth 2", 3, "depth 2"),
    "nothing lost": ("design oversample --counts 500,400", 3, "nothing to oversample"),
    "no count": ("design count --counts 500,4 --weight-decay .1 --feature-decay .1", 3, "no count"),
    "no theorem": ("design class-weights --counts 5,3 --bias free", 2, "--bias none"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_or_a_question_without_an_answer_gets_one_line(capsys, name):
    argv, code, says = MISTAKES[name]
    assert main(argv.split()) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ncsolve: error: ")
    assert err.count("\n") == 1
    assert says in err


def test_an_answer_that_its_predictions_contradict_ends_with_exit_code_one(capsys, monkeypatch):
    from ncsolve.questions import design

    honest = design.means_lost
    monkeypatch.setattr(design, "means_lost", lambda *given: 1.01 * honest(*given))
    assert main(["design", "decay", "--counts", "200,200,1", "--loss", "ce"]) == 1
    assert "NO: the predictions" in capsys.readouterr().out


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def test_the_outputs_on_the_page_are_those_of_its_commands(capsys):
    page = (Path(__file__).parents[2] / "docs" / "design.md").read_text(encoding="utf-8")
    pairs = re.findall(
        r"^```console\nncsolve ([^\n]*)\n```\n\n```(?:text|output)\n(.*?)\n```",
        page,
        re.MULTILINE | re.DOTALL,
    )
    assert len(pairs) >= 10
    for command, shown in pairs:
        words, _, code = command.partition(" # exit ")
        assert main(shlex.split(words)) == int(code or 0)
        out, err = capsys.readouterr()
        said = out.rstrip("\n") or err.rstrip("\n")
        assert NUMBER.sub("#", said) == NUMBER.sub("#", shown), command
        numbers = [[float(found) for found in NUMBER.findall(text)] for text in (said, shown)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-6, abs=1e-9), command
