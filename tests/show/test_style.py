"""What all pictures share: no pyplot, the same bytes for the same picture, files that are never overwritten."""

import json
import subprocess
import sys

import pytest

import ncsolve
from ncsolve import plots
from ncsolve.cli import main


def test_pyplot_stays_out():
    code = (
        "import sys, ncsolve; from ncsolve.show import plots; assert 'matplotlib' not in sys.modules;"
        "plots.norms_against_counts(ncsolve.predict(ncsolve.UFM([3, 2]))); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_the_same_picture_is_the_same_bytes(tmp_path, suffix):
    prediction = ncsolve.predict(ncsolve.UFM([30, 20]))
    for name in "ab":
        plots.save(plots.norms_against_counts(prediction), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_a_picture_is_written_in_the_size_asked_for_and_never_over_a_file(capsys, tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "norms.png"
    argv = [*"plot norms --counts 30,20 --out".split(), str(path), *"--size 4x3 --dpi 50".split()]
    assert main(argv) == 0
    assert imread(path).shape[:2] == (150, 200)
    before = path.read_bytes()
    assert main(argv) == 4
    assert path.read_bytes() == before
    assert main([*argv, "--force", "--dpi", "60", "--json"]) == 0
    assert imread(path).shape[:2] == (180, 240)
    document = json.loads("{" + capsys.readouterr().out.partition("\n{")[2])
    assert (document["schema"], document["kind"]) == ("ncsolve/plot/1", "norms")
    assert [file.name for file in tmp_path.iterdir()] == ["norms.png"]
