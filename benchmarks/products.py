"""Matrix-vector products: kernels, the loop of MPFR calls, gmpy2, mpmath and python-flint."""

from __future__ import annotations

import flint
import gmpy2
import mpmath
import numpy as np
from case import Case
from results import report
from timing import best_times

import mpsharp


def bench_matvec(library, sizes, bit_list, rows):
    for n, d in sizes:
        for bits in bit_list:
            case = Case(library, n, d, bits)
            kernels = [k for k in mpsharp.show_config("dicts")["kernels"]["available"] if k != "reference"]
            products = {(a, k): case.data(a, k) for a in ("exact", "sequential") for k in kernels}
            case.check(products)
            methods = {
                "loop, temporaries": lambda case=case: case.loop.matvec(True),
                "loop, plain": lambda case=case: case.loop.matvec(False),
            }
            for (arithmetic, name), data in products.items():
                methods[f"mpsharp {arithmetic}, {name}"] = lambda case=case, data=data: data.apply(
                    case.core_u, case.bits
                )
            if n * d <= 10**5 and bits <= 1024:
                methods |= python_methods(case)
            report(rows, "matrix-vector", n, d, bits, best_times(methods), n * d)


def python_methods(case):
    bits = case.bits
    gm_X = np.array([[gmpy2.mpfr(float(x), bits) for x in row] for row in case.X], dtype=object)
    mp_X = mpmath.matrix(case.X.tolist())
    mp_u = mpmath.matrix([mpmath.mpf(0)] * case.d)
    with mpmath.workprec(bits):
        for j, u in enumerate(case.u):
            mantissa, exponent = u.as_mantissa_exp()
            mp_u[j] = mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))
    flint_X = flint.arb_mat(case.n, case.d, [flint.arb(float(x)) for x in case.X.ravel()])
    flint_u = flint.arb_mat(
        case.d, 1, [flint.arb((int(m), int(e))) for m, e in (u.as_mantissa_exp() for u in case.u)]
    )

    def with_gmpy2():
        with gmpy2.context(precision=bits):
            return gm_X.dot(case.u)

    def with_mpmath():
        with mpmath.workprec(bits):
            return mp_X * mp_u

    def with_flint():
        with flint.ctx.workprec(bits):
            return flint_X * flint_u

    return {"gmpy2 in NumPy": with_gmpy2, "mpmath": with_mpmath, "python-flint balls": with_flint}
