"""Files of features and classifiers: every format gives the same numbers, and every bad file one line and exit code 4."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.snapshots import long_tail_of_ten, near, passed

import ncsolve
from ncsolve.cli import main
from ncsolve.metrics.files import read_snapshot

PREDICTION = ncsolve.predict(ncsolve.UFM([20, 10, 5], weight_decay=5e-3, feature_decay=5e-3))
H, Y, (W,) = near(PREDICTION, noise=0.01, dimension=4, rng=2)
B = np.array([0.0, 0.01, -0.01])
DECAYS = ["--weight-decay", "5e-3", "--feature-decay", "5e-3"]


def answer(capsys, *argv):
    code = main([*map(str, argv), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def refusal(capsys, *argv, code=4):
    assert main([*map(str, argv)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("ncsolve: error: ")]
    assert len(lines) == 1
    assert err.splitlines()[-1] == lines[0]
    return lines[0]


def written(capsys, folder, counts, *words):
    """The file that predict writes for these counts, and the words that say its problem."""
    (folder / "counts.json").write_text(json.dumps(counts))
    problem = ["--counts", folder / "counts.json", *words, *DECAYS]
    path = folder / "geometry.npz"
    assert main(["predict", *map(str, problem), "--out", str(path), "--quiet"]) == 0
    capsys.readouterr()
    return path, problem


MODEL = {"fc.weight": W, "fc.bias": B, "conv.weight": np.zeros((2, 2))}


@pytest.fixture
def files(tmp_path):
    """The same network in every format that needs no torch."""
    np.savez(tmp_path / "net.npz", H=H, y=Y, W=W, b=B)
    np.savez(tmp_path / "long.npz", features=H, labels=Y, weight=W, bias=B)
    np.save(tmp_path / "h.npy", H)
    np.save(tmp_path / "y.npy", Y)
    (tmp_path / "y.txt").write_text("\n".join(map(str, Y)) + "\n")
    (tmp_path / "y.csv").write_text("label\n" + "\n".join(map(str, Y)) + "\n")
    save_file({"H": H, "y": Y, "W": W, "b": B}, str(tmp_path / "net.safetensors"))
    save_file(MODEL, str(tmp_path / "model.safetensors"))
    lines = ["x0,x1,x2,x3,label"] + [
        ",".join([*(repr(float(x)) for x in row), str(y)]) for row, y in zip(H, Y, strict=True)
    ]
    (tmp_path / "net.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "classifier"),
    [
        ("net.npz", True),
        ("long.npz", True),
        ("net.safetensors", True),
        ("h.npy --labels y.npy", False),
        ("h.npy --labels y.txt", False),
        ("h.npy --labels y.csv", False),
        ("net.csv", False),
        ("net.csv --classifier net.npz", True),
        (
            "h.npy --labels y.npy --classifier model.safetensors --weight-key fc.weight --bias-key fc.bias",
            True,
        ),
        ("net.npz --features-key H --labels-key y --weight-key W --bias-key b", True),
    ],
)
def test_every_format_gives_the_same_numbers(capsys, monkeypatch, files, argv, classifier):
    monkeypatch.chdir(files)
    code, document = answer(capsys, "measure", *argv.split())
    expected = ncsolve.measure(H, Y, W, B) if classifier else ncsolve.measure(H, Y)
    assert code == 0
    assert document["schema"] == "ncsolve/measure/1"
    assert document["metrics"] == dict(expected)
    assert [row["count"] for row in document["classes"]] == [20, 10, 5]


def test_layers_and_their_matrices_are_found_by_number(capsys, tmp_path):
    prediction = ncsolve.predict(
        ncsolve.UFM([20, 10, 5], depth=2, weight_decay=5e-3, feature_decay=5e-3)
    )
    features, labels, weights = near(prediction, noise=0.005, dimension=4)
    layers = passed(features, weights)
    np.savez(tmp_path / "deep.npz", y=labels, **layers, W_1=weights[0], W_2=weights[1])
    code, document = answer(capsys, "compare", tmp_path / "deep.npz", "--depth", "2", *DECAYS)
    assert code == 0
    assert [layer["name"] for layer in document["layers"]] == ["H_1", "H_2"]
    assert [one["name"] for one in document["spectra"]] == ["H", "W_1", "W_2"]
    named = layers | {"a": weights[0], "b.c": weights[1], "y": labels}
    save_file(named, str(tmp_path / "deep.safetensors"))
    keys = ["--depth", "2", *DECAYS, "--features-key", "H_1,H_2", "--weight-key", "a,b.c"]
    again = answer(capsys, "compare", tmp_path / "deep.safetensors", *keys)[1]
    assert again["metrics"] == document["metrics"]
    np.savez(tmp_path / "gap.npz", y=labels, H=features, W_1=weights[0], W_3=weights[1])
    assert "has W_3 but no W_2" in refusal(capsys, "measure", tmp_path / "gap.npz")


@pytest.mark.parametrize("names", [None, ["owl", "cat", "dog"]])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_the_matrices_that_predict_writes_agree_with_the_prediction(capsys, tmp_path, names, bias):
    counts = {name: n for name, n in zip(names or "012", [20, 10, 5], strict=True)}
    given = counts if names else list(counts.values())
    path, problem = written(capsys, tmp_path, given, "--depth", "2", "--bias", bias)
    code, document = answer(capsys, "compare", path, *problem)
    assert code == 0
    assert document["largest"]["value"] < 1e-14
    assert {row["name"] for row in document["classes"]} == set(counts)


@pytest.fixture
def geometry(capsys, tmp_path):
    """What predict writes for classes 10, 9 and 8, whose sorted order is another one as words."""
    return written(capsys, tmp_path, {"10": 20, "9": 10, "8": 5}, "--width", "4")[0]


def test_another_classifier_takes_the_place_of_that_of_a_prediction(capsys, tmp_path, geometry):
    with np.load(geometry) as saved:
        rows = np.repeat(saved["class_means"].T, [20, 10, 5], axis=0)
    names = np.repeat(["10", "9", "8"], [20, 10, 5])
    expected = ncsolve.measure(rows, names, W, B, classes=["10", "9", "8"])
    np.savez(tmp_path / "other.npz", W=W, b=B)
    np.savez(tmp_path / "sorted.npz", W=W[[2, 1, 0]], b=B[[2, 1, 0]], classes=[8, 9, 10])
    np.save(tmp_path / "other.npy", W)
    document = answer(capsys, "measure", geometry, "--classifier", tmp_path / "other.npz")[1]
    assert document["metrics"] == dict(expected)
    by_name = answer(capsys, "measure", geometry, "--classifier", tmp_path / "sorted.npz")[1]
    assert [row["name"] for row in by_name["classes"]] == ["8", "9", "10"]
    for key, value in expected.items():
        assert by_name["metrics"][key] == pytest.approx(value, rel=1e-12, abs=1e-15), key
    code, document = answer(capsys, "measure", geometry, "--classifier", tmp_path / "other.npy")
    assert code == 0
    assert document["metrics"] == dict(ncsolve.measure(rows, names, W, classes=["10", "9", "8"]))
    problem = ["--counts", tmp_path / "counts.json", "--width", "4", *DECAYS]
    assert answer(capsys, "compare", geometry, *problem)[0] == 0
    np.save(tmp_path / "far.npy", -W)
    far = ["--classifier", tmp_path / "far.npy"]
    assert answer(capsys, "compare", geometry, *problem, *far)[0] == 1


def test_the_classifier_of_a_prediction_belongs_to_its_names(capsys, tmp_path, geometry):
    np.savez(tmp_path / "samples.npz", H=H, y=np.array([10, 9, 8])[Y])
    code, document = answer(capsys, "measure", tmp_path / "samples.npz", "--classifier", geometry)
    with np.load(geometry) as saved:
        weight, bias = saved["W_1"], saved["bias"]
    expected = ncsolve.measure(H, np.array([10, 9, 8])[Y], weight, bias, classes=[10, 9, 8])
    assert code == 0
    assert document["metrics"] == dict(expected)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            "--labels y.npy",
            "--labels needs --features-key; candidates for features: W_1 (3, 4), class_means (4, 3)",
        ),
        ("--labels-key counts", "--labels-key needs --features-key"),
        ("--features-key rows", "has no 'rows'; candidates for features: W_1 (3, 4)"),
        ("--weight-key fc", "has no 'fc'; candidates for weight: W_1 (3, 4)"),
        ("--bias-key fc", "has no 'fc'; candidates for bias: bias (3,)"),
        ("--features-key class_means", "holds no labels"),
        ("--classifier y.npy", "no array of shape (3, 4)"),
    ],
)
def test_what_is_chosen_in_a_prediction_is_used_or_refused(
    capsys, files, geometry, monkeypatch, argv, said
):
    monkeypatch.chdir(files)
    assert said in refusal(capsys, "measure", geometry, *argv.split())
    assert said in refusal(capsys, "compare", geometry, *argv.split(), *DECAYS)


@pytest.mark.parametrize("names", [["²", "a", "b"], ["01", "1", "2"], ["٣", "3", "x"]], ids=str)
def test_names_of_digits_are_words(capsys, tmp_path, names):
    counts = dict(zip(names, [20, 10, 5], strict=True))
    path, words = written(capsys, tmp_path, counts)
    code, document = answer(capsys, "measure", path)
    assert code == 0
    found = [(row["name"], row["count"]) for row in document["classes"]]
    assert found == list(counts.items())
    assert answer(capsys, "compare", path, *words)[0] == 0


def test_a_classifier_that_was_asked_for_is_found_or_refused(capsys, files):
    """A .npy file and a file with one matrix of the right shape need no key; anything else is exit code 4, not a note."""
    np.save(files / "w.npy", W)
    save_file(MODEL, str(files / "one.safetensors"))
    np.savez(files / "two.npz", one=W, two=W + 1)
    np.savez(files / "alone.npz", first=W, second=np.eye(4), third=B)
    argv = ["measure", files / "h.npy", "--labels", files / "y.npy", "--classifier"]
    without, with_bias = dict(ncsolve.measure(H, Y, W)), dict(ncsolve.measure(H, Y, W, B))
    assert answer(capsys, *argv, files / "w.npy")[1]["metrics"] == without
    assert answer(capsys, *argv, files / "one.safetensors")[1]["metrics"] == with_bias
    key = ["--weight-key", "fc.weight"]
    assert answer(capsys, *argv, files / "one.safetensors", *key)[1]["metrics"] == with_bias
    assert answer(capsys, *argv, files / "alone.npz")[1]["metrics"] == without
    assert main([*map(str, argv), str(files / "alone.npz")]) == 0
    assert "no bias was taken; candidates for bias: third (3,)" in capsys.readouterr().err
    said = refusal(capsys, *argv, files / "two.npz")
    several = "several arrays of shape (3, 4); candidates for weight: one (3, 4), two (3, 4)"
    assert f"{several}; choose with --weight-key" in said
    said = refusal(capsys, *argv, files / "y.npy").replace("H (35,)", "y")
    assert "no array of shape (3, 4); candidates for weight: y" in said
    np.save(files / "narrow.npy", W[:, :3])
    assert "weight has shape (3, 3)" in refusal(capsys, *argv, files / "narrow.npy")


def test_exit_code_1_says_that_the_network_is_elsewhere(capsys, files):
    """The distance is about .01: within .05, beyond .001; at the wrong decays or counts it is far."""
    net, doubled = ["compare", files / "net.npz"], ["compare", files / "doubled.npz", *DECAYS]
    code, document = answer(capsys, *net, *DECAYS)
    assert (code, document["agrees"], document["schema"]) == (0, True, "ncsolve/compare/1")
    assert 0.003 < document["largest"]["value"] < 0.05
    assert answer(capsys, *net, *DECAYS, "--tol", "0.001")[0] == 1
    assert answer(capsys, *net, "--weight-decay", "1e-4", "--feature-decay", "5e-3")[0] == 1
    assert answer(capsys, *net, *DECAYS, "--loss", "ce")[0] == 1
    np.savez(files / "doubled.npz", H=2 * H, y=Y, W=W / 2)
    assert answer(capsys, *doubled)[0] == 1
    assert answer(capsys, *doubled, "--scale-free")[0] == 0
    assert answer(capsys, *net, *DECAYS, "--counts", "20,10,5")[0] == 0
    code, document = answer(capsys, *net, *DECAYS, "--counts", "200,100,50", "--subset")
    assert code == 1
    assert document["prediction"]["ufm"]["counts"] == [200, 100, 50]


def test_the_text_is_aligned_and_ends_with_the_verdict(capsys, files):
    assert main(["compare", str(files / "net.npz"), *DECAYS]) == 0
    out = capsys.readouterr().out
    blocks = out.strip().split("\n\n")
    assert blocks[-1].startswith("verdict  agrees: the largest distance, ")
    table = next(block for block in blocks if block.startswith("class"))
    assert len({len(line) for line in table.splitlines()}) == 1
    for said in ("nc2_etf_H", "nc1_quotient", "bias ", "  b "):
        assert said in out
    alone = [str(files / "h.npy"), "--labels", str(files / "y.npy")]
    assert main(["compare", *alone, *DECAYS, "--quiet"]) == 0
    said = "is within the tolerance 0.05; not tested: the classifier, the bias"
    assert capsys.readouterr().out.rstrip().endswith(said)
    np.savez(files / "far.npz", H=H, y=Y, W=W, b=[100.0, -50.0, 30.0])
    assert main(["compare", str(files / "far.npz"), *DECAYS, "--quiet"]) == 1
    assert "differs: the largest distance, bias = " in capsys.readouterr().out
    assert main(["measure", str(files / "net.npz"), "--preset", "zhu"]) == 0
    out = capsys.readouterr().out
    assert "NC4 bias" in out
    assert "mu_S, the mean of all samples" in out
    assert main(["measure", *alone]) == 0
    out, err = capsys.readouterr()
    assert "it needs a classifier (weight)" in out
    assert "holds no classifier under W or weight" in err


def test_a_limit_that_is_known_up_to_scale_is_compared_without_it(capsys, tmp_path):
    ufm = ncsolve.UFM([20, 10, 5], "ce", weight_decay=1e-3, feature_decay=1e-3)
    limit = ncsolve.predict(ufm, limit="vanishing-decay")
    features, labels, (weight,) = near(limit)
    np.savez(tmp_path / "seli.npz", H=7.0 * features, y=labels, W=0.1 * weight)
    limited = ["--loss", "ce", "--limit", "vanishing-decay"]
    code, document = answer(capsys, "compare", tmp_path / "seli.npz", *limited)
    assert code == 0
    assert document["decisive"] == ["nc1_quotient", "nc2_gof_H", "nc2_gof_W", "nc3_gof"]
    assert document["untested"] == ["the scale", "the bias"]
    assert document["largest"]["value"] < 1e-12


def test_a_label_of_two_lines_stays_on_one(capsys, tmp_path):
    np.savez(tmp_path / "lines.npz", H=H, y=np.array(["a\nb", "c", "d"])[Y])
    assert main(["measure", str(tmp_path / "lines.npz"), "--quiet"]) == 0
    assert "\n'a\\nb'" in capsys.readouterr().out


def test_many_classes_show_both_ends(capsys, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "many.npz", H=rng.normal(size=(120, 5)), y=np.arange(120) % 60)
    assert main(["measure", str(tmp_path / "many.npz"), "--quiet"]) == 0
    assert "... 36 more (use --json for all)" in capsys.readouterr().out


def test_a_file_may_say_the_order_of_the_rows(capsys, tmp_path):
    names = np.array(["owl", "cat", "dog"])
    np.savez(tmp_path / "named.npz", H=H, y=names[Y], W=W, b=B, classes=names)
    code, document = answer(capsys, "measure", tmp_path / "named.npz")
    assert code == 0
    assert document["metrics"] == dict(ncsolve.measure(H, Y, W, B))
    assert [row["name"] for row in document["classes"]] == names.tolist()


def test_out_is_written_once(capsys, files):
    out = files / "answer.json"
    assert main(["compare", str(files / "net.npz"), *DECAYS, "--out", str(out)]) == 0
    assert json.loads(out.read_text())["schema"] == "ncsolve/compare/1"
    capsys.readouterr()
    assert "exists" in refusal(capsys, "measure", files / "net.npz", "--out", out)


class Bomb:
    """A pickle that would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_pickle_is_read(capsys, tmp_path):
    mark = tmp_path / "exploded"
    array = np.array([Bomb(mark)], dtype=object)
    with open(tmp_path / "net.pkl", "wb") as stream:
        pickle.dump(Bomb(mark), stream)
    np.save(tmp_path / "net.npy", array, allow_pickle=True)
    np.savez(tmp_path / "net.npz", H=array, y=[0])
    (tmp_path / "sheep.npy").write_bytes((tmp_path / "net.pkl").read_bytes())
    (tmp_path / "sheep.npz").write_bytes((tmp_path / "net.pkl").read_bytes())
    for name in ("net.pkl", "net.npy", "net.npz", "sheep.npy", "sheep.npz"):
        labels = ["--labels", tmp_path / name] if name.endswith("npy") else []
        said = refusal(capsys, "measure", tmp_path / name, *labels)
        assert name in said
        if name.startswith("net"):
            assert "pickle" in said
    assert not mark.exists()


def _mistakes(folder):
    rng = np.random.default_rng(0)
    np.savez(folder / "nan.npz", H=np.where(H[3, 1] == H, np.nan, H), y=Y)
    np.savez(folder / "short.npz", H=H, y=Y[:-1])
    np.savez(folder / "across.npz", H=H.T, y=Y)
    np.savez(folder / "shape.npz", H=H, y=Y, W=rng.normal(size=(3, 7)))
    np.savez(folder / "nothing.npz", other=H, third=Y)
    np.savez(folder / "unlabeled.npz", H=H, z=Y, t=H)
    np.savez(folder / "none.npz")
    np.savez(folder / "fake.npz", document="{}", class_means=np.eye(2))
    (folder / "empty.npz").write_bytes(b"")
    (folder / "broken.npz").write_bytes((folder / "net.npz").read_bytes()[:300])
    (folder / "broken.safetensors").write_bytes(b'\x08\x00\x00\x00\x00\x00\x00\x00{"a":1}')
    (folder / "text.npy").write_text("1 2 3")
    (folder / "headless.csv").write_text("1,2,0\n3,4,1\n")
    (folder / "words.csv").write_text("x,label\n1,a\ntwo,b\n")
    (folder / "ragged.csv").write_text("x,label\n1,a\n2\n")
    (folder / "latin.csv").write_bytes("x,label\n1,\xe9\n".encode("latin-1"))
    (folder / "empty_table.csv").write_text("x,label\n")
    (folder / "folder.npz").mkdir()
    return [
        ("measure nan.npz", "sample 3, coordinate 1", "nan"),
        ("measure short.npz", "(35, 4)", "(34,)"),
        ("measure across.npz", "(4, 35)", "(35,)", "transposed"),
        ("measure shape.npz", "(3, 7)", "(3, 4)"),
        ("measure nothing.npz", "no features", "other (35, 4)", "--features-key"),
        ("measure unlabeled.npz", "no labels", "z (35,)", "--labels-key"),
        ("measure none.npz", "it holds no arrays"),
        ("measure net.npz --weight-key fc.weight", "'fc.weight'", "W (3, 4)", "H (35, 4)"),
        ("measure net.npz --weight-key y", "weight has shape (35,)"),
        (
            "compare net.npz --weight-decay 1e9",
            "no distance",
            "Gram matrix of the class means is zero",
        ),
        ("measure net.npz --bias-key c", "'c'", "b (3,)"),
        ("measure nowhere.npz", "does not exist"),
        ("measure net.parquet", "'.parquet'", ".safetensors"),
        ("measure net", "''"),
        ("measure folder.npz", "directory"),
        ("measure empty.npz", "is empty"),
        ("measure broken.npz", "broken.npz"),
        ("measure broken.safetensors", "safetensors"),
        ("measure text.npy --labels y.npy", "text.npy"),
        ("measure h.npy", "no labels", "--labels FILE"),
        ("measure h.npy --labels other.txt", "(35, 4)", "(2,)"),
        ("measure h.npy --labels net.safetensors", "labels are read from"),
        ("measure headless.csv", "header"),
        ("measure words.csv", "line 3", "'two'"),
        ("measure ragged.csv", "line 3", "1 cells"),
        ("measure latin.csv", "UTF-8"),
        ("measure empty_table.csv", "no samples"),
        ("measure fake.npz", "predict --out"),
        ("compare net.npz --counts 20,10,6", "class 2: 5 samples, 6 predicted"),
        ("compare net.npz --counts 20,10,5,5", "classes without samples: '3'"),
        ("measure net.csv --classifier net.npz --weight-key V", "net.npz", "'V'"),
    ]


def test_every_bad_file_gets_one_line_and_exit_code_4(capsys, monkeypatch, files):
    monkeypatch.chdir(files)
    (files / "other.txt").write_text("a\nb\n")
    for argv, *said in _mistakes(files):
        line = refusal(capsys, *argv.split())
        for words in said:
            assert words in line, (argv, line)
        assert len(line) < 600


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("measure", "FILE"),
        ("measure x.npz --preset pap", "papyan"),
        ("compare x.npz --counts 3,2 --long-tail K=2,n=3,ratio=1", "not allowed with"),
        ("compare x.npz --tol -1", "--tol"),
        ("compare x.npz --kind gram", "--picture"),
        ("compare x.npz --size 3x3", "--picture"),
        ("compare x.npz --picture p.bmp", ".png"),
        ("compare x.npz --picture p.png --kind pie", "pie"),
        ("measure x.npz --out x.npz", ".json"),
    ],
)
def test_usage_is_said_before_anything_is_read(capsys, argv, said):
    assert said in refusal(capsys, *argv.split(), code=2)


@pytest.mark.parametrize(
    "kind", ["norms", "gram", "gram-weights", "spectrum", "cosines", "vectors"]
)
def test_every_kind_of_picture_is_drawn(capsys, files, kind):
    from matplotlib.image import imread

    path = files / f"{kind}.png"
    words = ["--picture", path, "--kind", kind, "--size", "4x3", "--dpi", "50"]
    code, document = answer(capsys, "compare", files / "net.npz", *DECAYS, *words)
    assert code == 0
    assert document["picture"] == str(path)
    assert imread(path).shape[:2] == (150, 200)
    assert "exists" in refusal(capsys, "compare", files / "net.npz", *DECAYS, "--picture", path)


def test_a_picture_of_ten_vectors_is_refused_before_a_file_is_written(capsys, tmp_path):
    features, labels, (weight,) = near(long_tail_of_ten())
    np.savez(tmp_path / "ten.npz", H=features, y=labels, W=weight)
    argv = ["compare", tmp_path / "ten.npz", "--picture", tmp_path / "v.svg", "--kind", "vectors"]
    decays = ["--weight-decay", "5e-5", "--feature-decay", "5e-5"]
    assert "10 classes" in refusal(capsys, *argv, *decays, code=2)
    assert not (tmp_path / "v.svg").exists()


def test_measuring_loads_no_solver_and_no_torch(files):
    code = (
        "import sys; from ncsolve.cli import main; main(['measure', sys.argv[1]]); "
        "bad = {'sympy', 'matplotlib', 'torch', 'joblib', 'ncsolve.theorems.predict'} & set(sys.modules); assert not bad, bad"
    )
    argv = [sys.executable, "-c", code, str(files / "net.npz")]
    subprocess.run(argv, check=True, capture_output=True)


def test_a_snapshot_is_what_measure_takes(files):
    found, notes = read_snapshot(files / "net.npz", keys={"weight": "W"})
    assert dict(ncsolve.measure(**found)) == dict(ncsolve.measure(H, Y, W, B))
    assert notes == []
