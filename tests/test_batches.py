"""The batches of SGD: exactly B rows, and nothing but seed and step decides which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsharp import SGD
from mpsharp.batches import Batches
from mpsharp.errors import ConfigurationError

sizes = st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
samplings = st.sampled_from(["reshuffle", "uniform"])


def batches(n, size, sampling="reshuffle", seed=0):
    return Batches(SGD(0.1, size, sampling), n, seed)


@given(sizes, samplings, st.integers(0, 2**70))
def test_every_batch_has_exactly_b_different_rows(size, sampling, seed):
    n, b = size
    rows = batches(n, b, sampling, seed).rows(0, 20)
    assert rows.shape == (20, b)
    assert rows.min() >= 0
    assert rows.max() < n
    assert all(len(set(batch)) == b for batch in rows.tolist())


@given(sizes, samplings, st.lists(st.integers(1, 9), max_size=6))
def test_chunks_do_not_matter(size, sampling, chunks):
    n, b = size
    total = sum(chunks)
    source, whole = batches(n, b, sampling, 3), batches(n, b, sampling, 3).rows(0, total)
    starts = np.cumsum([0, *chunks])[:-1]
    parts = [source.rows(int(start), count) for start, count in zip(starts, chunks, strict=True)]
    assert np.array_equal(np.concatenate([whole[:0], *parts]), whole)
    # Also backwards, as after an interrupt.
    assert all(
        np.array_equal(source.rows(int(start), count), whole[start : start + count])
        for start, count in reversed(list(zip(starts, chunks, strict=True)))
    )


@given(sizes)
def test_an_epoch_of_reshuffling_repeats_no_row(size):
    n, b = size
    source = batches(n, b)
    assert source.epoch_steps == n // b
    for epoch in range(3):
        rows = source.rows(epoch * source.epoch_steps, source.epoch_steps)
        assert len(np.unique(rows)) == rows.size == n // b * b


def test_the_remainder_is_another_in_each_epoch():
    source = batches(7, 3)
    left_out = [set(range(7)) - set(source.rows(2 * epoch, 2).ravel().tolist()) for epoch in range(50)]
    assert all(len(rows) == 1 for rows in left_out)
    assert set.union(*left_out) == set(range(7))


def test_uniform_batches_are_equally_likely():
    rows = np.sort(batches(5, 2, "uniform").rows(0, 20_000), axis=1)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    # Ten subsets; six standard deviations of a binomial count.
    assert len(counts) == 10
    assert np.abs(counts - 2000).max() < 6 * np.sqrt(20_000 * 0.1 * 0.9)


def test_independent_batches_overlap_within_an_epoch():
    rows = batches(10, 5, "uniform").rows(0, 2000).reshape(-1, 2, 5)
    shared = [len(set(a) & set(b)) for a, b in rows.tolist()]
    # Hypergeometric with mean 5²/10 and variance 5·½·½·5/9.
    assert abs(np.mean(shared) - 2.5) < 6 * np.sqrt(0.694 / 1000)


def test_seeds_differ():
    assert not np.array_equal(batches(50, 5, seed=0).rows(0, 10), batches(50, 5, seed=1).rows(0, 10))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigurationError, match="batch_size: expected at most n_samples = 3, got 4"):
        batches(3, 4)
