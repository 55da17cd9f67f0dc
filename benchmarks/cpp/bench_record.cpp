// A record of gradient descent (sharpness with its residual, and imbalance) beside an exact step:
// microseconds.
//
// Usage: bench_record [--size N D]... [--bits B]... [--guard B] [--seconds S]
// Output: CSV.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "mpsharp/spectrum/gram.hpp"
#include "mpsharp/steppers.hpp"

namespace {

using namespace mpsharp;

/// Processor time of this thread.
double now() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void fill(Span numbers, double scale, std::mt19937_64& generator) {
  std::normal_distribution<double> normal(0, scale);
  for (__mpfr_struct& x : numbers) mpfr_set_d(&x, normal(generator), MPFR_RNDN);
}

struct Options {
  std::vector<std::pair<std::size_t, std::size_t>> sizes;
  std::vector<long> bits;
  long guard = 64;
  double seconds = 0.05;
};

void benchmark(std::size_t n, std::size_t d, long bits, const Options& options) {
  std::mt19937_64 generator(20261128);
  const Bits wide(bits + options.guard);
  const auto X = std::make_shared<Matrix>(n, d, Bits(53));
  fill(X->entries(), 1, generator);
  Vector y(n, Bits(bits)), u(d, Bits(bits)), v(1, Bits(bits));
  fill(y, 1, generator);
  fill(u, 0.1, generator);
  fill(v, 1, generator);
  const Poll poll = [] {};
  const std::shared_ptr<const MatrixProducts> products = make_products(X, Arithmetic::exact);
  const auto model = std::make_shared<Minimalist>(products, y, 2, n, std::nullopt);
  GradientDescent run(model, u, v, Mpfr(1e-2, Bits(bits)), poll);
  const GramForm form(products, *X, wide, n, std::min(n, d), 1, poll);

  const auto best_of = [&](auto&& call) {
    double best = std::numeric_limits<double>::infinity();
    const double start = now();
    call();
    const int repeats = std::max(1, static_cast<int>(options.seconds / (now() - start)));
    for (int round = 0; round < 7; ++round) {
      const double from = now();
      for (int i = 0; i < repeats; ++i) call();
      best = std::min(best, (now() - from) / repeats);
    }
    return best;
  };
  const auto advance = [&] { static_cast<void>(run.advance(1, 1e300, std::nullopt, poll)); };
  run.keep_products(wide);
  const auto observe = [&] {
    const StateView at{[&run]() -> const Vector& { return run.u(); }, run.v(), run.products()};
    static_cast<void>(form.observe(at, y, Bits(bits), poll));
  };
  advance();
  const double step = best_of(advance);
  const double record = best_of(observe);
  const double both = best_of([&] {
    advance();
    observe();
  });
  std::printf("%zux%zu,%ld,%.1f,%.1f,%.1f,%.2f\n", n, d, bits, 1e6 * step, 1e6 * record, 1e6 * both,
              (both - step) / step);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto next = [&]() { return ++i < argc ? argv[i] : "0"; };
    if (name == "--size") {
      const std::size_t n = std::strtoul(next(), nullptr, 10);
      options.sizes.emplace_back(n, std::strtoul(next(), nullptr, 10));
    } else if (name == "--bits") {
      options.bits.push_back(std::strtol(next(), nullptr, 10));
    } else if (name == "--guard") {
      options.guard = std::strtol(next(), nullptr, 10);
    } else if (name == "--seconds") {
      options.seconds = std::strtod(next(), nullptr);
    } else {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 2;
    }
  }
  if (options.sizes.empty()) options.sizes = {{100, 1000}};
  if (options.bits.empty()) options.bits = {53, 256, 1024};
  const MpfrScope scope;
  std::puts("size,bits,step,record,both,steps_per_record");
  for (const auto& [n, d] : options.sizes) {
    for (const long bits : options.bits) benchmark(n, d, bits, options);
  }
}
