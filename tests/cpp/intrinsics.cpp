// Compiled twice, see intrinsics.hpp: once for AVX-512. It includes nothing that could define an
// inline function shared with the rest of the program.
#include "intrinsics.hpp"

#include <immintrin.h>

namespace mpsharp::testing {

namespace {

using Out = std::uint64_t*;
using In = const Operands&;
using Form = Intrinsic::Form;

__m512i a(In in) { return _mm512_load_si512(in.a); }
__m512i b(In in) { return _mm512_load_si512(in.b); }
__m512i c(In in) { return _mm512_load_si512(in.c); }
__m512d a_pd(In in) { return reinterpret_cast<__m512d>(a(in)); }
__m512d b_pd(In in) { return reinterpret_cast<__m512d>(b(in)); }
__m512d c_pd(In in) { return reinterpret_cast<__m512d>(c(in)); }
__m128i count(In in) { return _mm_cvtsi32_si128(in.immediate); }
double first(In in) {
  double value = 0;
  __builtin_memcpy(&value, in.a, sizeof value);
  return value;
}

void give(Out out, __m512i result) { _mm512_store_si512(out, result); }
void give(Out out, __m512d result) { _mm512_store_si512(out, reinterpret_cast<__m512i>(result)); }
void give(Out out, __m256i result) { _mm256_store_si256(reinterpret_cast<__m256i*>(out), result); }
void give(Out out, __mmask8 result) { *out = result; }
void give(Out out, int result) { *out = static_cast<std::uint64_t>(std::int64_t{result}); }
void give(Out out, long long result) { *out = static_cast<std::uint64_t>(result); }
void give(Out out, double result) { __builtin_memcpy(out, &result, sizeof result); }

/// Calls f with in.immediate as a constant, as such an instruction takes it. Inlined into each
/// other, the 256 take minutes to compile.
template <int I = 0, class F>
[[gnu::noinline]] void with_immediate(In in, F f) {
  if (in.immediate == I) {
    f.template operator()<I>();
  } else if constexpr (I < 255) {
    with_immediate<I + 1>(in, f);
  }
}

#define ENTRY(name, takes, gives, ...) \
  {#name, Form::takes, Form::gives,    \
   [](Out out, [[maybe_unused]] In in) { give(out, name(__VA_ARGS__)); }}
#define WORDS(name, ...) ENTRY(name, words, words, __VA_ARGS__)
#define DOUBLES(name, ...) ENTRY(name, doubles, doubles, __VA_ARGS__)
#define STORE(name, ...) \
  {#name, Form::words, Form::words, [](Out out, In in) { name(__VA_ARGS__); }}
#define IMMEDIATE(name, ...)        \
  {#name, Form::words, Form::words, \
   [](Out out, In in) { with_immediate(in, [&]<int I>() { give(out, name(__VA_ARGS__)); }); }}

constexpr Intrinsic all[] = {
    // Vectors from words and back.
    WORDS(_mm512_load_si512, in.a),
    STORE(_mm512_store_si512, out, a(in)),
    STORE(_mm256_store_si256, reinterpret_cast<__m256i*>(out + 4), _mm512_castsi512_si256(a(in))),
    WORDS(_mm512_set1_epi64, static_cast<long long>(in.a[0])),
    WORDS(_mm512_setzero_si512),
    DOUBLES(_mm512_set1_pd, first(in)),
    DOUBLES(_mm512_setzero_pd),
    WORDS(_mm_cvtsi128_si32, _mm_cvtsi32_si128(static_cast<int>(in.a[0]))),
    // A shift by it shows that its upper half is clear.
    {"_mm_cvtsi32_si128", Form::words, Form::words,
     [](Out out, In in) {
       give(out, _mm512_srl_epi64(a(in), _mm_cvtsi32_si128(static_cast<int>(in.b[0]))));
     }},
    // Arithmetic.
    WORDS(_mm512_add_epi64, a(in), b(in)),
    WORDS(_mm512_sub_epi64, a(in), b(in)),
    WORDS(_mm512_max_epi64, a(in), b(in)),
    WORDS(_mm512_min_epi64, a(in), b(in)),
    WORDS(_mm512_min_epu64, a(in), b(in)),
    WORDS(_mm512_madd52lo_epu64, a(in), b(in), c(in)),
    WORDS(_mm512_madd52hi_epu64, a(in), b(in), c(in)),
    // Bits and shifts.
    WORDS(_mm512_and_si512, a(in), b(in)),
    WORDS(_mm512_andnot_si512, a(in), b(in)),
    WORDS(_mm512_or_si512, a(in), b(in)),
    WORDS(_mm512_xor_si512, a(in), b(in)),
    WORDS(_mm512_sllv_epi64, a(in), b(in)),
    WORDS(_mm512_srlv_epi64, a(in), b(in)),
    WORDS(_mm512_lzcnt_epi64, a(in)),
    IMMEDIATE(_mm512_ternarylogic_epi64, a(in), b(in), c(in), I),
    IMMEDIATE(_mm512_slli_epi64, a(in), I),
    IMMEDIATE(_mm512_srli_epi64, a(in), I),
    IMMEDIATE(_mm512_srai_epi64, a(in), I),
    WORDS(_mm512_sll_epi64, a(in), count(in)),
    WORDS(_mm512_srl_epi64, a(in), count(in)),
    // Comparisons.
    WORDS(_mm512_cmpeq_epi64_mask, a(in), b(in)),
    WORDS(_mm512_cmpgt_epi64_mask, a(in), b(in)),
    WORDS(_mm512_cmple_epi64_mask, a(in), b(in)),
    WORDS(_mm512_cmplt_epi64_mask, a(in), b(in)),
    WORDS(_mm512_cmpgt_epu64_mask, a(in), b(in)),
    WORDS(_mm512_cmple_epu64_mask, a(in), b(in)),
    WORDS(_mm512_cmplt_epu64_mask, a(in), b(in)),
    WORDS(_mm512_test_epi64_mask, a(in), b(in)),
    WORDS(_mm512_testn_epi64_mask, a(in), b(in)),
    WORDS(_mm512_mask_cmpge_epu64_mask, in.mask, a(in), b(in)),
    WORDS(_mm512_mask_cmplt_epu64_mask, in.mask, a(in), b(in)),
    WORDS(_mm512_mask_test_epi64_mask, in.mask, a(in), b(in)),
    WORDS(_mm512_movepi64_mask, a(in)),
    // Under a mask.
    WORDS(_mm512_mask_mov_epi64, c(in), in.mask, a(in)),
    WORDS(_mm512_maskz_mov_epi64, in.mask, a(in)),
    WORDS(_mm512_mask_blend_epi64, in.mask, a(in), b(in)),
    WORDS(_mm512_mask_add_epi64, c(in), in.mask, a(in), b(in)),
    WORDS(_mm512_mask_sub_epi64, c(in), in.mask, a(in), b(in)),
    WORDS(_mm512_mask_and_epi64, c(in), in.mask, a(in), b(in)),
    WORDS(_mm512_mask_or_epi64, c(in), in.mask, a(in), b(in)),
    WORDS(_mm512_mask_max_epi64, c(in), in.mask, a(in), b(in)),
    WORDS(_mm512_mask_min_epi64, c(in), in.mask, a(in), b(in)),
    WORDS(_mm512_maskz_sub_epi64, in.mask, a(in), b(in)),
    // Between lanes.
    WORDS(_mm512_unpacklo_epi64, a(in), b(in)),
    WORDS(_mm512_unpackhi_epi64, a(in), b(in)),
    IMMEDIATE(_mm512_shuffle_i64x2, a(in), b(in), I),
    IMMEDIATE(_mm512_extracti64x4_epi64, a(in), I % 2),
    WORDS(_mm512_castsi512_si256, a(in)),
    WORDS(_mm512_reduce_add_epi64, a(in)),
    WORDS(_mm512_reduce_max_epi64, a(in)),
    WORDS(_mm512_reduce_min_epi64, a(in)),
    // Floating point.
    DOUBLES(_mm512_add_pd, a_pd(in), b_pd(in)),
    DOUBLES(_mm512_mul_pd, a_pd(in), b_pd(in)),
    DOUBLES(_mm512_scalef_pd, a_pd(in), b_pd(in)),
    DOUBLES(_mm512_fmadd_pd, a_pd(in), b_pd(in), c_pd(in)),
    DOUBLES(_mm512_reduce_add_pd, a_pd(in)),
    ENTRY(_mm512_cvtepi64_pd, words, doubles, a(in)),
    ENTRY(_mm512_cvtepu64_pd, words, doubles, a(in)),
    ENTRY(_mm512_cvtpd_epi64, doubles, words, a_pd(in)),
};

}  // namespace

const Intrinsics MPSHARP_INTRINSICS = {all, sizeof(all) / sizeof(all[0])};

}  // namespace mpsharp::testing
