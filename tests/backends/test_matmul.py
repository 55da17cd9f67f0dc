"""Exact matrix products: every entry is the sum of exact products, rounded once."""

from __future__ import annotations

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpsharp
from mpsharp import ExactArray, _core
from mpsharp.backends.transfer import from_core, to_core
from mpsharp.errors import ShapeError

KERNELS = mpsharp.show_config("dicts")["kernels"]["available"]


def numbers_of(seed, shape, spread):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) * 2.0 ** rng.integers(-spread, spread + 1, shape)
    values[rng.random(shape) < 0.1] = 0
    return values * 2.0 ** rng.integers(-spread, spread + 1, (shape[0], 1))


def rounded_sums(A, B, bits):
    """A B by fractions; +0 where the sum is zero."""
    a, b = (
        [[gmpy2.mpq(float(x)) for x in row] for row in A],
        [[gmpy2.mpq(float(x)) for x in row] for row in B],
    )
    sums = [
        [sum((x * y[j] for x, y in zip(row, b, strict=True)), gmpy2.mpq(0)) for j in range(B.shape[1])]
        for row in a
    ]
    return ExactArray.from_any([entry for row in sums for entry in row], bits)


@pytest.mark.parametrize("kernels", KERNELS)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    k=st.integers(1, 20),
    m=st.integers(1, 30),
    bits=st.integers(2, 300),
    spread=st.sampled_from([0, 3, 60, 400]),
    transpose=st.tuples(st.booleans(), st.booleans()),
)
def test_entries_are_rounded_once(kernels, seed, n, k, m, bits, spread, transpose):
    A, B = numbers_of(seed, (n, k), spread), numbers_of(seed + 1, (k, m), spread)
    factors = [
        _core.Matrix.from_float64(X.T if flip else X, 53) for X, flip in zip((A, B), transpose, strict=True)
    ]
    product = _core.multiply(
        *factors, bits, transpose_a=transpose[0], transpose_b=transpose[1], threads=2, kernels=kernels
    )
    expected = rounded_sums(A, B, bits)
    assert product.shape == (n, m)
    got = from_core(product.entries)
    zero = expected.to_float64() == 0
    assert got[~zero].identical(expected[~zero])
    assert (got.to_float64()[zero] == 0).all()


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("rows", [True, False])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), d=st.integers(1, 60), bits=st.integers(2, 600))
def test_columns_are_products_with_vectors(kernels, rows, seed, n, d, bits):
    X = _core.Matrix.from_float64(numbers_of(seed, (n, d), 20), 40)
    gram = from_core(
        _core.multiply(X, X, bits, transpose_a=not rows, transpose_b=rows, kernels=kernels).entries
    )
    data = _core.Data(X, "exact", 1, "reference")
    entries = from_core(X.entries)
    order = n if rows else d
    for i in range(order):
        line = to_core(entries[i * d : (i + 1) * d] if rows else entries[i::d])
        product = data.apply(line, bits) if rows else data.apply_transposed(line, bits)
        assert from_core(product).identical(gram[i * order : (i + 1) * order])


def test_shapes_that_do_not_fit_are_refused():
    A = _core.Matrix.from_float64(np.ones((2, 3)), 53)
    with pytest.raises(ShapeError, match="got 2 x 3 times 2 x 3"):
        _core.multiply(A, A, 53)
    assert _core.multiply(A, A, 53, transpose_b=True).shape == (2, 2)
