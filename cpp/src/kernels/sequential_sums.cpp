#include "sequential_sums.hpp"

#include <array>
#include <utility>

#include "words_portable.hpp"
// The words first: the others are written in terms of them.
#include "lane_arithmetic.hpp"

namespace mpsharp {

namespace {

template <int L>
void sum_in_order(std::uint64_t* result, const std::uint64_t* x, std::size_t n, unsigned unused) {
  const Rounding at = rounding_at(unused);
  Words acc[L] = {};
  Words exponent = all(SequentialKernel::zero_exponent);
  Lanes sign = lanes_of(0);
  for (std::size_t j = 0; j < n; ++j) {
    const std::uint64_t* number =
        x + j / SequentialKernel::lanes * (SequentialKernel::lanes * (L + 1)) +
        j % SequentialKernel::lanes;
    Words term[L];
    for (int i = 0; i < L; ++i) term[i] = load(number + lanes * i);
    const Lanes term_sign = negative(term[L - 1]);
    term[L - 1] = term[L - 1] & mask();
    add<L>(acc, exponent, sign, term, load(number + lanes * L), term_sign, at);
  }
  for (int i = 0; i < L; ++i) store(result + i, acc[i]);
  result[L - 1] |= where(sign, std::uint64_t{1} << 63);
  store(result + L, exponent);
}

template <int... limbs_less_one>
constexpr std::array<SequentialSum, sizeof...(limbs_less_one)> all_sums(
    std::integer_sequence<int, limbs_less_one...> /*unused*/) {
  return {sum_in_order<limbs_less_one + 1>...};
}

constexpr auto sums =
    all_sums(std::make_integer_sequence<int, static_cast<int>(SequentialKernel::max_limbs)>());

}  // namespace

SequentialSum sequential_sum(std::size_t limbs) noexcept { return sums[limbs - 1]; }

}  // namespace mpsharp
