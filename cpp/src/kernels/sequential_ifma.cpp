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

template <int L>
SequentialKernel choose(std::size_t matrix_limbs) noexcept {
  constexpr int few = L < 2 ? L : 2;
  if (matrix_limbs <= few) return {dot8<L, few>, few};
  return {dot8<L, L>, L};
}

}  // namespace

SequentialKernel sequential_ifma(std::size_t limbs, std::size_t matrix_limbs) noexcept {
  switch (limbs) {
    case 1:
      return choose<1>(matrix_limbs);
    case 2:
      return choose<2>(matrix_limbs);
    case 3:
      return choose<3>(matrix_limbs);
    case 4:
      return choose<4>(matrix_limbs);
    case 5:
      return choose<5>(matrix_limbs);
    case 6:
      return choose<6>(matrix_limbs);
    case 7:
      return choose<7>(matrix_limbs);
    case 8:
      return choose<8>(matrix_limbs);
    case 9:
      return choose<9>(matrix_limbs);
    case 10:
      return choose<10>(matrix_limbs);
    case 11:
      return choose<11>(matrix_limbs);
    case 12:
      return choose<12>(matrix_limbs);
    case 13:
      return choose<13>(matrix_limbs);
    case 14:
      return choose<14>(matrix_limbs);
    case 15:
      return choose<15>(matrix_limbs);
    case 16:
      return choose<16>(matrix_limbs);
    case 17:
      return choose<17>(matrix_limbs);
    case 18:
      return choose<18>(matrix_limbs);
    case 19:
      return choose<19>(matrix_limbs);
    default:
      return choose<20>(matrix_limbs);
  }
}

}  // namespace mpsharp
