// Products with some rows against products with all of them, and matrix products against one
// product per column: processor time in ns per multiply-add. Every result is checked.
//
// Usage: bench_batches [rows | matmul]
// Output: CSV

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "mpsharp/kernels/matmul.hpp"
#include "mpsharp/kernels/products.hpp"

namespace {

using namespace mpsharp;
using Generator = std::mt19937_64;

const Poll poll = [] {};

/// Standard normal numbers: doubles, or with random bits to the full precision.
void fill(Span numbers, bool full, Generator& generator) {
  std::normal_distribution<double> normal;
  mpfr_t low;
  mpfr_init2(low, 53);
  for (__mpfr_struct& x : numbers) {
    mpfr_set_d(&x, normal(generator), MPFR_RNDN);
    for (mpfr_prec_t bit = 50; full && bit < mpfr_get_prec(&x); bit += 50) {
      mpfr_set_ui_2exp(low, generator() >> 14, -50 - bit, MPFR_RNDN);
      mpfr_add(&x, &x, low, MPFR_RNDN);
    }
  }
  mpfr_clear(low);
}

double now() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double best(int rounds, const std::function<void()>& prepare, const std::function<void()>& call) {
  double least = 1e9;
  for (int round = 0; round < rounds; ++round) {
    prepare();
    const double start = now();
    call();
    least = std::min(least, now() - start);
  }
  return least;
}

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "%s: wrong result\n", what);
  std::exit(1);
}

void bench_rows() {
  std::puts("arithmetic,rows,columns,bits,batch,direct,transposed");
  constexpr std::size_t d = 3072;
  Generator generator(1);
  for (const std::size_t n : {std::size_t{1000}, std::size_t{100}}) {
    for (const long bits : {64L, 256L, 1024L}) {
      auto matrix = std::make_shared<Matrix>(n, d, Bits(bits));
      fill(matrix->entries(), false, generator);
      Vector u(d, Bits(bits)), g(d, Bits(bits)), s(n, Bits(bits));
      fill(u, true, generator);
      std::vector<std::size_t> order(n);
      std::iota(order.begin(), order.end(), std::size_t{0});
      for (const Arithmetic arithmetic : {Arithmetic::exact, Arithmetic::sequential}) {
        const auto products = make_products(matrix, arithmetic);
        products->apply(s, u, poll);
        for (const std::size_t batch : {n, std::size_t{8}, std::size_t{32}, std::size_t{125}}) {
          if (batch > n) continue;
          Vector out(batch, Bits(bits)), z(batch, Bits(bits));
          fill(z, true, generator);
          const std::span<const std::size_t> rows(order.data(), batch);
          // A new batch each time, as in training; the transposed product follows the direct one.
          const auto shuffle = [&] { std::shuffle(order.begin(), order.end(), generator); };
          const auto direct = [&] {
            batch == n ? products->apply(out, u, poll) : products->apply_rows(out, u, rows, poll);
          };
          const auto transposed = [&] {
            batch == n ? products->apply_transposed(g, z, poll)
                       : products->apply_transposed_rows(g, z, rows, poll);
          };
          const double scale = 1e9 / static_cast<double>(batch * d);
          double first = 1e9;
          double second = 1e9;
          for (int round = 0; round < 9; ++round) {
            first = std::min(first, best(1, shuffle, direct));
            second = std::min(second, best(1, [] {}, transposed));
          }
          for (std::size_t i = 0; i < batch; ++i) {
            const std::size_t row = batch == n ? i : rows[i];
            require(mpfr_equal_p(out[i], s[row]) != 0, "rows");
          }
          std::printf("%s,%zu,%zu,%ld,%zu,%.2f,%.2f\n",
                      arithmetic == Arithmetic::exact ? "exact" : "sequential", n, d, bits, batch,
                      first * scale, second * scale);
          std::fflush(stdout);
        }
      }
    }
  }
}

void bench_matmul() {
  std::puts("rows,terms,columns,data,bits,by vectors,multiply");
  Generator generator(1);
  const auto measure = [&](std::size_t n, std::size_t k, std::size_t m, bool full, long bits) {
    auto a = std::make_shared<Matrix>(n, k, Bits(bits));
    Matrix b(k, m, Bits(bits));
    fill(a->entries(), full, generator);
    fill(b.entries(), true, generator);
    Matrix out(n, m, Bits(bits));
    const double scale = 1e9 / static_cast<double>(n * k * m);
    const double fast = best(3, [] {}, [&] { multiply(out, *a, b, 1, poll); });
    const auto products = make_products(a, Arithmetic::exact);
    Vector column(k, Bits(bits)), product(n, Bits(bits));
    const auto by_vectors = [&] {
      for (std::size_t j = 0; j < m; ++j) {
        for (std::size_t i = 0; i < k; ++i) mpfr_set(column[i], b(i, j), MPFR_RNDN);
        products->apply(product, column, poll);
        for (std::size_t i = 0; i < n; ++i) {
          require(mpfr_equal_p(product[i], out(i, j)) != 0, "matmul");
        }
      }
    };
    const double slow = best(2, [] {}, by_vectors);
    std::printf("%zu,%zu,%zu,%s,%ld,%.2f,%.2f\n", n, k, m, full ? "full" : "doubles", bits,
                slow * scale, fast * scale);
    std::fflush(stdout);
  };
  for (const long bits : {64L, 256L, 1024L}) {
    for (const bool full : {false, true}) {
      measure(100, 100, 32, full, bits);
      measure(100, 100, 100, full, bits);
      measure(100, 1000, 100, full, bits);
      measure(1000, 1000, 32, full, bits);
      if (bits < 1024) measure(1000, 1000, 100, full, bits);
    }
  }
  std::puts("symmetric: rows,terms,bits,X X' in ns per distinct multiply-add");
  for (const std::size_t n : {std::size_t{100}, std::size_t{1000}}) {
    Matrix x(n, 3072, Bits(53));
    fill(x.entries(), false, generator);
    Matrix out(n, n, Bits(320));
    const double seconds = best(2, [] {}, [&] { multiply(out, x, transposed(x), 1, poll); });
    std::printf("%zu,3072,320,%.2f\n", n, 2e9 * seconds / static_cast<double>(n * (n + 1) * 3072));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const MpfrScope scope;
  const std::string_view only = argc > 1 ? argv[1] : "";
  if (only != "matmul") bench_rows();
  if (only != "rows") bench_matmul();
  return 0;
}
