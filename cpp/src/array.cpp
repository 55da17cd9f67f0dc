#include "mpsharp/array.hpp"

#include <string>
#include <utility>

#include "mpsharp/error.hpp"

namespace mpsharp {

Vector::Vector(std::size_t size, Bits bits)
    : bits_(bits), limbs_(std::make_unique<mp_limb_t[]>(size * bits.limbs())), numbers_(size) {
  for (std::size_t i = 0; i < size; ++i) {
    mpfr_custom_init_set(&numbers_[i], MPFR_ZERO_KIND, 0, bits.value(),
                         limbs_.get() + i * bits.limbs());
  }
}

Vector::Vector(const Vector& other) : Vector(other.size(), other.bits_) { copy(*this, other); }

Vector& Vector::operator=(const Vector& other) {
  if (this != &other) *this = Vector(other);
  return *this;
}

void copy(Span out, ConstSpan in) {
  if (out.size() != in.size()) {
    throw ShapeError("copy: expected length " + std::to_string(out.size()) + ", got " +
                     std::to_string(in.size()));
  }
  for (std::size_t i = 0; i < in.size(); ++i) mpfr_set(&out[i], &in[i], MPFR_RNDN);
}

bool is_finite(ConstSpan numbers) noexcept {
  for (const __mpfr_struct& x : numbers) {
    if (mpfr_number_p(&x) == 0) return false;
  }
  return true;
}

Matrix::Matrix(std::size_t rows, std::size_t columns, Bits bits)
    : rows_(rows), columns_(columns), entries_(rows * columns, bits) {}

Matrix::Matrix(std::size_t rows, std::size_t columns, Vector entries)
    : rows_(rows), columns_(columns), entries_(std::move(entries)) {
  if (entries_.size() != rows * columns) {
    throw ShapeError("Matrix: expected " + std::to_string(rows * columns) + " entries, got " +
                     std::to_string(entries_.size()));
  }
}

}  // namespace mpsharp
