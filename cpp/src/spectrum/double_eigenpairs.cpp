#include "double_eigenpairs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mpsharp {

namespace {

/// y <- y + c x
void add_scaled(double* y, double c, const double* x, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) y[i] += c * x[i];
}

struct Tridiagonals {
  std::vector<double> diagonal, off_diagonal;
  DoubleMatrix q;  ///< A = Q T Q'
};

Tridiagonals reduce(DoubleMatrix a, const Poll& poll) {
  const std::size_t k = a.k;
  Tridiagonals out{std::vector<double>(k), std::vector<double>(k), DoubleMatrix(k)};
  std::vector<double> scale(k), p(k), h(k);
  DoubleMatrix reflectors(k);  // row j: that of column j
  for (std::size_t j = 0; j + 2 < k; ++j) {
    const std::size_t first = j + 1;
    double sum = 0;
    for (std::size_t i = first; i < k; ++i) {
      h[i] = a.row(i)[j];
      if (i > first) sum += h[i] * h[i];
    }
    out.off_diagonal[j] = h[first];
    if (sum == 0) continue;
    const double norm = std::copysign(std::sqrt(sum + h[first] * h[first]), -h[first]);
    out.off_diagonal[j] = norm;
    h[first] -= norm;
    scale[j] = 2 / (sum + h[first] * h[first]);
    std::copy(h.begin(), h.end(), reflectors.row(j));
    std::fill(p.begin(), p.end(), 0.0);
    for (std::size_t i = first; i < k; ++i)
      add_scaled(p.data(), scale[j] * h[i], a.row(i), first, k);
    double inner = 0;
    for (std::size_t i = first; i < k; ++i) inner += p[i] * h[i];
    add_scaled(p.data(), -0.5 * scale[j] * inner, h.data(), first, k);
    for (std::size_t i = first; i < k; ++i) {
      add_scaled(a.row(i), -h[i], p.data(), first, k);
      add_scaled(a.row(i), -p[i], h.data(), first, k);
    }
    poll();
  }
  if (k >= 2) out.off_diagonal[k - 2] = a.row(k - 1)[k - 2];
  for (std::size_t i = 0; i < k; ++i) {
    out.diagonal[i] = a.row(i)[i];
    out.q.row(i)[i] = 1;
  }
  for (std::size_t j = k < 3 ? 0 : k - 2; j-- > 0;) {
    if (scale[j] == 0) continue;
    const double* reflector = reflectors.row(j);
    std::fill(p.begin(), p.end(), 0.0);
    for (std::size_t i = j + 1; i < k; ++i) {
      add_scaled(p.data(), scale[j] * reflector[i], out.q.row(i), j + 1, k);
    }
    for (std::size_t i = j + 1; i < k; ++i) {
      add_scaled(out.q.row(i), -reflector[i], p.data(), j + 1, k);
    }
    poll();
  }
  return out;
}

/// Of the same bits everywhere, unlike std::hypot.
double hypotenuse(double f, double g) {
  const double larger = std::max(std::abs(f), std::abs(g));
  if (larger == 0) return 0;
  const double ratio = std::min(std::abs(f), std::abs(g)) / larger;
  return larger * std::sqrt(1 + ratio * ratio);
}

/// The implicit QL iteration (EISPACK's tql2); the vectors are the rows of v.
void iterate(std::vector<double>& d, std::vector<double>& e, DoubleMatrix& v, const Poll& poll) {
  const std::size_t k = d.size();
  double negligible = 0;
  for (std::size_t i = 0; i < k; ++i) {
    negligible = std::max({negligible, std::abs(d[i]), std::abs(e[i])});
  }
  negligible *= std::numeric_limits<double>::epsilon() / 2;
  for (std::size_t l = 0; l < k; ++l) {
    for (int iteration = 0; iteration < 60; ++iteration) {
      std::size_t m = l;
      while (m + 1 < k && std::abs(e[m]) > negligible) ++m;
      if (m == l) break;
      double g = (d[l + 1] - d[l]) / (2 * e[l]);
      g = d[m] - d[l] + e[l] / (g + std::copysign(hypotenuse(g, 1.0), g));
      double s = 1, c = 1, p = 0;
      bool underflow = false;
      for (std::size_t i = m; i-- > l;) {
        const double f = s * e[i];
        const double b = c * e[i];
        double r = hypotenuse(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[m] = 0;
          underflow = true;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        double* lower = v.row(i);
        double* upper = v.row(i + 1);
        for (std::size_t j = 0; j < k; ++j) {
          const double x = lower[j];
          const double y = upper[j];
          upper[j] = s * x + c * y;
          lower[j] = c * x - s * y;
        }
      }
      if (underflow) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
    poll();
  }
}

}  // namespace

DoubleMatrix nearly_eigenvectors(DoubleMatrix a, const Poll& poll) {
  const std::size_t k = a.k;
  Tridiagonals form = reduce(std::move(a), poll);
  DoubleMatrix vectors(k);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) vectors.row(j)[i] = form.q.row(i)[j];
  }
  iterate(form.diagonal, form.off_diagonal, vectors, poll);
  return vectors;
}

}  // namespace mpsharp
