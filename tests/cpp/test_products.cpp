// Every kernel against the reference, bit for bit, on random problems biased to corners.
// Usage: test_products [problems] [seed]
//
// What counts as a case is one output, a dot product compared bit for bit: a problem is a matrix of
// random size, precision and spread, and makes about a thousand of them (every kernel, transposed
// or not, all rows or some). 1000 problems are 10^6 cases, 20000 more than 10^7.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/lane_products.hpp"
#include "kernels/paths.hpp"
#include "kernels/reference.hpp"
#include "kernels/rns_products.hpp"
#include "mpsharp/kernels/products.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

/// Up to 40 indices below `limit`, mostly without repeats.
std::vector<std::size_t> random_rows(std::size_t limit, Generator& generator) {
  std::vector<std::size_t> rows(limit);
  for (std::size_t i = 0; i < limit; ++i) rows[i] = i;
  std::shuffle(rows.begin(), rows.end(), generator);
  rows.resize(static_cast<std::size_t>(
      between(generator, 0, static_cast<std::int64_t>(std::min<std::size_t>(limit, 40)))));
  if (limit > 0 && one_in(generator, 4)) rows.push_back(rows.empty() ? 0 : rows.front());
  return rows;
}

/// Products with chosen rows, in turn with others and from two threads at once.
struct RowProducts {
  std::vector<std::size_t> rows;
  Vector direct;
  Vector transposed;

  RowProducts(const MatrixProducts& products, std::vector<std::size_t> chosen, const Vector& right,
              const Vector& left, Bits bits)
      : rows(std::move(chosen)), direct(rows.size(), bits), transposed(products.columns(), bits) {
    const Poll poll = [] {};
    products.apply_rows(direct, right, rows, poll);
    Vector z(rows.size(), left.bits());
    for (std::size_t i = 0; i < rows.size(); ++i) mpfr_set(z[i], left[rows[i]], MPFR_RNDN);
    products.apply_transposed_rows(transposed, z, rows, poll);
  }
};

void compare(Tally& tally, const RowProducts& expected, const RowProducts& actual,
             const std::string& what) {
  compare(tally, expected.direct, actual.direct, what + ", some rows");
  compare(tally, expected.transposed, actual.transposed, what + ", some rows, transposed");
}

/// The same products and the dot products of a step with vectors in the kernels' own form.
void check_lanes(Tally& tally, const MatrixProducts& products, const Vector& right,
                 const Vector& left, const Vector& other, const Vector& expected,
                 const Vector& expected_transposed, const std::string& what) {
  const Poll poll = [] {};
  const LaneProducts* lanes = products.lanes_form();
  if (lanes == nullptr || lanes->lane_kernels(right.bits()) == nullptr) return;
  for (const bool transposed : {false, true}) {
    const Vector& x = transposed ? left : right;
    Vector actual(transposed ? expected_transposed : expected);
    LaneVector in(x.size(), x.bits());
    LaneVector out(actual.size(), x.bits());
    if (!in.assign(x) || !lanes->apply(out, nullptr, in, transposed, [](std::size_t) {}, poll))
      continue;
    out.copy_to(actual);
    compare(tally, transposed ? expected_transposed : expected, actual,
            what + (transposed ? ", lanes, transposed" : ", lanes"));
  }
  LaneVector s(other.size(), other.bits());
  LaneVector z(left.size(), left.bits());
  if (!s.assign(other) || !z.assign(left)) return;
  Vector actual(1, left.bits());
  Vector by_numbers(1, left.bits());
  for (const bool square : {true, false}) {
    if (!lanes->dot(actual[0], square ? z : s, z, poll)) continue;
    dot(by_numbers[0], square ? left : other, left, products.arithmetic());
    compare(tally, by_numbers, actual, what + ", dot of lanes");
  }
}

/// Dot products of lanes whose columns of products grow as fast as they can, and which cancel, so
/// that their upper limbs do not decide, or do not. With limbs of 2^52 - 2^26 + 1 both halves of a
/// product of limbs are nearly 2^52.
void check_full_columns(Tally& tally) {
  const Poll poll = [] {};
  constexpr std::size_t n = 20000;
  constexpr auto most = static_cast<long>(SequentialKernel::max_limbs);
  for (const long signed_limbs : {1L, 2L, 5L, most, -1L, -2L, -5L, -most}) {
    const bool cancels = signed_limbs < 0;
    const long n_limbs = std::abs(signed_limbs);
    const Bits bits(52 * n_limbs);
    Vector a(n, bits);
    Vector b(n, bits);
    Mpfr limb((std::uint64_t{1} << 52) - (std::uint64_t{1} << 26) + 1, bits);
    for (long l = 0; l < n_limbs; ++l) {
      mpfr_add(a[0], a[0], limb, MPFR_RNDN);
      mpfr_mul_2si(limb, limb, 52, MPFR_RNDN);
    }
    for (std::size_t i = 0; i < n; ++i) {
      mpfr_set(a[i], a[0], MPFR_RNDN);
      mpfr_set(b[i], a[0], MPFR_RNDN);
      if (cancels && i >= n / 2) mpfr_neg(b[i], b[i], MPFR_RNDN);
    }
    mpfr_nextabove(b[n - 1]);
    LaneVector left(n, bits);
    LaneVector right(n, bits);
    Vector expected(1, bits);
    reference_exact_dot(expected[0], a.span().data(), 1, b.span().data(), 1, n);
    if (!left.assign(a) || !right.assign(b)) {
      ++tally.mismatches;
      std::printf("full columns of %ld limbs: not in lanes\n", n_limbs);
      continue;
    }
    for (const KernelPath path : all_paths) {
      if (path == KernelPath::reference || !can_run(path)) continue;
      const auto products =
          make_products(std::make_shared<Matrix>(n, 1, bits), Arithmetic::exact, 1, path);
      const std::string what =
          std::string(name_of(path)) + ", full columns of " + std::to_string(n_limbs) + " limbs";
      Vector actual(1, bits);
      if (products->lanes_form()->dot(actual[0], left, right, poll)) {
        compare(tally, expected, actual, what);
      } else {
        ++tally.mismatches;
        std::printf("%s: not in lanes\n", what.c_str());
      }
    }
  }
}

void check_case(Tally& tally, std::uint64_t seed) {
  Generator generator(seed);
  const long out_bits = random_bits(generator);
  const bool one_precision = !one_in(generator, 4);
  const long matrix_bits = one_precision ? out_bits : random_bits(generator);
  const long vector_bits = one_precision ? out_bits : random_bits(generator);
  const long most_bits = std::max({out_bits, matrix_bits, vector_bits});
  std::size_t rows = random_length(generator, most_bits);
  std::size_t columns = random_length(generator, most_bits);
  if (rows * columns > 20000) (one_in(generator, 2) ? rows : columns) = 1;

  const Style style = random_style(generator);
  const bool constant = style.kind == Style::constant;
  const Style vector_style = constant || one_in(generator, 2) ? style : random_style(generator);
  if (constant && one_in(generator, 20)) {
    rows = static_cast<std::size_t>(between(generator, 1, 3));
    columns = static_cast<std::size_t>(between(generator, 4000, 10000));
    if (one_in(generator, 2)) std::swap(rows, columns);
  }
  auto matrix = std::make_shared<Matrix>(rows, columns, Bits(matrix_bits));
  for (__mpfr_struct& x : matrix->entries().span()) set_number(&x, style, generator);
  if (constant && one_in(generator, 2)) {
    // -1 times -1 is the largest product of residues, with which the portable sums are full. 2
    // times the residue of -1 has the largest low half of 52 bits: 2 (2^51 - c - 1) = 2^52 - 2 c
    // - 2.
    for (__mpfr_struct& x : matrix->entries().span()) mpfr_set_ui(&x, 2, MPFR_RNDN);
    if (rows * columns > 0) mpfr_set_ui((*matrix)(0, 0), 1, MPFR_RNDN);  // so that 1 is the unit
  } else if (style.paired) {
    for (std::size_t i = 0; i < rows; ++i) pair_up(matrix->row(i), generator);
  }
  Vector right(columns, Bits(vector_bits));
  Vector left(rows, Bits(vector_bits));
  Vector other(rows, Bits(vector_bits));
  for (Vector* vector : {&right, &left, &other}) {
    for (__mpfr_struct& x : vector->span()) set_number(&x, vector_style, generator);
    if (style.paired) {
      for (std::size_t i = 0; i + 1 < vector->size(); i += 2) {
        mpfr_set((*vector)[i + 1], (*vector)[i], MPFR_RNDN);
      }
    }
  }

  const Poll poll = [] {};
  for (const Arithmetic arithmetic : {Arithmetic::exact, Arithmetic::sequential}) {
    const auto reference = make_products(matrix, arithmetic, 1, KernelPath::reference);
    Vector expected(rows, Bits(out_bits));
    Vector expected_transposed(columns, Bits(out_bits));
    reference->apply(expected, right, poll);
    reference->apply_transposed(expected_transposed, left, poll);
    std::vector<RowProducts> some_expected;
    for (int batch = 0; batch < 2; ++batch) {
      some_expected.emplace_back(*reference, random_rows(rows, generator), right, left,
                                 Bits(out_bits));
    }
    const auto check_some_rows = [&](const MatrixProducts& products, const std::string& what) {
      for (const RowProducts& some : some_expected) {
        compare(tally, some, RowProducts(products, some.rows, right, left, Bits(out_bits)), what);
      }
    };
    for (const KernelPath path : all_paths) {
      if (path == KernelPath::reference) continue;
      if (!can_run(path)) continue;
      const unsigned threads = one_in(generator, 50) ? 3 : 1;
      const auto products = make_products(matrix, arithmetic, threads, path);
      const std::string what = "seed " + std::to_string(seed) + ", " + name_of(path) +
                               (arithmetic == Arithmetic::exact ? ", exact, " : ", sequential, ") +
                               std::to_string(rows) + " x " + std::to_string(columns) + ", bits " +
                               std::to_string(matrix_bits) + ", " + std::to_string(vector_bits) +
                               " -> " + std::to_string(out_bits);
      Vector actual(rows, Bits(out_bits));
      products->apply(actual, right, poll);
      compare(tally, expected, actual, what);
      Vector actual_transposed(columns, Bits(out_bits));
      products->apply_transposed(actual_transposed, left, poll);
      compare(tally, expected_transposed, actual_transposed, what + ", transposed");
      check_some_rows(*products, what);
      if (one_in(generator, 100)) {
        std::optional<RowProducts> other;
        std::thread thread([&] {
          const MpfrScope scope;
          other.emplace(*products, some_expected[0].rows, right, left, Bits(out_bits));
          mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
        });
        const RowProducts mine(*products, some_expected[1].rows, right, left, Bits(out_bits));
        thread.join();
        compare(tally, some_expected[0], *other, what + ", thread");
        compare(tally, some_expected[1], mine, what + ", thread");
      }
      if (out_bits == vector_bits) {
        check_lanes(tally, *products, right, left, other, expected, expected_transposed, what);
      }
    }
    if (arithmetic == Arithmetic::exact) {
      // The two forms of a matrix in turn, whichever the sizes would choose.
      std::vector<RnsKernels> instruction_sets = {rns_portable};
#ifdef MPSHARP_HAVE_AVX2
      if (can_run(KernelPath::avx2)) instruction_sets.push_back(rns_avx2);
#endif
#ifdef MPSHARP_HAVE_IFMA
      if (can_run(KernelPath::ifma)) instruction_sets.push_back(rns_ifma);
#endif
      for (RnsKernels& kernels : instruction_sets) {
        kernels.max_stored_words = kernels.max_stored_words == 0 ? 1U << 30 : 0;
        const RnsProducts products(matrix, kernels, number_kernels(KernelPath::portable), 1);
        const std::string what = "seed " + std::to_string(seed) + ", exact, other form";
        Vector actual(rows, Bits(out_bits));
        products.apply(actual, right, poll);
        compare(tally, expected, actual, what);
        Vector actual_transposed(columns, Bits(out_bits));
        products.apply_transposed(actual_transposed, left, poll);
        compare(tally, expected_transposed, actual_transposed, what + ", transposed");
        check_some_rows(products, what);
      }
    }
    if (rows > 0) {
      Vector single(1, Bits(out_bits));
      Vector first(1, Bits(out_bits));
      mpfr_set(first[0], expected[0], MPFR_RNDN);
      dot(single[0], matrix->row(0), right, arithmetic);
      compare(tally, first, single, "seed " + std::to_string(seed) + ", dot");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const MpfrScope scope;
  const auto start = std::chrono::steady_clock::now();
  Tally tally;
  check_full_columns(tally);
  for (std::uint64_t i = 0; i < cases; ++i) check_case(tally, seed + i);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu problems, %llu outputs, %llu mismatches, %.1f s\n",
              static_cast<unsigned long long>(cases),
              static_cast<unsigned long long>(tally.outputs),
              static_cast<unsigned long long>(tally.mismatches), seconds);
  mpfr_free_cache();
  return tally.mismatches == 0 ? 0 : 1;
}
