"""The files that the lines of lines.txt read, made in a folder; the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

COUNTS = (30, 20, 8)
SPEC = """[campaign]
action = "{action}"
seed = 1
trials = 2

[grid]
depth = [1, 2]
bias = ["none", "free"]

[draw]
counts = {{ K = [2, 4], count = [1, 60], repeats = [1, 2] }}
decay = {{ loguniform = [1e-3, 1e-2] }}
"""
TEXTS = {
    "counts.csv": "class,count\ncat,30\ndog,20\nowl,8\n",
    "plain.csv": "30\n20\n8\n",
    "counts.json": '{"cat": 30, "dog": 20, "owl": 8}\n',
    "list.json": "[30, 20, 8]\n",
    "list.txt": "30 20 8\n",
    "labels.txt": "cat\ncat\ndog\ncat\ndog\nowl\n",
    "samples.csv": "image,label\na.jpg,cat\nb.jpg,cat\nc.jpg,dog\n",
    "unnamed.csv": "image,animal\na.jpg,cat\nb.jpg,dog\n",
    "one.txt": "cat\ncat\n",
    "empty.csv": "",
    "twice.csv": "class,count\ncat,5\ncat,6\n",
    "word.csv": "class,count\ncat,5\ndog,many\n",
    "zero.csv": "cat,5\ndog,0\n",
    "broken.json": '{"cat": 30, "dog": ',
    "nested.json": '{"cat": [30], "dog": 20}\n',
    "targets.csv": "1,-1,.5\n0,2,1\n",
    "ragged.csv": "1,2,3\n4,5\n",
    "narrow.csv": "1,2\n0,1\n",
    "nan.csv": "1,2,nan\n",
    "taken.json": "{}\n",
    "foreign.json": '{"value": 1}\n',
    "other.json": '{"schema": "other/predict/1"}\n',
    "future.json": '{"schema": "ncsolve/predict/99"}\n',
    "foreign.jsonl": '{"index": 0}\n',
    "table.csv": "a,b\n1,2\n",
    "notes.xlsx": "no spreadsheet\n",
    "text.npz": "no archive\n",
    "verify.toml": SPEC.format(action="verify").replace("trials = 2", "trials = 2\nstarts = 1"),
    "starts.toml": SPEC.format(action="predict").replace("trials = 2", "trials = 2\nstarts = 1"),
    "predict.toml": SPEC.format(action="predict"),
    "certify.toml": SPEC.format(action="certify"),
    "ce.toml": '[campaign]\naction = ["predict", "certify"]\n\n'
    '[problem]\nloss = "ce"\ndecay = 3e-3\n\n'
    "[grid]\ncounts = [[20, 20, 5], [9, 9, 9]]\nsmoothing = [0.0, 0.1]\n",
    "errors.toml": "[problem]\ncounts = [20, 10]\ndecay = 1e-2\n\n[grid]\ndepth = [0, 1]\n",
    "syntax.toml": "[campaign\naction = 1\n",
    "typo.toml": "[problem]\ncounts = [20, 10]\ndept = 2\n",
    "law.toml": "[problem]\ncounts = [20, 10]\n[draw]\ndecay = { logunif = [1e-3, 1e-2] }\n",
    "action.toml": '[campaign]\naction = "solve"\n[problem]\ncounts = [20, 10]\n',
    "emptygrid.toml": "[problem]\ncounts = [20, 10]\n[grid]\n",
    "nocounts.toml": "[problem]\ndepth = 2\n",
}


def make_inputs(folder: Path) -> None:
    """Texts, arrays, and a network with three classes whose features lie near orthogonal means."""
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), COUNTS)
    means = 0.5 * np.eye(4)[:3]
    H = means[y] + 0.01 * rng.normal(size=(y.size, 4))
    W = 4 * means + 0.01 * rng.normal(size=(3, 4))
    b = np.array([0.0, 0.01, -0.01])
    np.savez(folder / "net.npz", H=H, y=y, W=W, b=b)
    np.savez(folder / "long.npz", features=H, labels=y, weight=W, bias=b)
    np.savez(folder / "deep.npz", H_1=H, H_2=H @ W.T, y=y, W_1=W, W_2=np.eye(3))
    np.savez(folder / "nolabels.npz", H=H, W=W)
    np.savez(folder / "short.npz", H=H, y=y[:-1], W=W)
    np.savez(folder / "narrow.npz", H=H, y=y, W=W[:, :3])
    np.savez(folder / "nan.npz", H=np.where(H.max() == H, np.nan, H), y=y, W=W)
    np.savez(folder / "rows.npz", X=rng.normal(size=(6, 3)), y=[0, 0, 1, 1, 2, 2])
    blobs = rng.normal(size=(3, 5))[np.repeat([0, 1, 2], [12, 9, 6])]
    labels = np.repeat(["cat", "dog", "owl"], [12, 9, 6])
    np.savez(folder / "mine.npz", X=blobs + 0.1 * rng.normal(size=blobs.shape), y=labels)
    np.save(folder / "h.npy", H)
    np.save(folder / "y.npy", y)
    np.save(folder / "targets.npy", np.array([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]]))
    np.save(folder / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    rows = [",".join([*(repr(float(x)) for x in h), str(k)]) for h, k in zip(H, y, strict=True)]
    (folder / "net.csv").write_text("\n".join(["x0,x1,x2,x3,label", *rows]) + "\n")
    (folder / "numbers.json").write_text(json.dumps(list(COUNTS)))
    (folder / "folder.json").mkdir()
