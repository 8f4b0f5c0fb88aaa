"""ncsolve phase: what it prints, writes and draws."""

import csv
import json
import os

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.pictures import drawn

import ncsolve
from ncsolve import LongTail, phase_map
from ncsolve.cli import main
from ncsolve.questions.axes import Axis
from ncsolve.questions.maps import FIELDS
from ncsolve.show.plots.maps import edges, phase_diagram, stairs

LONG = ["--long-tail", "K=6,n=300,ratio=30"]
AXES = ["--x", "decay=1e-4:1e-1:7", "--y", "ratio=1:100:5"]
TAIL = LongTail(6, 300, 30)


def answer(capsys, *argv, code=0):
    assert main(["phase", *argv]) == code
    return capsys.readouterr()


def refusal(capsys, *argv, code=2):
    out, err = answer(capsys, *argv, code=code)
    assert out == ""
    assert err.startswith("ncsolve: error: ")
    assert err.count("\n") == 1
    return err


def small(**options):
    ufm = ncsolve.UFM(TAIL.counts(), depth=3)
    return phase_map(ufm, "decay=1e-4:1e-1:7", "ratio=1:100:5", long_tail=TAIL, **options)


# What is printed


def test_the_text_names_problem_axes_theorem_range_and_boundaries(capsys):
    out = answer(capsys, *LONG, "--depth", "3", *AXES).out
    assert (
        "6 classes, n = 300, counts n ratio^(-k/(K-1)) (continuous, not rounded), squared loss, M = 3, no bias"
        in out
    )
    assert "decay (all decays), 0.0001 to 0.1, 7 points, logarithmic" in out
    assert "squared_spectral, GLOBAL: 35 cells" in out
    assert "active    0 to 6, active classes" in out
    line = next(line for line in out.splitlines() if "class 5 lost" in line)
    curve = next(b for b in small().boundaries if b.name == "class 5 lost")
    assert f"decay {curve.x[-1]:.6g} at ratio 100" in line


def test_counts_are_floored_where_they_stand_still_so_that_cells_are_those_of_predict(capsys):
    out = answer(
        capsys, *"--long-tail K=6,n=300,ratio=31 --x decay=1e-4:1e-1:7 --y depth=1:3 --json".split()
    ).out
    document = json.loads(out)
    assert document["long_tail"]["rule"] == "floored"
    assert (
        document["ufm"]["counts"]
        == ncsolve.UFM(ncsolve.problem.counts.long_tail(6, 300, 31)).counts.tolist()
    )
    assert (
        answer(capsys, *LONG, *AXES, "--rule", "floored", "--quiet").out.count(
            "rounded down to whole numbers"
        )
        == 1
    )


def test_the_document_holds_axes_fields_theorems_and_curves(capsys):
    document = json.loads(
        answer(capsys, *LONG, "--depth", "3", *AXES, "--json", "--field", "all").out
    )
    found = small()
    assert document["schema"] == "ncsolve/phase/1"
    assert set(document["fields"]) == set(FIELDS)
    assert document["fields"]["active"] == found.fields["active"].tolist()
    assert all(isinstance(n, int) for row in document["fields"]["active"] for n in row)
    np.testing.assert_allclose(
        np.array(document["fields"]["value"], dtype=float), found.fields["value"], rtol=0
    )
    assert document["x"] == {"name": "decay", "scale": "log", "values": found.x.values.tolist()}
    assert document["theorems"] == ["squared_spectral"]
    assert np.array(document["theorem"]).max() == 0
    assert [curve["name"] for curve in document["boundaries"]] == [
        curve.name for curve in found.boundaries
    ]
    assert document["fields"]["cosine"][0][-1] is None  # everything is lost: no pair of vectors


def test_cells_without_a_theorem_are_null_and_the_reason_is_said(capsys):
    argv = ["--counts", "5,5,5", "--bias", "0.1", "--x", "decay=1e-3:1:3", "--y", "depth=1:2"]
    document = json.loads(answer(capsys, *argv, "--json").out)
    assert document["fields"]["active"][1] == [None] * 3
    assert document["uncovered"][0]["cells"] == 3
    assert "uncovered  3 cells: no theorem covers this problem" in answer(capsys, *argv).out


def test_cells_that_are_solved_one_by_one_are_announced(capsys):
    argv = "--counts 20,20,20 --loss ce --theorem deep_simplex --x decay=1e-3:1:30 --y depth=2:3".split()
    out, err = answer(capsys, *argv)
    assert (
        err
        == "ncsolve: 60 cells have no closed form (or lie at a threshold) and are predicted one by one\n"
    )
    assert "one by one  60 cells" in out
    assert answer(capsys, *argv, "--quiet").err == ""


# What is written


def test_a_table_has_one_row_per_cell_with_every_digit(capsys, tmp_path):
    path = tmp_path / "map.csv"
    answer(
        capsys, *LONG, "--depth", "3", *AXES, "--field", "active,value,cosine", "--out", str(path)
    )
    rows = list(csv.DictReader(path.read_text().splitlines()))
    found = small()
    assert list(rows[0]) == ["decay", "ratio", "active", "value", "cosine", "theorem", "claim"]
    assert len(rows) == 35
    for row, cell in zip(rows, np.ndindex(5, 7), strict=True):
        assert (float(row["decay"]), float(row["ratio"])) == (
            found.x.values[cell[1]],
            found.y.values[cell[0]],
        )
        assert row["active"] == f"{found.fields['active'][cell]:.0f}"
        assert float(row["value"]) == found.fields["value"][cell]
        assert (row["cosine"] == "") == np.isnan(found.fields["cosine"][cell])
        assert (row["theorem"], row["claim"]) == ("squared_spectral", "GLOBAL")


def test_arrays_come_back_without_pickle(tmp_path):
    found = small()
    found.save(tmp_path / "map.npz")
    with np.load(tmp_path / "map.npz", allow_pickle=False) as kept:
        for name, field in found.fields.items():
            np.testing.assert_array_equal(kept[name], field)
        np.testing.assert_array_equal(kept["x"], found.x.values)
        assert (str(kept["x_name"]), str(kept["y_name"])) == ("decay", "ratio")
        for i, curve in enumerate(found.boundaries):
            assert str(kept["boundary_names"][i]) == curve.name
            np.testing.assert_array_equal(kept[f"boundary_{i}"], [curve.x, curve.y])
        assert [str(kept["theorems"][i]) for i in np.unique(kept["theorem"])] == [
            "squared_spectral"
        ]
    with pytest.raises(ValueError, match=r"saved as \.csv or \.npz"):
        found.save(tmp_path / "map.txt")


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".json", ".png", ".svg", ".pdf"])
def test_files_are_written_once_and_replaced_only_by_force(capsys, tmp_path, suffix):
    path = tmp_path / f"map{suffix}"
    argv = [*LONG, *AXES, "--out", str(path)]
    assert f"written   {path}" in answer(capsys, *argv).out
    first = path.read_bytes()
    assert "exists" in refusal(capsys, *argv, code=4)
    answer(capsys, *argv, "--force", "--depth", "2")
    assert path.read_bytes() != first
    assert os.listdir(tmp_path) == [path.name]


def test_the_json_file_is_the_json_answer(capsys, tmp_path):
    path = tmp_path / "map.json"
    out = answer(capsys, *LONG, *AXES, "--json", "--out", str(path)).out
    assert json.loads(path.read_text())["fields"] == json.loads(out)["fields"]


# What is refused


@pytest.mark.parametrize(
    ("argv", "says", "code"),
    [
        (["--counts", "3,2", *AXES], "axis ratio needs --long-tail", 2),
        (["--labels", "x.csv", *AXES], "--labels gives a fixed vector", 2),
        (
            ["--counts", "3,2", "--rule", "floored", "--x", "decay=1:2", "--y", "depth=1:2"],
            "--rule needs --long-tail",
            2,
        ),
        ([*LONG, "--rule", "flored", *AXES], "'flored' is unknown", 2),
        ([*LONG, "--weight-decay", "1", *AXES], "--weight-decay would be ignored", 2),
        (
            [*LONG, "--depth", "2", "--x", "depth=1:2", "--y", "ratio=1:2"],
            "--depth would be ignored",
            2,
        ),
        (
            [*LONG, "--width", "2", "--x", "width=1:2", "--y", "ratio=1:2"],
            "--width would be ignored",
            2,
        ),
        (
            [*LONG, "--bias", "free", "--x", "bias-decay=1:2", "--y", "ratio=1:2"],
            "--bias would be ignored",
            2,
        ),
        ([*LONG, "--x", "decay=1e-4:1e-1", "--y", "decay=1e-4:1e-1"], "both axes are decay", 2),
        ([*LONG, "--x", "decay=1e-1:1e-4", "--y", "ratio=1:2"], "reversed", 2),
        ([*LONG, "--x", "decay=1e-1:1e-1", "--y", "ratio=1:2"], "no extent", 2),
        ([*LONG, "--x", "dekay=1e-1:1e-1", "--y", "ratio=1:2"], "'dekay' is unknown", 2),
        ([*LONG, "--x", "width=1.5:4", "--y", "ratio=1:2"], "whole numbers only", 2),
        ([*LONG, "--x", "decay=1e-4:1:1000000", "--y", "ratio=1:10:1000000"], "3.73e+04 GiB", 3),
        (
            "--counts 5,4,3 --depth 2 --x decay=1e-3:1 --y bias-decay=1e-3:1".split(),
            "the bias is none or free",
            2,
        ),
        ([*LONG, "--loss", "ce", "--logit-adjustment", "1", *AXES], "follows the counts", 2),
        (
            [*LONG, "--loss", "ce", "--field", "value", "--most-solved", "3", *AXES],
            "more than 3",
            3,
        ),
        ([*LONG, *AXES, "--field", "activ"], "field 'activ' is unknown", 2),
        ([*LONG, *AXES, "--dpi", "100"], "--dpi is about a picture", 2),
        (
            [*LONG, *AXES, "--no-boundaries", "--out", "x.csv"],
            "--no-boundaries is about a picture",
            2,
        ),
        ([*LONG, *AXES, "--out", "x.txt"], "suffix '.txt'", 2),
        ([*LONG, *AXES, "--out", "/nowhere/x.csv"], "cannot be written", 4),
        ([*LONG[:1], "K=6,n=300", "--x", "n=1:9", "--y", "depth=1:2"], "ratio missing", 4),
        ([*LONG, "--rule", "floored", "--x", "ratio=1:1000", "--y", "depth=1:2"], "0 of n=300", 4),
        ([*LONG, "--x", "decay=1:2"], "required: --y", 2),
    ],
)
def test_careless_words_get_one_line_and_the_right_code(capsys, argv, says, code):
    assert says in refusal(capsys, *argv, code=code)


# What is drawn


def test_cells_lie_between_their_edges_and_numbers_of_classes_have_one_color_each():
    found = small(fields="active,value")
    axes = drawn(phase_diagram(found))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    mesh = axes.collections[0]
    shown = mesh.get_array().reshape(5, 7)
    np.testing.assert_array_equal(shown, found.fields["active"])
    assert mesh.cmap.N == 7  # 0 .. 6 classes
    np.testing.assert_array_equal(mesh.norm(np.arange(7.0)), np.arange(7))
    assert len({mesh.cmap(mesh.norm(k)) for k in range(7)}) == 7
    np.testing.assert_allclose(
        edges(found.x)[1:-1], np.sqrt(found.x.values[1:] * found.x.values[:-1]), rtol=1e-14
    )
    assert edges(found.x)[0] < found.x.values[0]
    assert axes.get_xlim() == (edges(found.x)[0], edges(found.x)[-1])
    bar = axes.get_figure().axes[1]
    assert bar.get_ylabel() == FIELDS["active"]


def test_colors_grow_lighter_with_the_number_so_that_grey_shows_them():
    mesh = phase_diagram(small(fields="active")).collections[0]
    light = [np.dot(mesh.cmap(mesh.norm(k))[:3], [0.2126, 0.7152, 0.0722]) for k in range(7)]
    assert (np.diff(light) > 0.03).all()


def legend(axes):
    """The words of the legend beneath a picture."""
    return [text.get_text() for text in axes.get_figure().legends[0].get_texts()]


def test_boundaries_are_lines_at_their_points_with_names_in_the_legend():
    found = small(fields="active")
    axes = drawn(phase_diagram(found))
    lines = {line.get_label(): line for line in axes.get_lines()}
    for curve in found.boundaries:
        np.testing.assert_array_equal(lines[curve.name].get_xdata(), curve.x)
        np.testing.assert_array_equal(lines[curve.name].get_ydata(), curve.y)
    assert legend(axes) == [curve.name for curve in found.boundaries]
    assert len(
        {(line.get_linestyle(), str(line._unscaled_dash_pattern)) for line in lines.values()}
    ) == len(lines)
    assert not drawn(phase_diagram(found, lines=False)).get_figure().legends


def test_over_whole_numbers_a_boundary_is_drawn_across_each_cell():
    found = phase_map(
        ncsolve.UFM(TAIL.counts()),
        "decay=1e-4:1e-1:7",
        "depth=1,2,4",
        long_tail=TAIL,
        fields="active",
    )
    curve = found.boundaries[0]
    x, y = stairs(found, curve)
    np.testing.assert_array_equal(y, [0.5, 1.5, 1.5, 3.0, 3.0, 5.0])
    np.testing.assert_array_equal(x, np.repeat(curve.x, 2))
    turned = phase_map(
        ncsolve.UFM(TAIL.counts()),
        "depth=1,2,4",
        "decay=1e-4:1e-1:7",
        long_tail=TAIL,
        fields="active",
    )
    np.testing.assert_array_equal(stairs(turned, turned.boundaries[0]), [y, x])


def test_cells_without_a_number_are_grey_with_the_reason():
    found = phase_map(
        ncsolve.UFM([5, 5, 5], bias=0.1), "decay=1e-3:1:5", "depth=1:3", fields="active"
    )
    axes = drawn(phase_diagram(found))
    assert axes.collections[0].get_array().mask.reshape(3, 5)[1:].all()
    assert "no theorem" in legend(axes)
    angles = drawn(phase_diagram(small(), "cosine"))
    assert "fewer than two non-zero vectors" in legend(angles)
    with pytest.raises(ValueError, match="not in the map"):
        phase_diagram(found, "value")


def test_names_of_classes_are_no_mathematics_and_axes_may_be_given():
    figure = Figure()
    mine = figure.subplots()
    found = phase_map(
        ncsolve.UFM({"$a$": 30, "$b": 20}),
        Axis("decay", [1e-3, 0.05, 0.3]),
        "width=2:3",
        fields="active",
    )
    assert drawn(phase_diagram(found, ax=mine)) is mine
    assert [text.get_text() for text in mine.get_legend().get_texts()] == [
        r"class \$a\$ lost",
        r"class \$b lost",
    ]


@pytest.mark.parametrize("low", [0, 3])
def test_a_field_with_one_value_can_be_drawn(low):
    found = phase_map(
        ncsolve.UFM([5, 4, 3]),
        f"decay={10.0 ** (3 - 2 * low):g}:{10.0 ** (4 - 2 * low):g}:3",
        "depth=1:2",
    )
    for field in ("active", "value", "cosine"):
        drawn(phase_diagram(found, field))
