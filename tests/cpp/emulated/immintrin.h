#pragma once

// The intrinsics of AVX-512 (F, DQ, CD, IFMA) that the kernels use, in plain C++ for any processor:
// stands in for the compiler's header where MPSHARP_EMULATE_IFMA is on. What each computes is said
// in Intel's Intrinsics Guide; test_emulation.cpp compares them with the instructions themselves
// where the processor has them.
//
// Lanes are unsigned, so that they wrap. Floating-point operations follow the rounding mode, as the
// instructions do.
#include <cstdint>

// Names that the language reserves for the compiler, whose part this header plays.
// NOLINTBEGIN(bugprone-reserved-identifier)
#define MPSHARP_VECTOR(type, bytes) type __attribute__((vector_size(bytes), may_alias))

using __mmask8 = unsigned char;
typedef MPSHARP_VECTOR(std::uint64_t, 16) __m128i;
typedef MPSHARP_VECTOR(std::uint64_t, 32) __m256i;
typedef MPSHARP_VECTOR(std::uint64_t, 64) __m512i;
typedef MPSHARP_VECTOR(double, 64) __m512d;

namespace emulated_avx512 {

namespace {  // NOLINT(google-build-namespaces): internal linkage, as the compiler's own have

__extension__ typedef unsigned __int128 Wide;
typedef MPSHARP_VECTOR(std::int64_t, 64) Signed;
#undef MPSHARP_VECTOR

constexpr int lanes = 8;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

inline Signed as_signed(__m512i a) { return reinterpret_cast<Signed>(a); }

/// All bits of lane i are bit i of `mask`.
inline __m512i spread(__mmask8 mask) {
  const __m512i bit = {1, 2, 4, 8, 16, 32, 64, 128};
  return reinterpret_cast<__m512i>((bit & std::uint64_t{mask}) != 0);
}

/// Bit i is the highest bit of lane i.
inline __mmask8 gather(__m512i a) {
  unsigned mask = 0;
  for (int i = 0; i < lanes; ++i) mask |= static_cast<unsigned>(a[i] >> 63) << i;
  return static_cast<__mmask8>(mask);
}
inline __mmask8 gather(Signed a) { return gather(reinterpret_cast<__m512i>(a)); }

inline __m512i select(__mmask8 mask, __m512i set, __m512i clear) {
  const __m512i chosen = spread(mask);
  return (set & chosen) | (clear & ~chosen);
}
inline __m512i select(Signed all_or_none, __m512i set, __m512i clear) {
  const auto chosen = reinterpret_cast<__m512i>(all_or_none);
  return (set & chosen) | (clear & ~chosen);
}

inline Wide product52(std::uint64_t a, std::uint64_t b) { return Wide{a & mask52} * (b & mask52); }

/// The instructions fault where an address is not aligned to the size of the vector.
inline void check_alignment(const void* address, std::uintptr_t size) {
  if (reinterpret_cast<std::uintptr_t>(address) % size != 0) __builtin_trap();
}

/// a 2^floor(b) for numbers that are not NaN.
inline double scale(double a, double b) {
  if (__builtin_isinf(b)) return b > 0 ? a * b : a * 0.0;
  // A number beyond these gives infinity or zero, whatever a is.
  const double exponent = b < -5000 ? -5000 : b > 5000 ? 5000 : __builtin_floor(b);
  return __builtin_ldexp(a, static_cast<int>(exponent));
}

/// To the integer that the rounding mode says; what does not fit gives the lowest integer.
inline std::int64_t to_integer(double a) {
  const double rounded = __builtin_nearbyint(a);
  return rounded >= -0x1p63 && rounded < 0x1p63 ? static_cast<std::int64_t>(rounded) : INT64_MIN;
}

}  // namespace

}  // namespace emulated_avx512

namespace {  // NOLINT(google-build-namespaces): as above

// Not inlined, since the kernels are unrolled to thousands of these.
#define MPSHARP_INTRINSIC [[gnu::noinline, maybe_unused]] static

// --- vectors from words and back
// ------------------------------------------------------------------
MPSHARP_INTRINSIC __m128i _mm_cvtsi32_si128(int a) {
  return __m128i{std::uint64_t{static_cast<std::uint32_t>(a)}, 0};
}
MPSHARP_INTRINSIC int _mm_cvtsi128_si32(const __m128i& a) {
  return static_cast<int>(static_cast<std::uint32_t>(a[0]));
}
MPSHARP_INTRINSIC __m512i _mm512_setzero_si512() { return __m512i{}; }
MPSHARP_INTRINSIC __m512d _mm512_setzero_pd() { return __m512d{}; }
MPSHARP_INTRINSIC __m512i _mm512_set1_epi64(long long a) {
  return __m512i{} + static_cast<std::uint64_t>(a);
}
MPSHARP_INTRINSIC __m512d _mm512_set1_pd(double a) { return __m512d{a, a, a, a, a, a, a, a}; }
MPSHARP_INTRINSIC __m512i _mm512_load_si512(const void* from) {
  emulated_avx512::check_alignment(from, 64);
  return *static_cast<const __m512i*>(from);
}
MPSHARP_INTRINSIC void _mm512_store_si512(void* to, const __m512i& a) {
  emulated_avx512::check_alignment(to, 64);
  *static_cast<__m512i*>(to) = a;
}
MPSHARP_INTRINSIC void _mm256_store_si256(__m256i* to, const __m256i& a) {
  emulated_avx512::check_alignment(to, 32);
  *to = a;
}

// --- arithmetic
// -----------------------------------------------------------------------------------
MPSHARP_INTRINSIC __m512i _mm512_add_epi64(const __m512i& a, const __m512i& b) { return a + b; }
MPSHARP_INTRINSIC __m512i _mm512_sub_epi64(const __m512i& a, const __m512i& b) { return a - b; }
MPSHARP_INTRINSIC __m512i _mm512_madd52lo_epu64(const __m512i& sum, const __m512i& a,
                                                const __m512i& b) {
  __m512i out = sum;
  for (int i = 0; i < emulated_avx512::lanes; ++i) {
    out[i] += static_cast<std::uint64_t>(emulated_avx512::product52(a[i], b[i])) &
              emulated_avx512::mask52;
  }
  return out;
}
MPSHARP_INTRINSIC __m512i _mm512_madd52hi_epu64(const __m512i& sum, const __m512i& a,
                                                const __m512i& b) {
  __m512i out = sum;
  for (int i = 0; i < emulated_avx512::lanes; ++i) {
    out[i] += static_cast<std::uint64_t>(emulated_avx512::product52(a[i], b[i]) >> 52);
  }
  return out;
}
MPSHARP_INTRINSIC __m512i _mm512_max_epi64(const __m512i& a, const __m512i& b) {
  using emulated_avx512::as_signed;
  return emulated_avx512::select(as_signed(a) > as_signed(b), a, b);
}
MPSHARP_INTRINSIC __m512i _mm512_min_epi64(const __m512i& a, const __m512i& b) {
  using emulated_avx512::as_signed;
  return emulated_avx512::select(as_signed(a) < as_signed(b), a, b);
}
MPSHARP_INTRINSIC __m512i _mm512_min_epu64(const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(a < b, a, b);
}

// --- bits
// -----------------------------------------------------------------------------------------
MPSHARP_INTRINSIC __m512i _mm512_and_si512(const __m512i& a, const __m512i& b) { return a & b; }
MPSHARP_INTRINSIC __m512i _mm512_andnot_si512(const __m512i& a, const __m512i& b) { return ~a & b; }
MPSHARP_INTRINSIC __m512i _mm512_or_si512(const __m512i& a, const __m512i& b) { return a | b; }
MPSHARP_INTRINSIC __m512i _mm512_xor_si512(const __m512i& a, const __m512i& b) { return a ^ b; }
/// Bit 4 a + 2 b + c of `table`, for every three bits.
MPSHARP_INTRINSIC __m512i _mm512_ternarylogic_epi64(const __m512i& a, const __m512i& b,
                                                    const __m512i& c, int table) {
  __m512i out = {};
  for (int row = 0; row < 8; ++row) {
    if ((table >> row & 1) != 0) {
      out |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
    }
  }
  return out;
}
MPSHARP_INTRINSIC __m512i _mm512_lzcnt_epi64(const __m512i& a) {
  __m512i out = {};
  for (int i = 0; i < emulated_avx512::lanes; ++i) {
    out[i] = a[i] == 0 ? 64 : static_cast<std::uint64_t>(__builtin_clzll(a[i]));
  }
  return out;
}

// --- shifts: by 64 and more they leave nothing, or the sign
// ---------------------------------------
MPSHARP_INTRINSIC __m512i _mm512_slli_epi64(const __m512i& a, unsigned count) {
  return count < 64 ? a << count : __m512i{};
}
MPSHARP_INTRINSIC __m512i _mm512_srli_epi64(const __m512i& a, unsigned count) {
  return count < 64 ? a >> count : __m512i{};
}
MPSHARP_INTRINSIC __m512i _mm512_srai_epi64(const __m512i& a, unsigned count) {
  return reinterpret_cast<__m512i>(emulated_avx512::as_signed(a) >> (count < 64 ? count : 63));
}
MPSHARP_INTRINSIC __m512i _mm512_sll_epi64(const __m512i& a, const __m128i& count) {
  return count[0] < 64 ? a << count[0] : __m512i{};
}
MPSHARP_INTRINSIC __m512i _mm512_srl_epi64(const __m512i& a, const __m128i& count) {
  return count[0] < 64 ? a >> count[0] : __m512i{};
}
MPSHARP_INTRINSIC __m512i _mm512_sllv_epi64(const __m512i& a, const __m512i& count) {
  return emulated_avx512::select(count < 64, a << (count & 63), __m512i{});
}
MPSHARP_INTRINSIC __m512i _mm512_srlv_epi64(const __m512i& a, const __m512i& count) {
  return emulated_avx512::select(count < 64, a >> (count & 63), __m512i{});
}

// --- comparisons
// ----------------------------------------------------------------------------------
MPSHARP_INTRINSIC __mmask8 _mm512_cmpeq_epi64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(a == b);
}
MPSHARP_INTRINSIC __mmask8 _mm512_cmpgt_epi64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(emulated_avx512::as_signed(a) > emulated_avx512::as_signed(b));
}
MPSHARP_INTRINSIC __mmask8 _mm512_cmple_epi64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(emulated_avx512::as_signed(a) <= emulated_avx512::as_signed(b));
}
MPSHARP_INTRINSIC __mmask8 _mm512_cmplt_epi64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(emulated_avx512::as_signed(a) < emulated_avx512::as_signed(b));
}
MPSHARP_INTRINSIC __mmask8 _mm512_cmpgt_epu64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(a > b);
}
MPSHARP_INTRINSIC __mmask8 _mm512_cmple_epu64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(a <= b);
}
MPSHARP_INTRINSIC __mmask8 _mm512_cmplt_epu64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather(a < b);
}
MPSHARP_INTRINSIC __mmask8 _mm512_mask_cmpge_epu64_mask(__mmask8 mask, const __m512i& a,
                                                        const __m512i& b) {
  return static_cast<__mmask8>(mask & emulated_avx512::gather(a >= b));
}
MPSHARP_INTRINSIC __mmask8 _mm512_mask_cmplt_epu64_mask(__mmask8 mask, const __m512i& a,
                                                        const __m512i& b) {
  return static_cast<__mmask8>(mask & emulated_avx512::gather(a < b));
}
MPSHARP_INTRINSIC __mmask8 _mm512_test_epi64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather((a & b) != 0);
}
MPSHARP_INTRINSIC __mmask8 _mm512_testn_epi64_mask(const __m512i& a, const __m512i& b) {
  return emulated_avx512::gather((a & b) == 0);
}
MPSHARP_INTRINSIC __mmask8 _mm512_mask_test_epi64_mask(__mmask8 mask, const __m512i& a,
                                                       const __m512i& b) {
  return static_cast<__mmask8>(mask & _mm512_test_epi64_mask(a, b));
}
MPSHARP_INTRINSIC __mmask8 _mm512_movepi64_mask(const __m512i& a) {
  return emulated_avx512::gather(a);
}

// --- under a mask: the first argument, or 0, where its bit is clear
// -------------------------------
MPSHARP_INTRINSIC __m512i _mm512_mask_mov_epi64(const __m512i& clear, __mmask8 mask,
                                                const __m512i& a) {
  return emulated_avx512::select(mask, a, clear);
}
MPSHARP_INTRINSIC __m512i _mm512_maskz_mov_epi64(__mmask8 mask, const __m512i& a) {
  return emulated_avx512::select(mask, a, __m512i{});
}
MPSHARP_INTRINSIC __m512i _mm512_mask_blend_epi64(__mmask8 mask, const __m512i& clear,
                                                  const __m512i& set) {
  return emulated_avx512::select(mask, set, clear);
}
MPSHARP_INTRINSIC __m512i _mm512_mask_add_epi64(const __m512i& clear, __mmask8 mask,
                                                const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(mask, a + b, clear);
}
MPSHARP_INTRINSIC __m512i _mm512_mask_sub_epi64(const __m512i& clear, __mmask8 mask,
                                                const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(mask, a - b, clear);
}
MPSHARP_INTRINSIC __m512i _mm512_maskz_sub_epi64(__mmask8 mask, const __m512i& a,
                                                 const __m512i& b) {
  return emulated_avx512::select(mask, a - b, __m512i{});
}
MPSHARP_INTRINSIC __m512i _mm512_mask_and_epi64(const __m512i& clear, __mmask8 mask,
                                                const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(mask, a & b, clear);
}
MPSHARP_INTRINSIC __m512i _mm512_mask_or_epi64(const __m512i& clear, __mmask8 mask,
                                               const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(mask, a | b, clear);
}
MPSHARP_INTRINSIC __m512i _mm512_mask_max_epi64(const __m512i& clear, __mmask8 mask,
                                                const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(mask, _mm512_max_epi64(a, b), clear);
}
MPSHARP_INTRINSIC __m512i _mm512_mask_min_epi64(const __m512i& clear, __mmask8 mask,
                                                const __m512i& a, const __m512i& b) {
  return emulated_avx512::select(mask, _mm512_min_epi64(a, b), clear);
}

// --- between lanes
// --------------------------------------------------------------------------------
MPSHARP_INTRINSIC __m512i _mm512_unpacklo_epi64(const __m512i& a, const __m512i& b) {
  return __m512i{a[0], b[0], a[2], b[2], a[4], b[4], a[6], b[6]};
}
MPSHARP_INTRINSIC __m512i _mm512_unpackhi_epi64(const __m512i& a, const __m512i& b) {
  return __m512i{a[1], b[1], a[3], b[3], a[5], b[5], a[7], b[7]};
}
/// Two pairs of lanes of a, then two of b, each chosen by two bits of `places`.
MPSHARP_INTRINSIC __m512i _mm512_shuffle_i64x2(const __m512i& a, const __m512i& b, int places) {
  __m512i out = {};
  for (int pair = 0; pair < 4; ++pair) {
    const int from = places >> 2 * pair & 3;
    for (int i = 0; i < 2; ++i) out[2 * pair + i] = (pair < 2 ? a : b)[2 * from + i];
  }
  return out;
}
MPSHARP_INTRINSIC __m256i _mm512_extracti64x4_epi64(const __m512i& a, int half) {
  const int from = 4 * (half & 1);
  return __m256i{a[from], a[from + 1], a[from + 2], a[from + 3]};
}
MPSHARP_INTRINSIC __m256i _mm512_castsi512_si256(const __m512i& a) {
  return _mm512_extracti64x4_epi64(a, 0);
}
MPSHARP_INTRINSIC long long _mm512_reduce_add_epi64(const __m512i& a) {
  std::uint64_t sum = 0;
  for (int i = 0; i < emulated_avx512::lanes; ++i) sum += a[i];
  return static_cast<long long>(sum);
}
MPSHARP_INTRINSIC long long _mm512_reduce_max_epi64(const __m512i& a) {
  const emulated_avx512::Signed v = emulated_avx512::as_signed(a);
  std::int64_t largest = v[0];
  for (int i = 1; i < emulated_avx512::lanes; ++i) largest = v[i] > largest ? v[i] : largest;
  return largest;
}
MPSHARP_INTRINSIC long long _mm512_reduce_min_epi64(const __m512i& a) {
  const emulated_avx512::Signed v = emulated_avx512::as_signed(a);
  std::int64_t smallest = v[0];
  for (int i = 1; i < emulated_avx512::lanes; ++i) smallest = v[i] < smallest ? v[i] : smallest;
  return smallest;
}

// --- floating point
// -------------------------------------------------------------------------------
MPSHARP_INTRINSIC __m512d _mm512_add_pd(const __m512d& a, const __m512d& b) { return a + b; }
MPSHARP_INTRINSIC __m512d _mm512_mul_pd(const __m512d& a, const __m512d& b) { return a * b; }
MPSHARP_INTRINSIC __m512d _mm512_fmadd_pd(const __m512d& a, const __m512d& b, const __m512d& c) {
  __m512d out = {};
  for (int i = 0; i < emulated_avx512::lanes; ++i) out[i] = __builtin_fma(a[i], b[i], c[i]);
  return out;
}
MPSHARP_INTRINSIC __m512d _mm512_scalef_pd(const __m512d& a, const __m512d& b) {
  __m512d out = {};
  for (int i = 0; i < emulated_avx512::lanes; ++i) out[i] = emulated_avx512::scale(a[i], b[i]);
  return out;
}
/// Halves are added until one lane is left.
MPSHARP_INTRINSIC double _mm512_reduce_add_pd(const __m512d& a) {
  __m512d sum = a;
  for (int n = emulated_avx512::lanes / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) sum[i] = sum[i + n] + sum[i];
  }
  return sum[0];
}
MPSHARP_INTRINSIC __m512d _mm512_cvtepi64_pd(const __m512i& a) {
  return __builtin_convertvector(emulated_avx512::as_signed(a), __m512d);
}
MPSHARP_INTRINSIC __m512d _mm512_cvtepu64_pd(const __m512i& a) {
  return __builtin_convertvector(a, __m512d);
}
MPSHARP_INTRINSIC __m512i _mm512_cvtpd_epi64(const __m512d& a) {
  __m512i out = {};
  for (int i = 0; i < emulated_avx512::lanes; ++i) {
    out[i] = static_cast<std::uint64_t>(emulated_avx512::to_integer(a[i]));
  }
  return out;
}

}  // namespace
// NOLINTEND(bugprone-reserved-identifier)
