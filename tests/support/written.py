"""Result files of every command that writes one, for one small problem, as a user makes them."""

import json
import os

import numpy as np

import ncsolve
from ncsolve.cli import main
from ncsolve.networks.task import run_log

COUNTS = {"cat": 60, "yak": 30, "a <b> & $c$": 20, "owl": 10}
PROBLEM = "--counts counts.json --depth 2 --weight-decay 2e-3 --feature-decay 2e-3".split()
DECAYS = PROBLEM[2:]
AXES = "--long-tail K=10,n=500,ratio=100 --depth 3 --x decay=1e-4:1e-2:9 --y ratio=1:1000:8".split()
ARGV = {  # file -> the words that write it, but for --out; those of a command are its kind
    "predict.json": ["predict", *PROBLEM],
    "predict.npz": ["predict", *PROBLEM],
    "thresholds.json": ["thresholds", *PROBLEM],
    "certify.json": ["certify", *PROBLEM],
    "verify.json": ["verify", *PROBLEM, "--rng", "0"],
    "verify.npz": ["verify", *PROBLEM, "--rng", "0"],
    "measure.json": ["measure", "snapshot.npz"],
    "compare.json": ["compare", "snapshot.npz", *DECAYS],
    "compare.npz": ["compare", "snapshot.npz", *DECAYS],
    "phase.json": ["phase", *AXES, "--field", "all"],
    "phase.npz": ["phase", *AXES, "--field", "all"],
    "dynamics.json": ["dynamics", *PROBLEM],
    "landscape.json": ["landscape", *PROBLEM],
    "design.json": ["design", "decay", "--counts", "counts.json"],
    "convert.json": ["convert", "--weight-decay", "1e-4", "--optimizer", "sgd"],
    "theorems.json": ["theorems", "list"],
    "campaign.jsonl": ["campaign", "spec.toml", "--workers", "1"],
}
SPEC = 'grid.depth = [1, 2]\ncampaign.action = "verify"\ncampaign.starts = 1\nproblem.counts = [30, 9]\n'


def problem():
    """The problem of ARGV."""
    return ncsolve.UFM(COUNTS, depth=2, weight_decay=2e-3, feature_decay=2e-3)


def snapshot(path):
    """A network near the prediction; its labels in another order than the problem's classes."""
    prediction = ncsolve.predict(problem())
    features = prediction.features().T
    features = features + 0.01 * np.random.default_rng(0).normal(size=features.shape)
    names = list(COUNTS)
    rows = [names.index(name) for name in sorted(names)]
    labels = np.repeat(names, list(COUNTS.values()))
    np.savez(path, H=features, y=labels, W_1=prediction.weights[0], W_2=prediction.weights[1][rows])


def log(path, precision="double"):
    """A training log of three measurements, one of them with a number that is not finite."""
    header = {
        "ufm": problem().to_dict(),
        "training": {"precision": precision},
        "targets": ["predicted", "orthogonal"],
    }
    with run_log(path, header, [], overwrite=False) as add:
        for epoch in range(3):
            row = {"epoch": epoch, "nc2_gof_H": 10.0**-epoch, "nc2_simplex_H": 1.0}
            row |= {"nc2_of_H": 0.5, "nc1_quotient": 0.1, "nc2_gof_W": 1e-3}
            add(row | {"excess": float("nan") if epoch == 1 else 0.1})


def write_all(folder):
    """Every file of ARGV and a training log, in `folder`; the process is there afterwards."""
    os.chdir(folder)
    (folder / "counts.json").write_text(json.dumps(COUNTS))
    (folder / "spec.toml").write_text(SPEC)
    snapshot(folder / "snapshot.npz")
    log(folder / "train-log.jsonl")
    for name, words in ARGV.items():
        assert main([*words, "--quiet", "--out", name]) in (0, 1), name
