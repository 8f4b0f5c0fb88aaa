"""The command line on cross-entropy: answers, claims, exit codes, and one line for every mistake."""

import json

import numpy as np
import pytest

import ncsolve
from ncsolve.cli import main

COUNTS = "--counts 20,20,10,5 --loss ce --weight-decay 4e-3 --feature-decay 2e-3".split()
UFM = ncsolve.UFM([20, 20, 10, 5], "ce", weight_decay=4e-3, feature_decay=2e-3)


def answer(capsys, *argv, code=0):
    assert main(list(argv)) == code
    return capsys.readouterr()


def document(capsys, *argv, code=0):
    return json.loads(answer(capsys, *argv, "--json", "--quiet", code=code).out)


def test_predict_shows_the_claim_with_its_certificate(capsys):
    out = answer(capsys, "predict", *COUNTS).out
    for words in (
        "cross-entropy, M = 1",
        "imbalanced_cross_entropy",
        "CERTIFIED",
        "relative gap",
        "certificate",
        "lower bound",
    ):
        assert words in out
    found = document(capsys, "predict", *COUNTS)
    assert found["theorem"]["claim"] == "CERTIFIED"
    assert found["value"] == ncsolve.predict(UFM).value
    assert 0 <= found["certificate"]["relative_gap"] < 1e-12
    assert found["ufm"]["loss"] == "ce"
    assert "smoothing" not in found["ufm"]


@pytest.mark.parametrize(
    ("options", "loss"),
    [
        (["--smoothing", "0.1"], {"smoothing": 0.1}),
        (["--logit-adjustment", "0.5,0.5,0,-1"], {"offsets": [0.5, 0.5, 0.0, -1.0]}),
        (
            ["--logit-adjustment", "2"],
            {"offsets": (2 * np.log(np.array([20, 20, 10, 5]) / 55)).tolist()},
        ),
        (["--label-scale", "1,1,0.7,0.5"], {"label_scale": [1.0, 1.0, 0.7, 0.5]}),
        (["--class-scale", "1,1,0.7,0.5"], {"class_scale": [1.0, 1.0, 0.7, 0.5]}),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_parameters_of_the_loss_reach_the_problem_and_come_back_in_json(capsys, options, loss):
    found = document(capsys, "predict", *COUNTS, *options)
    for name, value in loss.items():
        np.testing.assert_allclose(found["ufm"].pop(name), value, rtol=1e-14)
    right = ncsolve.predict(UFM.replace(loss=ncsolve.CrossEntropy(**loss)))
    assert found["value"] == pytest.approx(right.value, rel=1e-14)


def test_a_negative_list_is_understood(capsys):
    assert document(capsys, "predict", *COUNTS, "--logit-adjustment", "-1,0,0,1")["ufm"][
        "offsets"
    ] == [-1, 0, 0, 1]


def test_verify_agrees_and_the_deep_simplex_is_beaten(capsys):
    assert document(capsys, "verify", *COUNTS, "--rng", "0")["verdict"] == "AGREES"
    deep = (
        "--counts 20,20,20,20 --loss ce --depth 3 --weight-decay 2e-3 --feature-decay 2e-3".split()
    )
    found = document(
        capsys, "verify", *deep, "--theorem", "deep_simplex", "--rng", "0", "--starts", "4", code=1
    )
    assert (found["verdict"], found["theorem"]["claim"]) == ("BEATEN", "CRITICAL")
    best = document(capsys, "predict", *deep)
    assert best["geometry"] == "square"
    assert best["facts"]["lower_bound"] < best["value"] < best["facts"]["simplex"]
    assert document(capsys, "verify", *deep, "--rng", "0", "--starts", "4")["verdict"] == "AGREES"


def test_certify_and_thresholds(capsys):
    found = document(capsys, "certify", *COUNTS)
    assert found["certificate"]["method"] == "dual"
    deep = answer(capsys, "certify", *COUNTS, "--depth", "2", code=3)
    assert "not certified" in deep.out
    found = document(capsys, "thresholds", *COUNTS)
    assert found["classes"][0]["critical_decay"] == pytest.approx(np.sqrt(20) / 55)
    assert found["classes"][3]["critical_decay"] is None
    assert found["complete_collapse"] == pytest.approx(ncsolve.thresholds(UFM).complete_collapse)


def test_decays_so_large_that_all_is_zero_are_done_with_a_certificate(capsys):
    for options in ([], ["--bias", "free"], ["--features", "relu"]):
        argv = [
            *"predict --counts 20,20,10,5 --loss ce --weight-decay 3 --feature-decay 2".split(),
            *options,
        ]
        found = document(capsys, *argv)
        assert {row["state"] for row in found["classes"]} == {"vanished"}
        assert 0 <= found["certificate"]["relative_gap"] < 1e-11


def test_the_limit_has_its_own_word_and_no_descent(capsys):
    found = document(capsys, "predict", *COUNTS, "--limit", "vanishing-decay")
    assert found["theorem"]["name"] == "vanishing_decay"
    assert (
        "limit"
        in answer(capsys, "verify", *COUNTS, "--limit", "vanishing-decay", "--rng", "0", code=2).err
    )
    assert (
        "'vanishing-decay' works"
        in answer(capsys, "predict", *COUNTS, "--limit", "soon", code=2).err
    )


def test_where_no_theorem_holds_the_hypothesis_is_named_and_descent_only_works(capsys):
    for options, says in (
        (["--features", "relu", "--bias", "free"], "there is no bias"),
        (["--features", "relu", "--depth", "2"], "depth is 1"),
    ):
        err = answer(capsys, "predict", *COUNTS, *options, code=2).err
        assert says in err
        assert "descent_only" in err
        assert err.count("\n") == 1
        found = document(capsys, "predict", *COUNTS, *options, "--theorem", "descent_only")
        assert found["theorem"]["claim"] == "BEST_KNOWN"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--smoothing", "1"], 2, "smoothing 1 is not in [0, 1)"),
        (["--smoothing", "-0.5"], 2, "smoothing -0.5"),
        (["--smoothing", "nan"], 2, "smoothing nan"),
        (["--smoothing", "a"], 2, "smoothing 'a'"),
        (["--smoothing", "0.1,0.2"], 2, "not one number"),
        (["--label-scale", "1,2"], 2, "label_scale has 2 entries for 4 classes"),
        (["--class-scale", "1,2,3,0"], 2, "class_scale[3] is 0"),
        (["--label-scale", "1,-2,3,1"], 2, "label_scale[1] is -2"),
        (["--logit-adjustment", "1,2,inf,1"], 2, "offsets[2] is inf"),
        (["--logit-adjustment", "a,b,c,d"], 2, "offsets are not numbers"),
        (["--theorem", "simplex"], 2, "unknown"),
        (["--theorem", "deep_simplex"], 2, "depth is 2 or more"),
        (["--targets", "nothing.npy"], 2, "takes no --targets"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_a_mistake_gets_one_line(capsys, options, code, says):
    captured = answer(capsys, "predict", *COUNTS, *options, code=code)
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.startswith("ncsolve: error: ")
    assert captured.err.count("\n") == 1


def test_options_of_cross_entropy_need_it(capsys):
    err = answer(capsys, "predict", "--counts", "3,2", "--smoothing", "0.1", code=2).err
    assert "--smoothing belongs to --loss ce, not to --loss mse" in err


def test_matrices_are_saved_with_their_document(capsys, tmp_path):
    path = tmp_path / "found.npz"
    answer(capsys, "predict", *COUNTS, "--out", str(path))
    with np.load(path, allow_pickle=False) as saved:
        p = ncsolve.Parameters((saved["W_1"],), saved["class_means"], saved["bias"])
        assert ncsolve.objective(UFM, p) == pytest.approx(
            json.loads(str(saved["document"]))["value"], rel=1e-13
        )


@pytest.mark.parametrize("kind", ["norms", "gram", "objective"])
def test_pictures_of_cross_entropy(capsys, tmp_path, kind):
    path = tmp_path / "picture.png"
    extra = [] if kind == "norms" else ["--rng", "0"]
    answer(capsys, "plot", kind, *COUNTS, *extra, "--out", str(path))
    assert path.stat().st_size > 5000


def test_the_bar_of_a_search_fills_and_that_of_a_solver_pulses():
    from rich.progress import Progress

    from ncsolve.cli.progress import stages

    seen = []
    right = Progress.update

    def spy(self, task, **fields):
        seen.append((fields["description"], fields["completed"], fields["total"]))
        right(self, task, **fields)

    with pytest.MonkeyPatch.context() as patch, stages() as watch:
        patch.setattr(Progress, "update", spy)
        ncsolve.predict(ncsolve.UFM([20] * 4, "ce", 2), progress=watch)
        ncsolve.predict(UFM, progress=watch)
    assert seen[0][0].startswith("search 1 of ")
    assert any(done == total is not None for _, done, total in seen)
    assert seen[-1][1:] == (None, None)
    assert "objective" in seen[-1][0]
