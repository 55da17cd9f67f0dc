#pragma once

// Included after one of words_*.hpp; see lane_arithmetic.hpp.
#include "lane_short_products.hpp"

/// The function of SequentialKernel, `width` numbers of a group at a time.
namespace mpsharp {

namespace {

template <int L, int X>
MPSHARP_NOINLINE void dot_part(std::uint64_t* result, const std::uint64_t* x,
                               const std::uint64_t* u, std::size_t n, unsigned unused) {
  const Rounding at = rounding_at(unused);
  Words acc[L];
  for (int i = 0; i < L; ++i) acc[i] = zero();
  Words exponent = all(SequentialKernel::zero_exponent);
  Lanes sign = lanes_of(0);
  for (std::size_t j = 0; j < n; ++j) {
    Words product[L];
    Words product_exponent;
    if constexpr (X == L) {
      multiply_rounded<L, true>(product, product_exponent, x, u, at);
    } else {
      multiply<L, X, true>(product, product_exponent, x, u, at);
    }
    const Lanes product_sign =
        negative(load(x + lanes * (X - 1)) ^ all(static_cast<std::int64_t>(u[L - 1])));
    add<L>(acc, exponent, sign, product, product_exponent, product_sign, at);
    x += lanes * (X + 1);
    u += L + 1;
  }
  acc[L - 1] = acc[L - 1] | where(sign, all(static_cast<std::int64_t>(std::uint64_t{1} << 63)));
  for (int i = 0; i < L; ++i) store(result + lanes * i, acc[i]);
  store(result + lanes * L, exponent);
}

template <int L, int X>
void dot8(std::uint64_t* result, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          unsigned unused, std::size_t count) {
  [[maybe_unused]] const ProductScope scope;
  for (std::size_t i = 0; i < count; i += width) {
    dot_part<L, X>(result + i, x + i, u, n, unused);
  }
}

}  // namespace

}  // namespace mpsharp

// The functions first.
#include "sequential_table.hpp"
