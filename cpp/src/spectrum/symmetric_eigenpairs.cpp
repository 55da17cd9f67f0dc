#include "symmetric_eigenpairs.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "double_eigenpairs.hpp"
#include "elementary.hpp"
#include "mpsharp/kernels/matmul.hpp"

namespace mpsharp {

namespace {

Matrix rounded(const Matrix& a, Bits bits) {
  Matrix out(a.rows(), a.columns(), bits);
  copy(out.entries(), a.entries());
  return out;
}

/// Columns that are orthonormal to double precision and nearly diagonalize the symmetric matrix a.
Matrix start(const Matrix& a, Bits bits, const Poll& poll) {
  const std::size_t k = a.rows();
  long scale = MPFR_EMIN_DEFAULT;
  for (const __mpfr_struct& x : a.entries().span()) scale = std::max(scale, exponent_of(&x));
  DoubleMatrix scaled(k);
  Mpfr entry(Bits(53));
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      mpfr_set(entry, a(i, j), MPFR_RNDN);
      mpfr_mul_2si(entry, entry, -scale, MPFR_RNDN);
      scaled.row(i)[j] = mpfr_get_d(entry, MPFR_RNDN);
    }
  }
  const DoubleMatrix vectors = nearly_eigenvectors(std::move(scaled), poll);
  Matrix out(k, k, bits);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) mpfr_set_d(out(i, j), vectors.row(j)[i], MPFR_RNDN);
  }
  return out;
}

Eigenpairs sorted(const Eigenpairs& pairs) {
  const std::size_t k = pairs.values.size();
  std::vector<std::size_t> places(k);
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::ranges::sort(places, [&pairs](std::size_t i, std::size_t j) {
    return mpfr_greater_p(pairs.values[i], pairs.values[j]) != 0;
  });
  Eigenpairs out{Vector(k, pairs.values.bits()), Matrix(k, k, pairs.values.bits())};
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_set(out.values[i], pairs.values[places[i]], MPFR_RNDN);
    for (std::size_t row = 0; row < k; ++row) {
      mpfr_set(out.vectors(row, i), pairs.vectors(row, places[i]), MPFR_RNDN);
    }
  }
  return out;
}

/// Newton's iteration for the eigenvectors of one matrix.
class Refinement {
 public:
  Refinement(const Matrix& a, unsigned threads, const Poll& poll)
      : a_(a), threads_(threads), poll_(poll), k_(a.rows()), values_(k_, a.bits()) {}

  /// Nothing if the iteration does not end.
  std::optional<Eigenpairs> run(int most) {
    if (most == 0) return std::nullopt;
    std::int64_t bits = std::min<std::int64_t>(a_.bits().value(), first_bits);
    Matrix v = start(a_, Bits(bits), poll_);
    for (int iteration = 0; iteration < most; ++iteration) {
      const Bits now(std::min<std::int64_t>(bits, a_.bits().value()));
      const bool last = now == a_.bits();
      if (v.bits() != now) v = rounded(v, now);
      measure(v, now);
      if (last && error_ <= tolerance(now)) return Eigenpairs{std::move(values_), std::move(v)};
      improve(v, now);
      bits = wanted_bits();
      poll_();
    }
    return std::nullopt;
  }

 private:
  static constexpr std::int64_t first_bits = 192;

  /// Errors below 2^this, relative to 1 or to ||A||, are those of rounding: a sum of k roundings.
  [[nodiscard]] long tolerance(Bits bits) const {
    return 3 + static_cast<long>(std::bit_width(k_)) / 2 - bits.value();
  }

  /// V'V, V'AV and what they tell: the values, and by how much the conditions fail.
  void measure(const Matrix& v, Bits bits) {
    gram_.emplace(k_, k_, bits);
    image_.emplace(k_, k_, bits);
    Matrix av(k_, k_, bits);
    multiply(*gram_, transposed(v), v, threads_, poll_);
    const Matrix a = rounded(a_, bits);
    multiply(av, a, v, threads_, poll_);
    multiply(*image_, transposed(v), av, threads_, poll_);
    values_ = Vector(k_, bits);
    size_ = MPFR_EMIN_DEFAULT;
    for (std::size_t i = 0; i < k_; ++i) {
      mpfr_div(values_[i], (*image_)(i, i), (*gram_)(i, i), MPFR_RNDN);
      size_ = std::max(size_, exponent_of(values_[i]));
    }
    error_ = MPFR_EMIN_DEFAULT;
    Mpfr scratch(bits);
    for (std::size_t i = 0; i < k_; ++i) {
      for (std::size_t j = 0; j < k_; ++j) {
        mpfr_sub_ui(scratch, (*gram_)(i, j), i == j ? 1 : 0, MPFR_RNDN);
        error_ = std::max(error_, exponent_of(scratch));
        if (i == j) continue;
        coupling(scratch, i, j);
        if (!mpfr_zero_p(scratch)) error_ = std::max(error_, mpfr_get_exp(scratch) - size_);
      }
    }
  }

  /// (V'AV - V'V diag(values))_ij: what a rotation of vectors i and j has to remove.
  void coupling(Mpfr& out, std::size_t i, std::size_t j) const {
    mpfr_mul(out, values_[j], (*gram_)(i, j), MPFR_RNDN);
    mpfr_sub(out, (*image_)(i, j), out, MPFR_RNDN);
  }

  void improve(Matrix& v, Bits bits) {
    correction_ = MPFR_EMIN_DEFAULT;
    smallest_gap_ = size_;
    std::vector<std::size_t> cluster(k_);  // of each vector, by a member of it
    std::iota(cluster.begin(), cluster.end(), std::size_t{0});
    Matrix e(k_, k_, bits);
    Mpfr gap(bits), c(bits);
    const long noise = size_ + tolerance(bits);
    for (std::size_t i = 0; i < k_; ++i) {
      mpfr_ui_sub(e(i, i), 1, (*gram_)(i, i), MPFR_RNDN);
      mpfr_div_2ui(e(i, i), e(i, i), 1, MPFR_RNDN);
      correction_ = std::max(correction_, exponent_of(e(i, i)));
      for (std::size_t j = 0; j < i; ++j) {
        coupling(c, i, j);
        mpfr_sub(gap, values_[j], values_[i], MPFR_RNDN);
        const bool resolved = exponent_of(gap) > noise + separation;
        const long angle = exponent_of(c) - exponent_of(gap);
        // Rotating by what is noise would cost more orthogonality, its square, than there is.
        const bool worth = exponent_of(c) > noise || 2 * angle <= tolerance(bits);
        if (resolved && worth && angle <= -separation) {
          mpfr_div(e(i, j), c, gap, MPFR_RNDN);
          smallest_gap_ = std::min(smallest_gap_, exponent_of(gap));
        } else {
          if (!mpfr_zero_p(c) && exponent_of(c) > noise) join(cluster, i, j);
          mpfr_div_2ui(e(i, j), (*gram_)(i, j), 1, MPFR_RNDN);
          mpfr_neg(e(i, j), e(i, j), MPFR_RNDN);
        }
        // Whatever the rotation, the two stay orthogonal: noise over a small gap does no harm.
        mpfr_add(e(j, i), e(i, j), (*gram_)(i, j), MPFR_RNDN);
        mpfr_neg(e(j, i), e(j, i), MPFR_RNDN);
        correction_ = std::max({correction_, exponent_of(e(i, j)), exponent_of(e(j, i))});
      }
    }
    Matrix moved(k_, k_, bits);
    multiply(moved, v, e, threads_, poll_);
    for (std::size_t i = 0; i < k_; ++i) {
      for (std::size_t j = 0; j < k_; ++j) mpfr_add(v(i, j), v(i, j), moved(i, j), MPFR_RNDN);
    }
    separate(v, cluster, bits);
  }

  static std::size_t root(const std::vector<std::size_t>& cluster, std::size_t i) {
    while (cluster[i] != i) i = cluster[i];
    return i;
  }

  static void join(std::vector<std::size_t>& cluster, std::size_t i, std::size_t j) {
    const std::size_t a = root(cluster, i);
    const std::size_t b = root(cluster, j);
    cluster[std::max(a, b)] = std::min(a, b);
  }

  /// Rotates the vectors of each cluster to the eigenvectors of A in the space that they span, in
  /// doubles and so to some 50 bits of the cluster's width.
  void separate(Matrix& v, const std::vector<std::size_t>& cluster, Bits bits) {
    for (std::size_t first = 0; first < k_; ++first) {
      std::vector<std::size_t> members;
      for (std::size_t i = first; i < k_; ++i) {
        if (root(cluster, i) == first) members.push_back(i);
      }
      if (members.size() < 2) continue;
      correction_ = std::max(correction_, -24L);  // the square is what doubles leave
      const std::size_t m = members.size();
      Matrix block(m, m, bits);
      for (std::size_t p = 0; p < m; ++p) {
        for (std::size_t q = 0; q < m; ++q) {  // A less the first value, as its members see it
          mpfr_ptr out = block(p, q);
          mpfr_mul(out, values_[first], (*gram_)(members[p], members[q]), MPFR_RNDN);
          mpfr_sub(out, (*image_)(members[p], members[q]), out, MPFR_RNDN);
        }
      }
      for (const __mpfr_struct& x : block.entries().span()) {
        if (!mpfr_zero_p(&x)) smallest_gap_ = std::min(smallest_gap_, mpfr_get_exp(&x) - 16);
      }
      const Matrix z = start(block, bits, poll_);
      Matrix columns(k_, m, bits), rotated(k_, m, bits);
      for (std::size_t i = 0; i < k_; ++i) {
        for (std::size_t p = 0; p < m; ++p) mpfr_set(columns(i, p), v(i, members[p]), MPFR_RNDN);
      }
      multiply(rotated, columns, z, threads_, poll_);
      for (std::size_t i = 0; i < k_; ++i) {
        for (std::size_t p = 0; p < m; ++p) mpfr_set(v(i, members[p]), rotated(i, p), MPFR_RNDN);
      }
    }
  }

  /// The next iteration is to see errors as small as the square of the present correction, in the
  /// closest pair that it can separate.
  [[nodiscard]] std::int64_t wanted_bits() const {
    const std::int64_t reached = std::max(-2 * correction_, 48L);
    return std::max<std::int64_t>(first_bits, 2 * reached) + (size_ - smallest_gap_);
  }

  /// Pairs are separated whose rotation is an angle below 2^-separation.
  static constexpr long separation = 20;

  const Matrix& a_;
  const unsigned threads_;
  const Poll& poll_;
  const std::size_t k_;
  Vector values_;
  std::optional<Matrix> gram_;   ///< V'V
  std::optional<Matrix> image_;  ///< V'AV
  long size_ = 0;                ///< exponent of the largest value
  long error_ = 0;               ///< exponent of the largest violation, relative to 1 or ||A||
  long correction_ = 0;          ///< exponent of the largest entry of V^-1 (V_next - V)
  long smallest_gap_ = 0;        ///< exponent of the smallest distance of separated values
};

}  // namespace

Eigenpairs symmetric_eigenpairs(const Matrix& a, unsigned threads, const Poll& poll,
                                int most_iterations) {
  if (const auto pairs = Refinement(a, threads, poll).run(most_iterations)) return sorted(*pairs);
  return sorted(eigenpairs(tridiagonalize(a, poll), poll));
}

}  // namespace mpsharp
