"""Specs: which problems they stand for, in which order, and one line for every mistake in them."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats
from support.campaigns import MIXED, toml

import ncsolve
from ncsolve.problem.fields import FIELDS
from ncsolve.questions import campaign
from ncsolve.questions.campaign import read_spec

PAIR = {"counts": [20, 10]}
DECAY = {"loguniform": [1e-5, 1e-1]}


def drawn(draw, number=400, seed=0, **others):
    """So many random values of the one drawn field."""
    (name,) = draw
    problem = PAIR if name != "counts" else {}
    trials = {"campaign": {"trials": number, "seed": seed}}
    spec = read_spec({**trials, "problem": problem | others, "draw": draw})
    return [spec.varying(i)[name] for i in range(number)]


# Numbering


def test_a_grid_is_every_combination_once_with_the_last_field_fastest():
    spec = read_spec(
        {
            "problem": PAIR,
            "grid": {"decay": [1e-3, 1e-2], "depth": [1, 2, 3], "bias": ["none", 0.1]},
        }
    )
    # in the order of FIELDS
    expected = list(itertools.product([1, 2, 3], [1e-3, 1e-2], ["none", 0.1]))
    assert [
        tuple(spec.varying(i)[name] for name in ("depth", "decay", "bias"))
        for i in range(spec.problems)
    ] == expected
    for i, (depth, decay, bias) in enumerate(expected):
        ufm = ncsolve.UFM([20, 10], depth=depth, weight_decay=decay, feature_decay=decay, bias=bias)
        assert campaign.problem(spec, i) == ufm


def test_trials_repeat_the_whole_grid_and_cases_come_between():
    spec = read_spec(MIXED)
    assert spec.problems == 5 * 3 * 2
    shape = [(spec.varying(i).get("depth"), spec.varying(i)["bias"]) for i in range(12)]
    assert shape[:6] == [
        (3, "none"),
        (3, "free"),
        (0, "none"),
        (0, "free"),
        (None, "none"),
        (None, "free"),
    ]
    assert shape[6:] == shape[:6]
    assert spec.varying(0)["decay"] != spec.varying(6)["decay"]


def test_the_order_of_a_file_does_not_matter_and_everything_else_does():
    first = read_spec({"problem": PAIR, "grid": {"depth": [1, 2], "decay": [1e-3, 1e-2]}})
    turned = read_spec({"grid": {"decay": [1e-3, 1e-2], "depth": [1, 2]}, "problem": PAIR})
    assert first.digest == turned.digest
    assert [first.varying(i) for i in range(4)] == [turned.varying(i) for i in range(4)]
    base = {"campaign": {"seed": 0}, "problem": PAIR, "draw": {"decay": DECAY}}
    others = [
        base | {"campaign": {"seed": 1}},
        base | {"campaign": {"trials": 2}},
        base | {"campaign": {"starts": 1}},
        base | {"campaign": {"tolerance": 1e-9}},
        base | {"campaign": {"action": "certify"}},
        base | {"campaign": {"theorem": "squared_spectral"}},
        base | {"problem": PAIR | {"depth": 2}},
        base | {"draw": {"decay": {"uniform": [1e-5, 1e-1]}}},
        base | {"grid": {"depth": [1]}},
    ]
    assert len({read_spec(spec).digest for spec in (base, *others)}) == 1 + len(others)


def test_a_spec_of_a_trillion_problems_costs_nothing():
    grid = {
        "depth": list(range(1, 101)),
        "decay": [10**-i for i in range(1, 6)],
        "bias": ["none", "free"],
    }
    tracemalloc.start()
    spec = read_spec(
        {
            "campaign": {"trials": 10**9},
            "problem": PAIR,
            "grid": grid,
            "draw": {"width": {"integers": [2, 9]}},
        }
    )
    assert spec.problems == 10**12
    last = campaign.problem(spec, 10**12 - 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (last.depth, last.bias) == (100, "free")
    assert peak < 2e6  # measured 2e5
    for index in (-1, 10**12):
        with pytest.raises(IndexError, match=r"is not one of 0 \.\. 999999999999"):
            campaign.problem(spec, index)


def test_a_file_means_what_a_mapping_means(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(toml(MIXED))
    assert read_spec(path).digest == read_spec(MIXED).digest == read_spec(str(path)).digest
    (tmp_path / "classes.csv").write_text("class,count\ncat,30\ndog,20\n")
    path.write_text('[grid]\ncounts = ["classes.csv", "mnist", [3, 2], { a = 5, b = 4 }]\n')
    spec = read_spec(path)  # files are looked for beside the spec
    assert [campaign.problem(spec, i).classes for i in range(4)] == [2, 10, 2, 2]
    assert campaign.problem(spec, 0).names == ("cat", "dog")
    digest = spec.digest
    (tmp_path / "classes.csv").write_text("class,count\ncat,30\ndog,21\n")
    assert read_spec(path).digest != digest


def test_every_field_reaches_the_problem():
    fields = {
        "counts": [30, 20, 10],
        "depth": 2,
        "width": [5, 4],
        "weight_decay": [1e-3, 2e-3],
        "feature_decay": 3e-3,
        "bias": "free",
        "features": "relu",
        "loss": "ce",
        "smoothing": 0.1,
        "logit_adjustment": 0.5,
        "label_scale": [1.0, 1.1, 1.2],
        "class_scale": [1.0, 0.9, 0.8],
    }
    offsets = [0.5 * math.log(n / 60) for n in (30, 20, 10)]
    loss = ncsolve.CrossEntropy(0.1, offsets, [1.0, 1.1, 1.2], [1.0, 0.9, 0.8])
    ufm = ncsolve.UFM([30, 20, 10], loss, 2, [5, 4], [1e-3, 2e-3], 3e-3, "free", "relu")
    assert campaign.problem({"problem": fields}, 0) == ufm
    tail = {
        "long_tail": {"K": 4, "n": 100, "ratio": 10, "step": True},
        "targets": np.eye(4)[:2].tolist(),
        "decay": 1e-2,
    }
    ufm = ncsolve.UFM(
        [100, 100, 10, 10], ncsolve.Squared(np.eye(4)[:2]), weight_decay=1e-2, feature_decay=1e-2
    )
    assert campaign.problem({"problem": tail}, 0) == ufm
    used = {
        *fields,
        "decay",
        "targets",
        "long_tail",
        *(f"long_tail.{part}" for part in ("K", "n", "ratio", "step")),
    }
    assert used == set(FIELDS)


def test_a_long_tail_has_axes_of_its_own():
    spec = read_spec(
        {"problem": {"long_tail": {"K": 3, "n": 100}}, "grid": {"long_tail": {"ratio": [1, 10]}}}
    )
    assert [campaign.problem(spec, i).counts.tolist() for i in range(2)] == [
        [100, 100, 100],
        [100, 31, 10],
    ]
    whole = read_spec(
        {"grid": {"long_tail": [{"K": 2, "n": 9, "ratio": 3}, {"K": 3, "n": 4, "ratio": 1}]}}
    )
    assert [campaign.problem(whole, i).counts.tolist() for i in range(2)] == [[9, 3], [4, 4, 4]]


def test_a_plain_value_of_another_losss_field_is_no_mistake():
    spec = read_spec({"problem": PAIR, "grid": {"loss": ["mse", "ce"], "smoothing": [0.0, 0.1]}})
    assert [campaign.problem(spec, i).loss.name for i in (0, 2, 3)] == ["mse", "ce", "ce"]
    assert campaign.problem(spec, 2) == ncsolve.UFM([20, 10], "ce")
    with pytest.raises(ncsolve.ProblemError, match="smoothing belongs to loss 'ce', not to 'mse'"):
        campaign.problem(spec, 1)


# Draws


def test_a_problems_numbers_come_from_the_seed_and_its_index_alone():
    spec = read_spec(
        {
            "campaign": {"seed": 7, "trials": 9},
            "problem": PAIR,
            "draw": {"decay": {"uniform": [0.0, 1.0]}},
        }
    )
    for i in (0, 5, 8):  # as the documentation of numpy spawns them
        child = (
            np.random.SeedSequence(7)
            .spawn(9)[i]
            .spawn(len(FIELDS) + 1)[1 + list(FIELDS).index("decay")]
        )
        assert spec.varying(i)["decay"] == np.random.default_rng(child).random()
        starts = np.random.SeedSequence(7).spawn(9)[i].spawn(1)[0]
        assert spec.descent_rng(i).random() == np.random.default_rng(starts).random()


def test_another_drawn_field_changes_no_value_of_the_first():
    alone = drawn({"decay": DECAY}, 20)
    spec = {
        "campaign": {"trials": 20},
        "problem": PAIR,
        "draw": {"depth": {"integers": [1, 9]}, "decay": DECAY},
    }
    assert [read_spec(spec).varying(i)["decay"] for i in range(20)] == alone


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        ({"uniform": [2, 5]}, lambda x: (x - 2) / 3),
        ({"loguniform": [1e-5, 1e-1]}, lambda x: np.log(x / 1e-5) / np.log(1e4)),
    ],
    ids=["uniform", "loguniform"],
)
def test_numbers_follow_their_law(draw, law):
    values = np.array(drawn({"decay": draw}, 3000))
    # .40 and .40: the same uniform numbers
    assert stats.kstest(law(values), "uniform").pvalue > 0.01
    assert stats.kstest(law(values) ** 1.1, "uniform").pvalue < 1e-3  # another law is told apart


def test_whole_numbers_follow_their_law():
    frequency = np.bincount(drawn({"depth": {"integers": [2, 5]}}, 3000), minlength=6)[2:]
    assert stats.chisquare(frequency).pvalue > 0.01
    values = np.bincount(drawn({"depth": {"logintegers": [1, 9]}}, 5000), minlength=10)[1:]
    benford = 5000 * np.log10(1 + 1 / np.arange(1, 10))  # Newcomb and Benford's first digits
    assert stats.chisquare(values, benford).pvalue > 0.01
    assert stats.chisquare(values, np.full(9, 5000 / 9)).pvalue < 1e-9
    assert set(drawn({"bias": {"choice": ["none", "free", 0.1]}}, 60)) == {"none", "free", 0.1}


def test_counts_are_drawn_by_classes_range_and_repeats():
    for counts in drawn({"counts": {"K": [2, 12], "count": [3, 1000], "repeats": [2, 3]}}, 200):
        assert 2 <= len(counts) <= 12
        assert counts == sorted(counts, reverse=True)
        assert all(isinstance(n, int) and 3 <= n <= 1000 for n in counts)
        assert len(set(counts)) <= -(-len(counts) // 2)
    sizes = np.bincount(
        [len(counts) for counts in drawn({"counts": {"K": [2, 5], "count": [1, 9]}}, 2000)]
    )
    assert stats.chisquare(sizes[2:]).pvalue > 0.01
    assert all(
        len(set(counts)) == 1
        for counts in drawn({"counts": {"K": 6, "count": [1, 1000], "repeats": 6}}, 50)
    )


def test_values_per_layer_and_per_class_are_independent():
    for decays in drawn({"weight_decay": DECAY | {"each": "layer"}}, 5, depth=4):
        assert len(set(decays)) == 4
    spec = {
        "campaign": {"trials": 30},
        "draw": {
            "class_scale": {"uniform": [1, 2], "each": "class"},
            "width": {"integers": [2, 9], "each": "layer"},
            "long_tail": {
                "K": {"integers": [2, 5]},
                "n": {"logintegers": [10, 100]},
                "ratio": {"uniform": [1, 9]},
            },
            "depth": {"integers": [1, 4]},
        },
        "problem": {"loss": "ce"},
    }
    for i in range(30):
        ufm = campaign.problem(spec, i)
        assert ufm.loss.class_scale.size == ufm.classes == read_spec(spec).varying(i)["long_tail.K"]
        assert len(ufm.width) == ufm.depth


# Mistakes


def on_a_pair(**sections):
    return {"problem": PAIR} | sections


MISTAKES = [
    (
        {"problem": PAIR | {"dept": 2}},
        "[problem]: unknown key 'dept'; the nearest one that works is 'depth'",
    ),
    (on_a_pair(grids={}), "unknown key 'grids'; the nearest one that works is 'grid'"),
    (
        on_a_pair(campaign={"sed": 1}),
        "[campaign]: unknown key 'sed'; the nearest one that works is",
    ),
    (
        on_a_pair(grid={"wdth": [2]}),
        "[grid]: unknown key 'wdth'; the nearest one that works is 'width'",
    ),
    (on_a_pair(draw={"deca": DECAY}), "[draw]: unknown key 'deca'"),
    (on_a_pair(draw={"decay": {"logunif": [1, 2]}}), "[draw] decay: unknown key 'logunif'"),
    (
        {"problem": {"long_tail": {"k": 3}}},
        "long_tail: unknown key 'k'; the nearest one that works is 'K'",
    ),
    ({"problem": PAIR | {"loss": {"name": "ce", "smooth": 1}}}, "unknown key 'smooth'"),
    ({"problem": PAIR | {"loss": {"smoothing": 0.1}}}, "has no name"),
    ({"draw": {"counts": {"K": 3, "cont": [1, 2]}}}, "unknown key 'cont'"),
    (on_a_pair(grid={}), "[grid] is empty"),
    (on_a_pair(grid={"depth": []}), "[grid]: depth lists nothing"),
    (on_a_pair(draw={}), "[draw] is empty"),
    (on_a_pair(draw={"depth": {"choice": []}}), "choice [] is not a list with at least one value"),
    (on_a_pair(campaign={"trials": 0}), "trials 0 is not a whole number of 1 or more"),
    ({"problem": []}, "problem lists no problem"),
    ({"problem": {"depth": 2}}, "[problem] has no class counts"),
    ({}, "[problem] has no class counts"),
    ({"problem": {"long_tail": {"K": 3}}}, "the long tail of [problem] lacks n and ratio"),
    ({"problem": [PAIR, {"depth": 2}]}, "[[problem]] 2 has no class counts"),
    (
        {"problem": PAIR | {"depth": 1}, "grid": {"depth": [2]}},
        "depth is given in [problem] and in [grid]",
    ),
    (
        {
            "problem": PAIR | {"loss": {"name": "ce", "smoothing": 0.1}},
            "draw": {"smoothing": {"uniform": [0, 0.5]}},
        },
        "smoothing is given in [problem] and in [draw]",
    ),
    (
        {"problem": PAIR | {"loss": {"name": "ce", "smoothing": 0.1}, "smoothing": 0.2}},
        "[problem]: smoothing is given twice",
    ),
    (
        {
            "problem": PAIR | {"smoothing": 0.2},
            "grid": {"loss": ["mse", {"name": "ce", "smoothing": 0.1}]},
        },
        "smoothing is given in [problem] and in [grid]",
    ),
    (
        {"problem": PAIR | {"decay": 1, "weight_decay": 1}},
        "decay (in [problem]) and weight_decay (in [problem])",
    ),
    (on_a_pair(grid={"long_tail": {"K": [3]}}), "counts (in [problem]) and long_tail.K"),
    (on_a_pair(grid={"depth": 3}), "depth 3 is not a list; write [3]"),
    ({"grid": {"counts": [20, 10]}}, "counts lists 20, which is one number"),
    (on_a_pair(grid="depth"), "grid 'depth' is not a section"),
    (
        on_a_pair(campaign={"action": "prove"}),
        "action 'prove' is unknown; predict, certify, verify",
    ),
    (on_a_pair(campaign={"action": []}), "the list of actions is empty"),
    (on_a_pair(campaign={"action": ["verify", "verify"]}), "action 'verify' is given twice"),
    (on_a_pair(campaign={"seed": -1}), "seed -1"),
    (on_a_pair(campaign={"seed": "x"}), "seed 'x'"),
    (on_a_pair(campaign={"tolerance": 0}), "tolerance 0"),
    (on_a_pair(campaign={"theorem": "etf"}), "theorem 'etf' is unknown; one of"),
    (on_a_pair(campaign={"action": "predict", "starts": 3}), "starts belongs to action 'verify'"),
    (on_a_pair(campaign={"action": "predict", "tolerance": 1}), "tolerance belongs to"),
    (on_a_pair(campaign={"action": "predict", "trials": 3}), "would all be the same"),
    (on_a_pair(draw={"decay": {"uniform": [1, 2], "integers": [1, 2]}}), "are two distributions"),
    (on_a_pair(draw={"width": {"each": "layer"}}), "no distribution is named"),
    (on_a_pair(draw={"decay": [1, 2]}), "[1, 2] is not a table"),
    (on_a_pair(draw={"decay": {"uniform": [2, 1]}}), "decay.uniform [2, 1] is not a range"),
    (on_a_pair(draw={"decay": {"loguniform": [0, 1]}}), "two positive numbers in order"),
    (on_a_pair(draw={"depth": {"integers": [1, 2.5]}}), "two whole numbers in order"),
    (on_a_pair(draw={"decay": {"uniform": [1, 2, 3]}}), "is not a range"),
    (on_a_pair(draw={"depth": {"integers": [1, 2], "each": "layer"}}), "is not for depth"),
    (on_a_pair(draw={"width": {"integers": [1, 2], "each": "class"}}), "'layer' works"),
    ({"draw": {"counts": {"K": 3}}}, "count is missing"),
    ({"draw": {"counts": {"K": 3, "count": [0, 9]}}}, "counts.count [0, 9] is not a range"),
    ({"draw": {"counts": {"K": 0, "count": [1, 9]}}}, "counts.K [0, 0] is not a range"),
    ({"problem": {"counts": "places"}}, "[problem]: counts: counts: 'places' is neither"),
    ({"problem": {"counts": "-"}}, "reads no standard input"),
    ({"problem": PAIR | {"decay": math.nan}}, "nan is not finite"),
    (on_a_pair(grid={"decay": [1.0, math.inf]}), "inf is not finite"),
    ({"problem": {"long_tail": "K=3,n=9,ratio=3"}}, "is not a table; write e.g."),
]


@pytest.mark.parametrize(("spec", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_in_a_spec_is_one_line(spec, said):
    with pytest.raises(ncsolve.CampaignError) as caught:
        read_spec(spec)
    message = str(caught.value)
    assert said in message
    assert message.startswith("spec")
    assert message.isprintable()


FILES = {
    "a syntax error": (b"[problem]\ncounts = [3, 2\ndepth = 1\n", "line 3"),
    "a half line": (b"[problem]\ncounts = [3, 2]\ndepth =", "line 3"),
    "an unfinished list": (b"[problem]\ncounts = [3, 2", "at line 2, the end of the file"),
    "a key twice": (b"[problem]\ndepth = 1\ndepth = 2\n", "line 3"),
    "a date": (b"[problem]\ncounts = [3, 2]\ndepth = 2024-01-01\n", "'2024-01-01' is not a number"),
    "not text": (b"[problem]\n\xff\xfe\n", "byte 10 is not UTF-8"),
    "nothing": (b"", "is empty"),
    "a comment": (b"# later\n", "has no class counts"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_spec_is_named_with_the_line(tmp_path, name):
    content, said = FILES[name]
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    with pytest.raises(ncsolve.CampaignError, match=r"spec\.toml") as caught:
        read_spec(path)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", ["nowhere.toml", ".", "a\0b"])
def test_a_spec_that_cannot_be_read_is_one_line(path):
    with pytest.raises(ncsolve.CampaignError) as caught:
        read_spec(path)
    assert str(caught.value).isprintable()
