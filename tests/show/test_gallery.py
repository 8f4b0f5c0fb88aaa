"""Every kind of picture: the same from a file as from a problem, in every format, with everything inside, and honest refusals.

Nothing here names a kind but where its own command draws it too: a new kind is tested as it is.
"""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from support.written import ARGV, DECAYS, PROBLEM, log, write_all

from ncsolve import plots
from ncsolve.cli import main
from ncsolve.problem.errors import DataError, NcsolveError
from ncsolve.show.document import read_result
from ncsolve.show.gallery import KINDS, drawn

FILES = [*ARGV, "train-log.jsonl"]
ITSELF = {  # kind -> where a command draws the picture itself: its words and options, and the file of the same result
    "phase": (ARGV["phase.npz"], "--out", "phase.npz"),
    "dynamics": (ARGV["dynamics.json"], "--picture", "dynamics.json"),
    "hessian": (ARGV["landscape.json"], "--picture", "landscape.json"),
    "campaign": (["campaign", "--summarize", "campaign.jsonl"], "--plot", "campaign.jsonl"),
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    before = Path.cwd()
    made = tmp_path_factory.mktemp("gallery")
    write_all(made)
    yield made
    os.chdir(before)


def svg(path, *words):
    """The bytes of the picture that a command draws; the same picture is the same bytes."""
    assert main([*words, str(path), "--quiet"]) in (0, 1)
    return path.read_bytes()


def written_by(kind):
    """The file that a kind says it is drawn from."""
    command, suffix = re.fullmatch(r"ncsolve (\w+) .*--out FILE(\.\w+)", KINDS[kind].file).groups()
    return command + suffix


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_says_what_it_shows_and_which_file_it_is_drawn_from(kind):
    assert re.fullmatch(r"[A-Za-z].*[^.]", KINDS[kind].shows)
    assert written_by(kind) in FILES


@pytest.mark.parametrize(
    "kind", [kind for kind, known in KINDS.items() if known.made or known.descends]
)
def test_a_file_and_a_problem_give_the_same_picture(tmp_path, capsys, kind):
    seed = ["--rng", "0"] if KINDS[kind].descends else []
    problem = svg(tmp_path / "problem.svg", "plot", kind, *PROBLEM, *seed, "--out")
    assert svg(tmp_path / "file.svg", "plot", kind, written_by(kind), "--out") == problem
    assert "picture" in capsys.readouterr().out


@pytest.mark.parametrize(
    "kind", [kind for kind, known in KINDS.items() if not (known.made or known.descends)]
)
def test_a_kind_without_a_problem_asks_for_a_file(capsys, kind):
    assert main(["plot", kind, *PROBLEM, "--out", "x.png"]) == 2
    assert KINDS[kind].file in capsys.readouterr().err


@pytest.mark.parametrize("kind", ITSELF)
def test_a_command_draws_what_plot_draws_from_its_file(tmp_path, capsys, kind):
    words, option, file = ITSELF[kind]
    assert svg(tmp_path / "own.svg", *words, option) == svg(
        tmp_path / "file.svg", "plot", kind, file, "--out"
    )


@pytest.mark.parametrize("kind", [kind for kind, known in KINDS.items() if known.of_matrices])
def test_compare_draws_a_network_as_plot_does_from_its_file(tmp_path, capsys, kind):
    own = svg(tmp_path / "own.svg", "compare", "snapshot.npz", *DECAYS, "--kind", kind, "--picture")
    assert svg(tmp_path / "file.svg", "plot", kind, "compare.npz", "--out") == own
    if "which" in KINDS[kind].options:
        other = svg(
            tmp_path / "other.svg", "plot", kind, "compare.npz", "--which", "weights", "--out"
        )
        assert other != own
        if kind == "gram":
            weights = ["compare", "snapshot.npz", *DECAYS, "--kind", "gram-weights", "--picture"]
            assert svg(tmp_path / "own weights.svg", *weights) == other


def test_both_formats_of_a_map_give_one_picture(tmp_path, capsys):
    assert svg(tmp_path / "a.svg", "plot", "phase", "phase.json", "--out") == svg(
        tmp_path / "b.svg", "plot", "phase", "phase.npz", "--out"
    )
    meshes = [
        drawn("phase", read_result(f"phase.{suffix}"), field="value").collections[0]
        for suffix in ("npz", "json")
    ]
    np.testing.assert_array_equal(*(mesh.get_array() for mesh in meshes))
    np.testing.assert_allclose(*(mesh.get_coordinates() for mesh in meshes), rtol=1e-15)
    assert main(["plot", "phase", "phase.npz", "--field", "hue", "--out", "x.png"]) == 2
    assert "'hue'" in capsys.readouterr().err


WRITTEN = "norms predict.npz gram verify.npz spectrum verify_saved.npz cosines compare.npz objective verify.json curves train.json"
WRITTEN += " curves train.jsonl scalar predict.json phase phase_saved.npz phase phase.json dynamics dynamics.json hessian landscape.json"
WRITTEN += " campaign campaign.jsonl"


@pytest.mark.parametrize("pair", list(zip(*[iter(WRITTEN.split())] * 2, strict=True)), ids="-".join)
def test_what_the_first_version_wrote_is_drawn(pair):
    kind, file = pair
    recorded = Path(__file__).parents[1] / "recorded" / "files"
    assert drawn(kind, read_result(recorded / file)).get_figure() is not None


@pytest.mark.parametrize("change", [9**500, float("nan"), "x", None, [], [[1.0]]], ids=repr)
@pytest.mark.parametrize(
    ("file", "kind", "path"),
    [
        ("verify.json", "objective", ("runs", 0, "trajectory", "step")),
        ("verify.json", "curves", ("runs", 0, "trajectory", "nc3")),
        ("verify.json", "norms", ("value",)),
        ("dynamics.json", "dynamics", ("course", "flow", 0)),
        ("landscape.json", "hessian", ("measured_eigenvalues", 0)),
        ("phase.json", "phase", ("x", "values", 0)),
    ],
    ids=lambda one: one if isinstance(one, str) else one[-1],
)
def test_an_entry_of_the_wrong_form_is_one_line(tmp_path, file, kind, path, change):
    document = json.loads(Path(file).read_text())
    entry = document
    for key in path[:-1]:
        entry = entry[key]
    entry[path[-1]] = change
    (tmp_path / file).write_text(json.dumps(document))
    refusal = ""
    try:
        drawn(kind, read_result(tmp_path / file))
    except NcsolveError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert len(refusal) < 500


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", FILES)
def test_a_kind_is_drawn_from_a_result_or_refused_with_what_would_do(kind, file):
    result = read_result(file)
    if file == written_by(kind):
        assert drawn(kind, result).get_figure() is not None
        return
    refusal = ""
    try:
        drawn(kind, result)
    except DataError as error:
        refusal = str(error)
    if refusal:
        assert repr(result.path) in refusal
        assert re.search(
            r"ncsolve (predict|verify|train|phase|dynamics|landscape|campaign) ", refusal
        ), refusal
        assert "\n" not in refusal


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_file_is_one_line_with_code_4_and_leaves_nothing(tmp_path, capsys, kind):
    wrong = "convert.json"
    assert main(["plot", kind, wrong, "--out", str(tmp_path / "x.png")]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert wrong in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_whole_in_every_format(tmp_path, kind):
    axes = drawn(kind, read_result(written_by(kind)))
    for suffix in ("png", "svg", "pdf"):
        plots.save(axes, tmp_path / f"x.{suffix}")
    from matplotlib.image import imread

    pixels = imread(tmp_path / "x.png")[..., :3]
    assert pixels.shape[0] > 300
    assert (pixels.min(axis=2) < 0.5).mean() > 0.002  # something is drawn
    assert ElementTree.parse(tmp_path / "x.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("size", [None, (5.0, 4.0)], ids=["own size", "small"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_legend_and_no_label_leaves_the_picture(kind, size):
    figure = drawn(kind, read_result(written_by(kind))).get_figure()
    if size is not None and figure.get_size_inches()[0] < 10:
        figure.set_size_inches(*size)
    figure.draw_without_rendering()
    figure.draw_without_rendering()  # room is made for what the first pass has measured
    width, height = figure.bbox.size
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    labels = [
        label
        for axes in figure.axes
        for label in (axes.title, axes.xaxis.label, axes.yaxis.label)
        if label.get_text()
    ]
    for one in [*legends, *labels]:
        box = one.get_window_extent()
        assert box.x0 >= -1, one
        assert box.y0 >= -1, one
        assert box.x1 <= width + 1, one
        assert box.y1 <= height + 1, one


def test_curves_of_a_training_are_its_records_with_the_resolution_named(tmp_path):
    axes = drawn("curves", read_result("train-log.jsonl"))
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["to the prediction, here the simplex"].get_ydata().tolist() == [1.0, 0.1, 0.01]
    assert "to the simplex" not in lines  # the log says that it is the prediction
    assert any("2.2e-16" in str(label) for label in lines)
    log(tmp_path / "single.jsonl", precision="single")
    assert any(
        "1.2e-07" in str(line.get_label())
        for line in drawn("curves", read_result(tmp_path / "single.jsonl")).get_lines()
    )
    third = axes.get_figure().axes[2]
    excess = next(line for line in third.get_lines() if "objective" in str(line.get_label()))
    assert np.isnan(excess.get_ydata()[1])


def test_the_jump_of_the_scalar_landscape_is_marked_where_it_is():
    """At kappa* the two minima have one value: r = 0 and r = 1 - 1/M."""
    for depth in (2, 3, 5):
        axes = plots.scalar_landscape(depth, [0.1])
        jump = next(line for line in axes.get_lines() if line.get_markerfacecolor() == "white")
        assert list(jump.get_xdata()) == [0.0, 1 - 1 / depth]
        threshold = next(line for line in axes.get_lines() if "threshold" in str(line.get_label()))
        r, f = threshold.get_xdata(), threshold.get_ydata()
        # measured 1e-7: the grid
        assert np.interp(1 - 1 / depth, r, f) == pytest.approx(1.0, abs=1e-5)
        assert f[r > 0.01].min() >= 1.0 - 1e-12
    assert not any(
        line.get_markerfacecolor() == "white"
        for line in plots.scalar_landscape(1, [0.1]).get_lines()
    )


def test_options_of_one_picture_are_refused_for_the_others(capsys):
    for option in (["--which", "weights"], ["--measured"], ["--field", "value"]):
        name = option[0].removeprefix("--")
        for kind, known in KINDS.items():
            if name not in known.options:
                assert main(["plot", kind, written_by(kind), *option, "--out", "x.png"]) == 2
                assert f"{option[0]} belongs to plot" in capsys.readouterr().err
    assert main(["plot", "gram", "verify.npz", *PROBLEM, "--out", "x.png"]) == 2
    assert "FILE 'verify.npz' has one already" in capsys.readouterr().err


def test_targets_that_are_not_labels_have_gram_matrices_too(tmp_path, capsys):
    np.savetxt(tmp_path / "t.csv", np.random.default_rng(0).normal(size=(2, 4)), delimiter=",")
    words = ["--counts", "6,5,4,3", "--targets", str(tmp_path / "t.csv"), "--rng", "0"]
    assert (
        main(["plot", "gram", *words, "--which", "weights", "--out", str(tmp_path / "x.svg")]) == 0
    )
    assert main(["verify", *words, "--out", str(tmp_path / "targets.npz")]) == 0
    result = read_result(tmp_path / "targets.npz")
    with pytest.raises(NcsolveError, match="not one-hot"):
        drawn("spectrum", result)


def test_reading_the_kinds_loads_nothing_heavy():
    code = "import sys, ncsolve.show.gallery, ncsolve.cli.writing; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment()
    )
    assert not {
        "numpy",
        "scipy",
        "matplotlib",
        "ncsolve.show.plots",
        "ncsolve.show.document",
    } & set(done.stdout.split())


def test_no_file_of_the_package_imports_pyplot():
    package = Path(plots.__file__).parents[2]
    for path in package.rglob("*.py"):
        assert not re.search(
            r"^\s*(from|import) .*pyplot", path.read_text(encoding="utf-8"), re.MULTILINE
        ), path


def environment():
    return os.environ | {"PYTHONPATH": str(Path(plots.__file__).parents[3])}
