"""The simulation of planted bias: what is planted is found, and nothing without it."""

from benchmarks.oversight.planted_bias import BIASES, measure_found_bias


def test_planted_bias_is_found_and_nothing_without_it() -> None:
    found = {bias.name: measure_found_bias(bias, 600, range(1)) for bias in (BIASES[0], BIASES[-1])}
    assert found["none"].with_findings == 0
    assert (found["both"].courses_found, found["both"].courses_in_rates, found["both"].examples_found) == (1, 1, 1)
