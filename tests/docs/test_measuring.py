"""The page on measuring: its table and the README's numbers are what its script computes."""

import importlib.util
from pathlib import Path

import pytest

from ncsolve.metrics.metrics import METRICS
from ncsolve.metrics.presets import PRESETS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("measuring", ROOT / "docs" / "measuring.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_script_measures(script):
    _, found = script.measured()
    assert script.table(found) in PAGE
    one = found[script.SHARES.index(0.01)]
    said = (
        f"{one['nc2_gof_H']:.3f}"[1:],
        f"{one['nc2_etf_H']:.2f}"[1:],
        f"{one['nc2_of_H']:.2f}"[1:],
    )
    assert said == (".012", ".57", ".59")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for number in said:
        assert number in PAGE
        assert number in readme


def test_the_page_names_every_key_preset_and_file():
    for key in METRICS:
        stem = key.removesuffix("_W") + "_H" if key.endswith("_W") else key
        assert f"`{key}`" in PAGE or f"`{stem}`, `_W`" in PAGE, key
    for name in PRESETS:
        assert f"`{name}`" in PAGE
