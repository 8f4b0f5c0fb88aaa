"""What the benchmarks compute from their timings."""

import numpy as np
import pytest

from benchmarks.__main__ import SUITES, table
from benchmarks.growth import exponent
from benchmarks.timing import Ratio


@pytest.mark.parametrize("power", [0.5, 1.0, 2.3])
def test_a_power_law_has_its_exponent(power):
    sizes = [10, 100, 1000, 10_000]
    times = 1e-3 * np.outer(np.asarray(sizes, dtype=float) ** power, [1.0, 1.2, 0.9])
    middle, least, greatest = exponent(sizes, times)
    assert middle == pytest.approx(power, abs=1e-12)
    assert (least, greatest) == pytest.approx((power, power), abs=1e-12)


def test_sizes_at_which_a_fixed_cost_hides_the_growth_are_left_out():
    sizes = np.array([10, 100, 1000, 10_000, 100_000])
    times = (1.0 + 1e-2 * sizes**1.0)[:, None]
    middle, _, _ = exponent(sizes.tolist(), times)
    # of the three largest: .98; of all five it would be .76
    assert middle == pytest.approx(np.log(1001 / 11) / np.log(100))


def test_a_slow_repeat_moves_the_range_and_not_the_middle():
    sizes = [10, 100, 1000]
    times = np.outer([1.0, 10.0, 100.0], np.ones(5))
    times[2, 4] = 300.0
    middle, least, greatest = exponent(sizes, times)
    assert (middle, least) == pytest.approx((1.0, 1.0))
    assert greatest > 1.2


def test_a_ratio_is_paired_before_the_median_is_taken():
    assert Ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]).row() == "2 (1 to 3)"


def test_a_table_has_a_column_per_heading(capsys):
    lines = table(("what", "measured"), [("import", "1 x")])
    assert lines == ["| what | measured |", "|---|---|", "| import | 1 x |"]
    assert capsys.readouterr().out.strip() == lines[-1]


def test_every_suite_has_rows():
    assert all(callable(suite.rows) for suite in SUITES.values())
