// Counts of eigenvalues by inertia against Jacobi's method, on small arrows of integers: pivots
// that vanish exactly, in a row and in pairs, and corners without a diagonal. Usage: test_inertia
// [cases] [seed]

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "random_numbers.hpp"
#include "spectrum/inertia.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

/// Eigenvalues of a symmetric n x n matrix, by rows, in no order.
std::vector<double> jacobi(std::vector<double> a, std::size_t n) {
  for (int sweep = 0; sweep < 60; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a[p * n + q] == 0.0) continue;
        const double theta = 0.5 * std::atan2(2.0 * a[p * n + q], a[q * n + q] - a[p * n + p]);
        const double c = std::cos(theta), s = std::sin(theta);
        for (std::size_t i = 0; i < n; ++i) {
          const double x = a[i * n + p], y = a[i * n + q];
          a[i * n + p] = c * x - s * y;
          a[i * n + q] = s * x + c * y;
        }
        for (std::size_t i = 0; i < n; ++i) {
          const double x = a[p * n + i], y = a[q * n + i];
          a[p * n + i] = c * x - s * y;
          a[q * n + i] = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i * n + i];
  return out;
}

struct Case {
  std::vector<double> diagonal, off_diagonal, border, metric_border, corner;
  std::vector<double> dense;  // the symmetric matrix that it stands for
  std::size_t order;
};

Case random_case(Generator& generator) {
  const auto k = static_cast<std::size_t>(between(generator, 0, 7));
  const auto m = static_cast<std::size_t>(between(generator, 1, 4));
  const long most = between(generator, 1, 3);
  const bool hollow = one_in(generator, 2);  // zeros on the diagonal
  const auto integer = [&] { return static_cast<double>(between(generator, -most, most)); };
  Case out;
  out.order = k + m;
  const std::size_t n = out.order;
  out.dense.assign(n * n, 0.0);
  const bool metric = one_in(generator, 2);
  for (std::size_t i = 0; i < k; ++i) {
    out.diagonal.push_back(hollow ? 0.0 : integer());
    if (i + 1 < k) out.off_diagonal.push_back(integer());
    // With M = 4 the matrix [[A, b], [b'M, .]] has the eigenvalues of [[A, 2b], [2b', .]].
    const double b = integer();
    out.border.push_back(b);
    out.metric_border.push_back(metric ? 4.0 * b : b);
    out.dense[i * n + k] = out.dense[k * n + i] = metric ? 2.0 * b : b;
    out.dense[i * n + i] = out.diagonal[i];
    if (i > 0) out.dense[i * n + i - 1] = out.dense[(i - 1) * n + i] = out.off_diagonal[i - 1];
  }
  out.corner.assign(m * m, 0.0);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double g = i == j && hollow ? 0.0 : integer();
      out.corner[i * m + j] = out.corner[j * m + i] = g;
      out.dense[(k + i) * n + k + j] = out.dense[(k + j) * n + k + i] = g;
    }
  }
  return out;
}

Vector vector_of(const std::vector<double>& x, Bits bits) {
  Vector out(x.size(), bits);
  for (std::size_t i = 0; i < x.size(); ++i) mpfr_set_d(out[i], x[i], MPFR_RNDN);
  return out;
}

/// Whether both counts are right at every integer and half that is no eigenvalue.
bool right(const Case& at, long& compared) {
  const std::vector<double> eigenvalues = jacobi(at.dense, at.order);
  constexpr long exponent = 6;  // sums of absolute values in a row stay below 2^6
  const Bits bits(80);
  Inertia<DoubleNumbers> fast(
      {}, {at.diagonal, at.off_diagonal, at.border, at.metric_border, at.corner, exponent, -60});
  Inertia<MpfrNumbers> full({bits}, {vector_of(at.diagonal, bits), vector_of(at.off_diagonal, bits),
                                     vector_of(at.border, bits), vector_of(at.metric_border, bits),
                                     vector_of(at.corner, bits), exponent, -80});
  for (double lambda = -8.0; lambda <= 8.0; lambda += 0.5) {
    std::size_t above = 0;
    bool on_it = false;
    for (const double eigenvalue : eigenvalues) {
      if (eigenvalue > lambda) ++above;
      on_it = on_it || std::abs(eigenvalue - lambda) < 1e-9;
    }
    if (on_it) continue;
    ++compared;
    const std::size_t counted = fast.above(lambda), again = full.above(Mpfr(lambda, bits));
    if (counted == above && again == above) continue;
    std::printf("k + m = %zu at %g: expected %zu, got %zu in double, %zu in MPFR\n", at.order,
                lambda, above, counted, again);
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const long cases = argc > 1 ? std::atol(argv[1]) : 20000;
  Generator generator(argc > 2 ? static_cast<std::uint64_t>(std::atoll(argv[2])) : 1);
  long compared = 0;
  for (long i = 0; i < cases; ++i) {
    if (!right(random_case(generator), compared)) return EXIT_FAILURE;
  }
  std::printf("%ld counts of %ld matrices are right\n", compared, cases);
  return compared > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
