#include "reference.hpp"

#include <string>
#include <utility>
#include <vector>

#include "mpsharp/error.hpp"

namespace mpsharp {

namespace {

/// Accumulates one sequential dot product with a temporary that is made once.
class SequentialSum {
 public:
  explicit SequentialSum(Bits bits) : product_(bits) {}
  void start(mpfr_ptr acc) { mpfr_set_zero(acc, 1); }
  void add(mpfr_ptr acc, mpfr_srcptr a, mpfr_srcptr b) {
    mpfr_mul(product_, a, b, MPFR_RNDN);
    mpfr_add(acc, acc, product_, MPFR_RNDN);
  }

 private:
  Mpfr product_;
};

/// Holds the exact products of one dot product and sums them with one rounding.
class ExactSum {
 public:
  ExactSum(std::size_t size, Bits a, Bits b) : products_(size, a.plus(b.value())), pointers_(size) {
    for (std::size_t i = 0; i < size; ++i) pointers_[i] = products_[i];
  }
  void set(std::size_t i, mpfr_srcptr a, mpfr_srcptr b) {
    mpfr_mul(products_[i], a, b, MPFR_RNDN);  // exact: the product has room for every bit
  }
  void round_to(mpfr_ptr out) {
    mpfr_sum(out, pointers_.data(), static_cast<unsigned long>(pointers_.size()), MPFR_RNDN);
  }

 private:
  Vector products_;
  std::vector<mpfr_ptr> pointers_;
};

}  // namespace

void check_length(const char* what, std::size_t expected, std::size_t actual) {
  if (expected != actual) {
    throw ShapeError(std::string(what) + ": expected length " + std::to_string(expected) +
                     ", got " + std::to_string(actual));
  }
}

void reference_sequential_dot(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride,
                              const __mpfr_struct* b, std::size_t b_stride, std::size_t n) {
  SequentialSum sum{Bits(mpfr_get_prec(out))};
  sum.start(out);
  for (std::size_t i = 0; i < n; ++i) sum.add(out, a + i * a_stride, b + i * b_stride);
}

void reference_exact_dot(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride,
                         const __mpfr_struct* b, std::size_t b_stride, std::size_t n) {
  if (n == 0) {
    mpfr_set_zero(out, 1);
    return;
  }
  ExactSum sum(n, Bits(mpfr_get_prec(a)), Bits(mpfr_get_prec(b)));
  for (std::size_t i = 0; i < n; ++i) sum.set(i, a + i * a_stride, b + i * b_stride);
  sum.round_to(out);
}

ReferenceProducts::ReferenceProducts(std::shared_ptr<const Matrix> matrix, Arithmetic arithmetic)
    : DenseProducts(std::move(matrix), arithmetic) {}

void ReferenceProducts::apply(Vector& out, const Vector& x, const Poll& poll) const {
  check_length("apply: x", columns(), x.size());
  check_length("apply: out", rows(), out.size());
  for (std::size_t i = 0; i < rows(); ++i) {
    const auto dot =
        arithmetic() == Arithmetic::exact ? reference_exact_dot : reference_sequential_dot;
    dot(out[i], matrix_->row(i).data(), 1, x.span().data(), 1, columns());
    poll();
  }
}

void ReferenceProducts::apply_transposed(Vector& out, const Vector& x, const Poll& poll) const {
  check_length("apply_transposed: x", rows(), x.size());
  check_length("apply_transposed: out", columns(), out.size());
  const Matrix& matrix = *matrix_;
  if (arithmetic() == Arithmetic::sequential) {
    SequentialSum sum(out.bits());
    for (std::size_t j = 0; j < columns(); ++j) sum.start(out[j]);
    for (std::size_t i = 0; i < rows(); ++i) {
      for (std::size_t j = 0; j < columns(); ++j) sum.add(out[j], matrix(i, j), x[i]);
      poll();
    }
    return;
  }
  if (rows() == 0) {
    for (std::size_t j = 0; j < columns(); ++j) mpfr_set_zero(out[j], 1);
    return;
  }
  ExactSum sum(rows(), matrix.bits(), x.bits());
  for (std::size_t j = 0; j < columns(); ++j) {
    for (std::size_t i = 0; i < rows(); ++i) sum.set(i, matrix(i, j), x[i]);
    sum.round_to(out[j]);
    poll();
  }
}

}  // namespace mpsharp
