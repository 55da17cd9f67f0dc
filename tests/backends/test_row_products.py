"""Products with chosen rows: the same bits as products with a matrix of those rows, in both backends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp import ExactArray, _core
from mpsharp.backends.mirror.products import products_with
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.errors import ShapeError
from strategies import matrices, numbers, vectors

KERNELS = mpsharp.show_config("dicts")["kernels"]["available"]
ARITHMETICS = ["sequential", "exact"]


@st.composite
def batches(draw):
    """A matrix, row indices in any order and number, and vectors for both products."""
    X = draw(matrices(12, 20)) * 2.0 ** draw(st.sampled_from([0, 0, 30, -60]))
    rows = np.array(draw(st.lists(st.integers(0, len(X) - 1), max_size=20)), dtype=np.int64)
    return X, rows, draw(vectors(X.shape[1])), draw(vectors(len(rows), numbers))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@given(batch=batches(), bits=st.integers(2, 300), data_bits=st.sampled_from([24, 53, 200]))
def test_the_rows_alone_give_the_same_bits(kernels, arithmetic, batch, bits, data_bits):
    X, rows, x, z = batch
    x_core, z_core = to_core(ExactArray.from_float64(x, bits)), to_core(ExactArray.from_float64(z, bits))
    data = _core.Data(_core.Matrix.from_float64(X, data_bits), arithmetic, 2, kernels)
    alone = _core.Data(_core.Matrix.from_float64(X[rows], data_bits), arithmetic, 1, "reference")
    for _ in range(2):  # whatever was kept of the first call serves the second
        product = from_core(data.apply_rows(x_core, rows, bits))
        assert product.identical(from_core(alone.apply(x_core, bits)))
        product = from_core(data.apply_transposed_rows(z_core, rows, bits))
        assert product.identical(from_core(alone.apply_transposed(z_core, bits)))


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@given(batch=batches())
def test_chosen_rows_agree_with_the_mirror(arithmetic, batch):
    X, rows, x, z = batch
    if len(rows) == 0:
        return  # NumPy's recursive sum needs a first term
    data = _core.Data(_core.Matrix.from_float64(X, 53), arithmetic)
    mirror = products_with(X[rows], arithmetic)
    x_core, z_core = to_core(ExactArray.from_float64(x, 53)), to_core(ExactArray.from_float64(z, 53))
    np.testing.assert_array_equal(
        from_core(data.apply_rows(x_core, rows, 53)).to_float64(), mirror.matvec(x), strict=True
    )
    np.testing.assert_array_equal(
        from_core(data.apply_transposed_rows(z_core, rows, 53)).to_float64(),
        mirror.transposed(z),
        strict=True,
    )


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_rows_that_do_not_fit_are_refused(kernels, arithmetic):
    data = _core.Data(_core.Matrix.from_float64(np.ones((3, 2)), 53), arithmetic, 1, kernels)
    two, three = (to_core(ExactArray.from_float64(np.ones(k), 53)) for k in (2, 3))
    with pytest.raises(ShapeError, match="expected row indices below 3, got 3"):
        data.apply_rows(two, np.array([0, 3]), 53)
    with pytest.raises(ShapeError, match="from 0 on, got -1"):
        data.apply_transposed_rows(two, np.array([0, -1]), 53)
    with pytest.raises(ShapeError, match="expected length 2, got 3"):
        data.apply_rows(three, np.array([0, 1]), 53)
    with pytest.raises(ShapeError, match="expected length 3, got 2"):
        data.apply_transposed_rows(two, np.array([0, 1, 1]), 53)
    with pytest.raises(ShapeError, match="expected 1 dimension, got 2"):
        data.apply_rows(two, np.array([[0, 1]]), 53)
    with pytest.raises(TypeError):
        data.apply_rows(two, np.array([0.0, 1.0]), 53)
