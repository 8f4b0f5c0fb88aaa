"""ncsolve theorems: list, show, check, and what is refused."""

import json

import pytest

from ncsolve.analytic.scalar import threshold
from ncsolve.cli import main
from ncsolve.theorems import statements, theorems
from ncsolve.theorems.refuted import refutations

EVERY = pytest.mark.parametrize("name", [one.name for one in (*theorems(), *refutations())])


def answer(capsys, *argv, code=0):
    assert main(["theorems", *argv]) == code
    return capsys.readouterr()


@pytest.mark.parametrize("argv", [[], ["list"]])
def test_the_list_has_every_theorem_with_its_statement_source_claim_and_scope(capsys, argv):
    out = answer(capsys, *argv).out
    head, *rest = out.splitlines()
    assert head.split() == ["name", "claim", "loss", "depth", "imbalance", "bias", "features"]
    for one in (*theorems(), *refutations()):
        assert one.statement in out
        assert one.reference in out
        line = next(line for line in rest if line.startswith(one.name + " "))
        assert line.split()[1] == statements.claim(one)
    spectral = next(line for line in rest if line.startswith("squared_spectral"))
    assert "none or free" in spectral
    assert "linear; relu without bias" in spectral


def test_the_scope_says_what_the_hypotheses_say():
    for one in (*theorems(), *refutations()):
        scope = statements.scope(one.hypotheses)
        texts = " ".join(h.text for h in one.hypotheses)
        assert (scope["depth"] == "any") == ("depth" not in texts)
        assert (scope["imbalance"] == "balanced") == ("all counts are equal" in texts)
        assert (scope["loss"] == "any") == (not one.hypotheses)


@EVERY
def test_show_gives_the_full_statement_hypotheses_edge_cases_and_reference(capsys, name):
    out = answer(capsys, "show", name).out
    one = statements.entry(name)
    assert all(h.text in out for h in one.hypotheses)
    assert one.reference in out
    headings = [heading for heading, _ in statements.sections(one)[1]]
    if name in {r.name for r in refutations()}:
        assert {"Published", "Counterexample", "Instead", "Source"} <= set(headings)
        assert "REFUTED" in out
    elif name != "descent_only":
        assert {"Problem", "Statement", "Edge cases", "Proof", "Source"} <= set(headings)
    document = json.loads(answer(capsys, "show", name, "--json").out)
    assert document["schema"] == "ncsolve/theorems/1"
    assert document["name"] == name
    assert list(document["sections"]) == headings


def test_check_gives_a_table_and_agrees(capsys, tmp_path):
    path = tmp_path / "check.json"
    out = answer(capsys, *"check squared_spectral --trials 4 --rng 7 --out".split(), str(path)).out
    assert out.splitlines()[0].split()[:7] == [
        "trial",
        "value",
        "formula",
        "slope",
        "gap",
        "excess",
        "verdict",
    ]
    assert "AGREES: 4 of 4 trials agree" in out
    document = json.loads(path.read_text())
    assert [t["verdict"] for t in document["attacks"][0]["trials"]] == ["AGREES"] * 4
    assert document["provenance"]["rng"] == 7


@pytest.mark.parametrize("name", [one.name for one in refutations()])
def test_check_of_a_refuted_claim_runs_the_counterexample_and_contradicts_it(capsys, name):
    out = answer(capsys, "check", name, "--trials", "3", "--rng", "1", code=1).out
    assert "as published" in out
    assert "REFUTED: the point it calls global lies too high in 4 of 4 problems" in out


def test_check_without_a_name_attacks_every_theorem(capsys):
    out = answer(capsys, "check", "--trials", "1", "--rng", "1", "--starts", "1").out
    for one in theorems():
        assert f"\n{one.name} " in out


def test_a_planted_wrong_theorem_gives_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr("ncsolve.analytic.scalar.threshold", lambda depth: 0.8 * threshold(depth))
    out = answer(capsys, "check", "squared_spectral", "--trials", "8", "--rng", "0", code=1).out
    assert "REFUTED" in out


MISTAKES = {
    "unknown name": ("show squared_spectrl", "did you mean 'squared_spectral'?"),
    "unknown name without a neighbor": ("show xyz", "one of "),
    "no name": ("show", "needs a name"),
    "a name too much": ("list deep_simplex", "takes no name"),
    "unknown action": ("prove", "invalid choice: 'prove'"),
    "trials for show": ("show deep_simplex --trials 3", "--trials belongs to theorems check"),
    "no trials": (
        "check deep_simplex --trials 0",
        "--trials '0' is not a whole number of 1 or more",
    ),
    "latex for show": ("show deep_simplex --latex", "--latex belongs to theorems derive"),
    "tex for show": ("show deep_simplex --out a.tex", "is for LaTeX"),
    "a seed that is none": ("check deep_simplex --rng x", "--rng 'x' is not a whole number"),
    "a tolerance that is none": (
        "check deep_simplex --tol -1",
        "--tol '-1' is not a positive number",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_code_2(capsys, name):
    argv, said = MISTAKES[name]
    out, err = answer(capsys, *argv.split(), code=2)
    assert out == ""
    assert err.startswith("ncsolve: error: ")
    assert err.count("\n") == 1
    assert said in err
