// Matrix products of every kernel against the reference, bit for bit, on random problems biased to
// corners. Usage: test_matmul [cases] [seed]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/paths.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

/// Rows of one style each, so that a few may be wild among tame ones.
Matrix random_matrix(std::size_t rows, std::size_t columns, Generator& generator) {
  Matrix out(rows, columns, Bits(random_bits(generator)));
  Style style = random_style(generator);
  const bool mixed = one_in(generator, 3);
  for (std::size_t i = 0; i < rows; ++i) {
    if (mixed && one_in(generator, 4)) style = random_style(generator);
    for (__mpfr_struct& x : out.row(i)) set_number(&x, style, generator);
    if (style.paired) pair_up(out.row(i), generator);
  }
  return out;
}

std::size_t random_size(Generator& generator) {
  if (one_in(generator, 40)) return 0;
  return static_cast<std::size_t>(between(generator, 1, one_in(generator, 8) ? 60 : 10));
}

void check_case(Tally& tally, std::uint64_t seed) {
  Generator generator(seed);
  const Poll poll = [] {};
  std::size_t n = random_size(generator);
  std::size_t m = random_size(generator);
  std::size_t length = random_size(generator);
  if (one_in(generator, 60)) {  // longer than what a kernel takes at once
    length = static_cast<std::size_t>(between(generator, 200, 600));
    n = std::min<std::size_t>(n, 3);
    m = std::min<std::size_t>(m, 3);
  }
  const bool left_transposed = one_in(generator, 2);
  const bool right_transposed = one_in(generator, 2);
  const Matrix a =
      random_matrix(left_transposed ? length : n, left_transposed ? n : length, generator);
  const Matrix b =
      random_matrix(right_transposed ? m : length, right_transposed ? length : m, generator);
  const Operand left(a, left_transposed);
  const bool symmetric = one_in(generator, 3);
  const Operand right = symmetric ? Operand(a, !left_transposed) : Operand(b, right_transposed);
  const Bits bits(random_bits(generator));
  Matrix expected(left.rows(), right.columns(), bits);
  multiply(expected, left, right, 1, poll, KernelPath::reference);
  for (const KernelPath path : all_paths) {
    if (path == KernelPath::reference) continue;
    if (!can_run(path)) continue;
    Matrix actual(left.rows(), right.columns(), bits);
    multiply(actual, left, right, one_in(generator, 20) ? 3 : 1, poll, path);
    compare(
        tally, expected.entries(), actual.entries(),
        "seed " + std::to_string(seed) + ", " + name_of(path) + (symmetric ? ", symmetric" : ""));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 3000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const MpfrScope scope;
  Tally tally;
  for (std::uint64_t i = 0; i < cases; ++i) check_case(tally, seed + i);
  std::printf("%llu problems, %llu outputs, %llu mismatches\n",
              static_cast<unsigned long long>(cases),
              static_cast<unsigned long long>(tally.outputs),
              static_cast<unsigned long long>(tally.mismatches));
  mpfr_free_cache();
  return tally.mismatches == 0 ? 0 : 1;
}
