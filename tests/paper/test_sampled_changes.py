"""Theorem 5.9 on states of real runs: sampled batches on cats and dogs, and all batches of a few of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mpsharp import GD, SGD, ConfigurationError, problems
from mpsharp.paper.sampled_changes import sample_changes, states_along


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [5, 25])
def test_the_mean_over_ten_thousand_batches_on_twenty_real_states(cats_and_dogs, batch_size):
    start = problems.reduced(problems.from_dataset("cifar10-cat-dog", 100, 1, v=0.5))
    steps = [1, 3, 10, 30, 60, 100, 200, 400, 800, 1500]
    rng = np.random.default_rng(59)
    for optimizer in (GD(1e-3), SGD(1e-3, batch_size)):
        states = states_along(start, optimizer, steps)
        for step, state in states.items():
            found = sample_changes(state, batch_size, 10_000, rng, step=step)
            assert abs(found.deviation) <= 4, (optimizer, step, found)
            # The part that only SGD has is seen: GD's change is far outside.
            assert abs(found.mean - found.full_batch) > 10 * found.standard_error
            assert found.expected > 2 * found.full_batch > 0
        assert list(states) == steps


def test_the_mean_over_all_batches_of_a_few_real_samples(cats_and_dogs):
    start = problems.reduced(problems.from_dataset("cifar10-cat-dog", 8, 1, v=0.5))
    for step, state in states_along(start, SGD(1e-3, 2), [1, 20, 200]).items():
        for batch_size in (1, 3, 8):
            changes = []
            for batch in itertools.combinations(range(8), batch_size):
                rows = np.isin(np.arange(8), batch)

                class Every:
                    """Draws this batch, for `sample_changes`."""

                    def random(self, shape, rows=rows):
                        return np.broadcast_to(np.where(rows, 0.0, 1.0), shape)

                changes.append(sample_changes(state, batch_size, 2, Every()))
            mean = np.mean([one.mean for one in changes])
            # C ≈ 1 is subtracted from itself: a few of its roundings, however small the change.
            assert abs(mean - changes[0].expected) <= 1e-12 * abs(mean) + 2.0**-49, (step, batch_size)


def test_what_it_cannot_sample():
    problem = problems.gaussian(4, 6)
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigurationError, match="rank 6"):
        sample_changes(problem, 2, 10, rng)
    with pytest.raises(ConfigurationError, match="got depth 3"):
        sample_changes(problems.gaussian(6, 4, depth=3), 2, 10, rng)
    with pytest.raises(ConfigurationError, match="batch_size"):
        sample_changes(problems.gaussian(6, 4), 7, 10, rng)
    with pytest.raises(ConfigurationError, match="batches"):
        sample_changes(problems.gaussian(6, 4), 2, 1, rng)
