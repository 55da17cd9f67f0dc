#pragma once

// What the intrinsics give for operands at the corners, computed by hand from Intel's descriptions.

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "intrinsics.hpp"

namespace mpsharp::testing {

using Words = std::array<std::uint64_t, lanes>;

struct Known {
  const char* name;
  Operands operands;
  Words expected;
};

namespace known {

constexpr std::uint64_t ones = ~std::uint64_t{0};
constexpr std::uint64_t top = std::uint64_t{1} << 63;
constexpr std::uint64_t low52 = (std::uint64_t{1} << 52) - 1;
constexpr std::uint64_t two51 = std::uint64_t{1} << 51;
constexpr std::uint64_t two52 = std::uint64_t{1} << 52;
constexpr std::uint64_t two53 = std::uint64_t{1} << 53;

constexpr std::uint64_t minus(std::uint64_t a) { return 0 - a; }

constexpr Words each(std::uint64_t a) { return {a, a, a, a, a, a, a, a}; }

constexpr Words doubles(std::array<double, lanes> values) { return std::bit_cast<Words>(values); }

inline Operands operands(const Words& a, const Words& b = {}, const Words& c = {},
                         unsigned mask = 0, unsigned immediate = 0) {
  Operands out{};
  std::ranges::copy(a, out.a);
  std::ranges::copy(b, out.b);
  std::ranges::copy(c, out.c);
  out.mask = static_cast<std::uint8_t>(mask);
  out.immediate = static_cast<std::uint8_t>(immediate);
  return out;
}

inline Operands immediate(unsigned value, const Words& a, const Words& b = {},
                          const Words& c = {}) {
  return operands(a, b, c, 0, value);
}

inline std::vector<Known> make() {
  constexpr Words count = {1, 2, 3, 4, 5, 6, 7, 8};
  constexpr Words other = {11, 12, 13, 14, 15, 16, 17, 18};
  // Equal, and either one larger, with signs and without.
  constexpr Words p = {0, ones, top, 1, ones, 5, 5, 0};
  constexpr Words q = {0, 0, 1, top, ones, 4, 6, ones};
  const Operands pair = operands(p, q, other, 0xA5);
  const Operands low_lanes = operands(p, q, other, 0x0F);
  const Operands high_lanes = operands(p, q, other, 0xF0);
  // (2^52 - 1)^2 = (2^52 - 2) 2^52 + 1; bits above 52 of a factor do not count.
  const Operands products =
      operands({1, 1, ones, 0, 0, 7, two53, 0}, {two52 + 3, 5, low52, low52, two51, ones, two52, 0},
               {5, top | 3, low52, low52, 2, ones, ones, ones});
  const Words counts = {0, 1, 63, 64, 65, ones, std::uint64_t{1} << 32, 51};
  const double tiny = std::numeric_limits<double>::denorm_min();
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {
      {"_mm512_load_si512", operands(count), count},
      {"_mm512_store_si512", operands(count), count},
      {"_mm256_store_si256", operands(count), {0, 0, 0, 0, 1, 2, 3, 4}},
      {"_mm512_set1_epi64", operands({top + 5}), each(top + 5)},
      {"_mm512_setzero_si512", operands(count), {}},
      {"_mm512_set1_pd", operands(doubles({-1.5})),
       doubles({-1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5})},
      {"_mm512_setzero_pd", operands(count), {}},
      {"_mm_cvtsi128_si32", operands({7}), {7}},
      {"_mm_cvtsi128_si32", operands({0x80000000}), {0xFFFFFFFF80000000}},
      {"_mm_cvtsi32_si128", operands(each(8), {1}), each(4)},
      {"_mm_cvtsi32_si128", operands(each(ones), {ones}), {}},

      {"_mm512_add_epi64", pair, {0, ones, top + 1, top + 1, ones - 1, 9, 11, ones}},
      {"_mm512_sub_epi64", pair, {0, ones, top - 1, top + 1, 0, 1, ones, 1}},
      {"_mm512_max_epi64", pair, {0, 0, 1, 1, ones, 5, 6, 0}},
      {"_mm512_min_epi64", pair, {0, ones, top, top, ones, 4, 5, ones}},
      {"_mm512_min_epu64", pair, {0, 0, 1, 1, ones, 4, 5, 0}},
      {"_mm512_madd52lo_epu64", products, {16, 16, 0, 1, 0, 8, two53, 0}},
      {"_mm512_madd52hi_epu64", products, {1, 1, two52 - 3, two52 - 2, 1, two52 + 5, two53, 0}},

      {"_mm512_and_si512", pair, {0, 0, 0, 0, ones, 4, 4, 0}},
      {"_mm512_andnot_si512", pair, {0, 0, 1, top, 0, 0, 2, ones}},
      {"_mm512_or_si512", pair, {0, ones, top | 1, top | 1, ones, 5, 7, ones}},
      {"_mm512_xor_si512", pair, {0, ones, top | 1, top | 1, 0, 1, 3, ones}},
      {"_mm512_lzcnt_epi64",
       operands({0, 1, top, two51, low52, ones, 2, std::uint64_t{1} << 32}),
       {64, 63, 0, 12, 12, 0, 62, 31}},
      // These three operands run through all rows of the table.
      {"_mm512_ternarylogic_epi64", immediate(0xA8, each(0xF0), each(0xCC), each(0xAA)),
       each(0xA8)},
      {"_mm512_ternarylogic_epi64", immediate(0x96, each(0xF0), each(0xCC), each(0xAA)),
       each(0x96)},
      {"_mm512_ternarylogic_epi64", immediate(0x01, each(0xF0), each(0xCC), each(0xAA)),
       each(ones - 0xFE)},
      {"_mm512_sllv_epi64",
       operands(each(ones), counts),
       {ones, ones - 1, top, 0, 0, 0, 0, minus(two51)}},
      {"_mm512_srlv_epi64", operands(each(ones), counts), {ones, top - 1, 1, 0, 0, 0, 0, 8191}},
      {"_mm512_slli_epi64", immediate(0, each(ones)), each(ones)},
      {"_mm512_slli_epi64", immediate(63, each(ones)), each(top)},
      {"_mm512_slli_epi64", immediate(64, each(ones)), {}},
      {"_mm512_slli_epi64", immediate(255, each(ones)), {}},
      {"_mm512_srli_epi64", immediate(0, each(ones)), each(ones)},
      {"_mm512_srli_epi64", immediate(63, each(ones)), each(1)},
      {"_mm512_srli_epi64", immediate(64, each(ones)), {}},
      {"_mm512_srli_epi64", immediate(255, each(ones)), {}},
      {"_mm512_srai_epi64",
       immediate(52, {ones, top, two52, low52, top - 1, minus(two52)}),
       {ones, minus(2048), 1, 0, 2047, ones}},
      {"_mm512_srai_epi64", immediate(64, {ones, top, top - 1}), {ones, ones, 0}},
      {"_mm512_srai_epi64", immediate(255, {ones, top, top - 1}), {ones, ones, 0}},
      {"_mm512_sll_epi64", immediate(3, count), {8, 16, 24, 32, 40, 48, 56, 64}},
      {"_mm512_sll_epi64", immediate(64, each(ones)), {}},
      {"_mm512_srl_epi64", immediate(63, each(ones)), each(1)},
      {"_mm512_srl_epi64", immediate(64, each(ones)), {}},

      {"_mm512_cmpeq_epi64_mask", pair, {0x11}},
      {"_mm512_cmpgt_epi64_mask", pair, {0xA8}},
      {"_mm512_cmple_epi64_mask", pair, {0x57}},
      {"_mm512_cmplt_epi64_mask", pair, {0x46}},
      {"_mm512_cmpgt_epu64_mask", pair, {0x26}},
      {"_mm512_cmple_epu64_mask", pair, {0xD9}},
      {"_mm512_cmplt_epu64_mask", pair, {0xC8}},
      {"_mm512_mask_cmpge_epu64_mask", low_lanes, {0x07}},
      {"_mm512_mask_cmpge_epu64_mask", high_lanes, {0x30}},
      {"_mm512_mask_cmplt_epu64_mask", low_lanes, {0x08}},
      {"_mm512_mask_cmplt_epu64_mask", high_lanes, {0xC0}},
      {"_mm512_test_epi64_mask", pair, {0x70}},
      {"_mm512_testn_epi64_mask", pair, {0x8F}},
      {"_mm512_mask_test_epi64_mask", pair, {0x20}},
      {"_mm512_movepi64_mask", pair, {0x16}},

      {"_mm512_mask_mov_epi64", pair, {0, 12, top, 14, 15, 5, 17, 0}},
      {"_mm512_maskz_mov_epi64", pair, {0, 0, top, 0, 0, 5, 0, 0}},
      {"_mm512_mask_blend_epi64", pair, {0, ones, 1, 1, ones, 4, 5, ones}},
      {"_mm512_mask_add_epi64", pair, {0, 12, top + 1, 14, 15, 9, 17, ones}},
      {"_mm512_mask_sub_epi64", pair, {0, 12, top - 1, 14, 15, 1, 17, 1}},
      {"_mm512_maskz_sub_epi64", pair, {0, 0, top - 1, 0, 0, 1, 0, 1}},
      {"_mm512_mask_and_epi64", pair, {0, 12, 0, 14, 15, 4, 17, 0}},
      {"_mm512_mask_or_epi64", pair, {0, 12, top | 1, 14, 15, 5, 17, ones}},
      {"_mm512_mask_max_epi64", pair, {0, 12, 1, 14, 15, 5, 17, 0}},
      {"_mm512_mask_min_epi64", pair, {0, 12, top, 14, 15, 4, 17, ones}},

      {"_mm512_unpacklo_epi64", operands(count, other), {1, 11, 3, 13, 5, 15, 7, 17}},
      {"_mm512_unpackhi_epi64", operands(count, other), {2, 12, 4, 14, 6, 16, 8, 18}},
      {"_mm512_shuffle_i64x2", immediate(0x88, count, other), {1, 2, 5, 6, 11, 12, 15, 16}},
      {"_mm512_shuffle_i64x2", immediate(0xDD, count, other), {3, 4, 7, 8, 13, 14, 17, 18}},
      {"_mm512_shuffle_i64x2", immediate(0x1B, count, other), {7, 8, 5, 6, 13, 14, 11, 12}},
      {"_mm512_extracti64x4_epi64", immediate(0, count), {1, 2, 3, 4}},
      {"_mm512_extracti64x4_epi64", immediate(1, count), {5, 6, 7, 8}},
      {"_mm512_castsi512_si256", operands(count), {1, 2, 3, 4}},
      {"_mm512_reduce_add_epi64", operands(count), {36}},
      {"_mm512_reduce_add_epi64", operands({top, top, 3}), {3}},
      {"_mm512_reduce_max_epi64", pair, {5}},
      {"_mm512_reduce_min_epi64", pair, {top}},

      {"_mm512_add_pd",
       operands(doubles({1, 1 + 0x1p-52, infinity, infinity, -1, 0x1.fffffffffffffp1023, tiny}),
                doubles({0x1p-53, 0x1p-53, -infinity, 1, 1, 0x1p970, -tiny})),
       doubles({1, 1 + 0x1p-51, nan, infinity, 0, infinity, 0})},
      {"_mm512_mul_pd",
       operands(doubles({1 + 0x1p-52, 0x1p-1000, -0x1p1000, infinity, -3}),
                doubles({1 + 0x1p-52, 0x1p-75, 0x1p24, 0, 5})),
       doubles({1 + 0x1p-51, 0, -infinity, nan, -15})},
      {"_mm512_fmadd_pd",
       operands(doubles({1 + 0x1p-52, 3, infinity}), doubles({1 + 0x1p-52, 5, 0}),
                doubles({-1 - 0x1p-51, -15, 1})),
       doubles({0x1p-104, 0, nan})},
      {"_mm512_scalef_pd",
       operands(doubles({3, 3, 1, 1, 1.5, 1, 0, -1}),
                doubles({2.9, -1.5, -1074, -1075, -1075, 1024, infinity, 1e300})),
       doubles({12, 0.75, tiny, 0, tiny, infinity, nan, -infinity})},
      {"_mm512_scalef_pd",
       operands(doubles({-2, 0, 5, infinity, tiny, -1, -1}),
                doubles({-infinity, -3, 0.5, -infinity, 1074, -1e300, infinity})),
       doubles({-0.0, 0, 5, nan, 1, -0.0, -infinity})},
      // In index order these two would give 0.
      {"_mm512_reduce_add_pd", operands(doubles({0x1p53, 1, 0, 0, -0x1p53})), doubles({1})},
      {"_mm512_reduce_add_pd", operands(doubles({0x1p53, 1, -0x1p53})), doubles({1})},
      {"_mm512_cvtepi64_pd",
       operands({0, two53 + 1, two53 + 3, ones, top, top - 1, 7, minus(two53 + 1)}),
       doubles({0, 0x1p53, 0x1p53 + 4, -1, -0x1p63, 0x1p63, 7, -0x1p53})},
      {"_mm512_cvtepu64_pd",
       operands({0, two53 + 1, two53 + 3, ones, top, top + 1025, 7, top + 1024}),
       doubles({0, 0x1p53, 0x1p53 + 4, 0x1p64, 0x1p63, 0x1p63 + 2048, 7, 0x1p63})},
      {"_mm512_cvtpd_epi64",
       operands(doubles({0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0x1p63, nan})),
       {0, 2, 2, 0, minus(2), minus(2), top, top}},
      {"_mm512_cvtpd_epi64",
       operands(doubles({1e300, -0x1p63, 0x1.fffffffffffffp-2, -infinity, infinity, -3.7,
                         0x1p52 - 0.5, 0x1p53 - 1})),
       {top, top, 0, top, top, minus(4), two52, two53 - 1}},
  };
}

}  // namespace known

inline const std::vector<Known>& known_cases() {
  static const std::vector<Known> cases = known::make();
  return cases;
}

}  // namespace mpsharp::testing
