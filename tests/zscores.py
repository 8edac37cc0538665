"""How the tests compare random results with exact numbers: in units of the standard error, over many seeds."""

import numpy as np

SEEDS = range(20)
LIMIT = 4.0


def assert_consistent(values, errors, expected) -> None:
    """Every z = (value - expected) / error is within 4, and so is the z of all runs taken together.

    The pooled z sees a bias of a quarter of the error that no single run shows.
    """
    values, errors = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    assert (errors > 0).all(), "an error bar must be positive"
    z = (values - expected) / errors
    assert np.abs(z).max() < LIMIT, f"expected {expected}, got values {values} with z = {np.round(z, 1)}"
    pooled = z.sum() / np.sqrt(z.size)
    assert abs(pooled) < LIMIT, f"expected {expected}, mean of values {values.mean()}, pooled z = {pooled:.1f}"


def mean_and_error(sample) -> tuple[float, float]:
    return sample.mean(), sample.std(ddof=1) / np.sqrt(len(sample))


def variance_and_error(gaussian_sample) -> tuple[float, float]:
    variance = gaussian_sample.var(ddof=1)
    return variance, variance * np.sqrt(2 / (len(gaussian_sample) - 1))
