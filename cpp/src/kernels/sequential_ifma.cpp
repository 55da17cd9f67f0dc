// Compiled for AVX-512 (F, DQ, VL, CD, IFMA); called only where the processor has it. It includes
// nothing that could define an inline function shared with the rest of the program.
#include "numbers_ifma.hpp"
#include "sequential_kernels.hpp"

namespace mpsharp {

namespace {

template <int L, int X>
void dot8(std::uint64_t* result, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          unsigned unused, std::size_t /*count*/) {
  const Rounding at = rounding_at(unused);
  Words acc[L];
  for (int i = 0; i < L; ++i) acc[i] = zero();
  Words exponent = all(SequentialKernel::zero_exponent);
  Lanes sign = 0;
  for (std::size_t j = 0; j < n; ++j) {
    Words product[L];
    Words product_exponent;
    multiply<L, X>(product, product_exponent, x, u, at);
    const Lanes product_sign = _mm512_movepi64_mask(
        _mm512_xor_si512(load(x + lanes * (X - 1)), all(static_cast<std::int64_t>(u[L - 1]))));
    add<L>(acc, exponent, sign, product, product_exponent, product_sign, at);
    x += lanes * (X + 1);
    u += L + 1;
  }
  const Words signs = _mm512_maskz_mov_epi64(sign, _mm512_slli_epi64(all(1), 63));
  acc[L - 1] = _mm512_or_si512(acc[L - 1], signs);
  for (int i = 0; i < L; ++i) store(result + lanes * i, acc[i]);
  store(result + lanes * L, exponent);
}

}  // namespace

}  // namespace mpsharp

// The functions first.
#include "sequential_table.hpp"

namespace mpsharp {

SequentialKernel sequential_ifma(std::size_t limbs, std::size_t matrix_limbs) noexcept {
  return sequential_of_table(limbs, matrix_limbs);
}

}  // namespace mpsharp
