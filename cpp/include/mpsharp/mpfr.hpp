#pragma once

#include <mpfr.h>

#include <compare>
#include <cstddef>

namespace mpsharp {

/// A precision in significand bits, checked when it is made.
class Bits {
 public:
  static constexpr long minimum = 2;
  /// Above the largest precision a user may ask for, with room for guard bits.
  static constexpr long maximum = 1L << 20;

  /// @throws PrecisionError outside [minimum, maximum].
  explicit Bits(long value);
  [[nodiscard]] mpfr_prec_t value() const noexcept { return value_; }
  [[nodiscard]] std::size_t limbs() const noexcept {
    return (static_cast<std::size_t>(value_) + 63) / 64;
  }
  [[nodiscard]] Bits plus(long guard) const { return Bits(value_ + guard); }
  auto operator<=>(const Bits&) const = default;

 private:
  mpfr_prec_t value_;
};

/// One MPFR number that owns its limbs. Its precision is chosen when it is made; assignment carries
/// value and precision, and there is no default precision anywhere.
class Mpfr {
 public:
  explicit Mpfr(Bits bits);       ///< +0
  Mpfr(double value, Bits bits);  ///< one rounding to nearest
  Mpfr(const Mpfr& other);        ///< same value, same precision
  Mpfr(Mpfr&& other) noexcept;    ///< takes the limbs; `other` may only be assigned to or destroyed
  Mpfr& operator=(Mpfr other) noexcept;
  ~Mpfr();

  [[nodiscard]] Bits bits() const { return Bits(mpfr_get_prec(value_)); }
  mpfr_ptr get() noexcept { return value_; }
  [[nodiscard]] mpfr_srcptr get() const noexcept { return value_; }
  // NOLINTNEXTLINE(google-explicit-constructor): an Mpfr is passed to MPFR's functions as it is
  operator mpfr_ptr() noexcept { return value_; }
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator mpfr_srcptr() const noexcept { return value_; }

 private:
  mpfr_t value_;
};

/// Gives the calling thread MPFR's default exponent range and clear flags while it lives, and puts
/// back what was there. Every entry from Python makes one, because another user of the same MPFR
/// library may have changed the thread's state.
class MpfrScope {
 public:
  MpfrScope() noexcept;
  ~MpfrScope();
  MpfrScope(const MpfrScope&) = delete;
  MpfrScope& operator=(const MpfrScope&) = delete;

 private:
  mpfr_exp_t emin_;
  mpfr_exp_t emax_;
  mpfr_flags_t flags_;
};

}  // namespace mpsharp
