#include "mpsharp/mpfr.hpp"

#include <string>
#include <utility>

#include "mpsharp/error.hpp"

namespace mpsharp {

static_assert(GMP_NUMB_BITS == 64, "mpsharp needs 64-bit limbs");

Bits::Bits(long value) : value_(value) {
  if (value < minimum || value > maximum) {
    throw PrecisionError("bits: expected " + std::to_string(minimum) + " <= bits <= " +
                         std::to_string(maximum) + ", got " + std::to_string(value));
  }
}

Mpfr::Mpfr(Bits bits) {
  mpfr_init2(value_, bits.value());
  mpfr_set_zero(value_, 1);
}

Mpfr::Mpfr(double value, Bits bits) {
  mpfr_init2(value_, bits.value());
  mpfr_set_d(value_, value, MPFR_RNDN);
}

Mpfr::Mpfr(const Mpfr& other) {
  mpfr_init2(value_, mpfr_get_prec(other.value_));
  mpfr_set(value_, other.value_, MPFR_RNDN);
}

Mpfr::Mpfr(Mpfr&& other) noexcept {
  *value_ = *other.value_;
  other.value_->_mpfr_d = nullptr;
}

Mpfr& Mpfr::operator=(Mpfr other) noexcept {
  std::swap(*value_, *other.value_);
  return *this;
}

Mpfr::~Mpfr() {
  if (value_->_mpfr_d != nullptr) mpfr_clear(value_);
}

MpfrScope::MpfrScope() noexcept
    : emin_(mpfr_get_emin()), emax_(mpfr_get_emax()), flags_(mpfr_flags_save()) {
  mpfr_set_emin(MPFR_EMIN_DEFAULT);
  mpfr_set_emax(MPFR_EMAX_DEFAULT);
  mpfr_clear_flags();
}

MpfrScope::~MpfrScope() {
  mpfr_set_emin(emin_);
  mpfr_set_emax(emax_);
  mpfr_flags_restore(flags_, MPFR_FLAGS_ALL);
}

}  // namespace mpsharp
