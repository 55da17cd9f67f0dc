"""Recovery or blow-up: the map along the top direction against gradient descent of a scalar model."""

from __future__ import annotations

import numpy as np
import pytest

from mpsharp import ConfigurationError, theory


def diverging(ratio, depth, phases=512, label=1e-3):
    """Share of runs of f = u·v^(D−1) that diverge from near its minimum, ηS = ratio, over all phases."""
    v = np.full(phases, 1.5)
    c = 1.5 ** (depth - 1)
    h = ratio / c**2
    u = label / c + 1e-9 * (ratio - 1) ** (np.arange(phases) / phases)
    with np.errstate(all="ignore"):
        for _ in range(1000):
            c = v ** (depth - 1)
            z = c * u - label
            u, v = u - h * c * z, v - h * v ** (depth - 2) * u * z
    return np.mean(~(np.abs(u) < 1e12))


@pytest.mark.parametrize(
    ("depth", "ratio"), [(2, 2.1), (2, 3.9), (2, 4.1), (3, 4), (3, 5.1), (3, 5.5), (3, 7), (4, 6), (4, 7.2)]
)
def test_the_share_is_that_of_a_scalar_model(depth, ratio):
    # Edges of the set of phases that diverge move with the label; there are some ten of them.
    assert theory.blowup_share(ratio, depth) == pytest.approx(diverging(ratio, depth), abs=0.05)


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
def test_the_limit_is_where_the_share_passes(depth):
    for share in (0.0, 0.25, 0.5):
        limit = theory.blowup_limit(depth, share)
        below, above = (theory.blowup_share(limit + x, depth) for x in (-1e-3, 1e-3))
        # A share is a count of phases: neighbours jump by a few of the 512, not always upwards.
        assert below <= share + 4 / 512
        assert above >= share - 4 / 512
        assert share or (below == 0 < above)
    for share in (0.0, 0.5):
        assert theory.blowup_limit(depth, share) < theory.blowup_limit(depth + 1, share)


def test_depth_two_has_a_sharp_border_at_four():
    assert theory.blowup_limit(2) == 4
    assert [theory.blowup_share(4 + x, 2) for x in (-1e-6, 1e-6)] == [0, 1]


@pytest.mark.parametrize(("ratio", "depth"), [(2, 2), (np.inf, 2), (np.nan, 2), (3, 1)])
def test_mistakes_are_named(ratio, depth):
    with pytest.raises(ConfigurationError, match=r"ratio|depth"):
        theory.blowup_share(ratio, depth)


def test_a_share_of_one_is_refused():
    with pytest.raises(ConfigurationError, match="share"):
        theory.blowup_limit(3, 1.0)
