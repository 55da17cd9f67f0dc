// A step of gradient descent of the minimalist model at depth 2: microseconds, and what they are
// spent on. A loop of MPFR calls with a fresh temporary per product is measured beside it.
//
// Usage: bench_step [--size N D]... [--bits B]... [--threads T]... [--arithmetic exact|sequential]
//                   [--kernels ifma|portable] [--full] [--seconds S]
// Output: CSV.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/diagonal_products.hpp"
#include "kernels/paths.hpp"
#include "mpsharp/steppers.hpp"

namespace {

using namespace mpsharp;

/// Processor time of this thread where it does all the work, so that other processes disturb
/// little; else the time of day.
double now(bool alone) {
  std::timespec time{};
  clock_gettime(alone ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void fill(Span numbers, bool full, double scale, std::mt19937_64& generator) {
  std::normal_distribution<double> normal(0, scale);
  for (__mpfr_struct& x : numbers) {
    mpfr_set_d(&x, normal(generator), MPFR_RNDN);
    if (!full) continue;
    mpfr_t term;
    mpfr_init2(term, 53);
    for (mpfr_exp_t bit = 50; bit < mpfr_get_prec(&x); bit += 50) {
      mpfr_set_d(term, normal(generator), MPFR_RNDN);
      mpfr_mul_2si(term, term, -bit, MPFR_RNDN);
      mpfr_add(&x, &x, term, MPFR_RNDN);
    }
    mpfr_clear(term);
  }
}

void multiply_add(mpfr_ptr acc, mpfr_srcptr a, mpfr_srcptr b) {
  mpfr_t product;
  mpfr_init2(product, mpfr_get_prec(acc));
  mpfr_mul(product, a, b, MPFR_RNDN);
  mpfr_add(acc, acc, product, MPFR_RNDN);
  mpfr_clear(product);
}

/// The two products of a step, on some rows; the rest of a step is left out of the loop's time.
void loop_products(Vector& s, Vector& g, const Matrix& X, const Vector& u, std::size_t rows) {
  for (std::size_t i = 0; i < rows; ++i) {
    mpfr_set_zero(s[i], 1);
    for (std::size_t j = 0; j < X.columns(); ++j) multiply_add(s[i], X(i, j), u[j]);
  }
  for (std::size_t j = 0; j < X.columns(); ++j) mpfr_set_zero(g[j], 1);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < X.columns(); ++j) multiply_add(g[j], X(i, j), s[i]);
  }
}

struct Method {
  const char* name;
  double share;  ///< of a step
  std::function<void()> call;
  double best = std::numeric_limits<double>::infinity();
};

void measure(std::vector<Method>& methods, double slice, bool alone) {
  std::vector<int> repeats;
  for (Method& method : methods) {
    const double start = now(alone);
    method.call();
    repeats.push_back(std::max(1, static_cast<int>(slice / (now(alone) - start))));
  }
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const double start = now(alone);
      for (int k = 0; k < repeats[i]; ++k) methods[i].call();
      methods[i].best = std::min(methods[i].best, (now(alone) - start) / repeats[i]);
    }
  }
}

struct Options {
  std::vector<std::pair<std::size_t, std::size_t>> sizes;
  std::vector<long> bits;
  std::vector<unsigned> threads;
  Arithmetic arithmetic = Arithmetic::exact;
  KernelPath path = chosen_path();
  bool full = false;
  bool only_step = false;
  bool diagonal = false;
  double seconds = 0.05;
};

void benchmark(std::size_t n, std::size_t d, long bits, const Options& options) {
  std::mt19937_64 generator(20260101);
  const auto X = std::make_shared<Matrix>(n, d, Bits(bits));
  fill(X->entries(), options.full, 1, generator);
  Vector y(n, Bits(bits)), u(d, Bits(bits)), v(1, Bits(bits)), s(n, Bits(bits)), g(d, Bits(bits));
  fill(y, false, 1, generator);
  fill(u, true, 0.05, generator);
  fill(v, true, 1, generator);
  fill(s, true, 1, generator);
  const Poll poll = [] {};
  const Mpfr step_size(1e-3, Bits(bits));
  const std::size_t few = std::clamp<std::size_t>(100000 / d, 1, n);
  std::vector<Method> methods;
  if (!options.only_step) {
    methods.push_back({"loop (its two products)", static_cast<double>(n) / static_cast<double>(few),
                       [&] { loop_products(s, g, *X, u, few); }});
  }
  for (const unsigned threads : options.threads) {
    const std::shared_ptr<const MatrixProducts> products =
        options.diagonal ? make_diagonal_products(s, options.arithmetic, options.path)
                         : make_products(X, options.arithmetic, threads, options.path);
    const auto model = std::make_shared<const Minimalist>(products, y, 2, n, std::nullopt);
    const auto descent = std::make_shared<GradientDescent>(model, u, v, step_size, poll);
    constexpr long steps = 20;  // between two looks at the parameters
    methods.push_back({threads == 1 ? "step, 1 thread" : "step, more threads", 1.0 / steps,
                       [descent, &poll] { descent->advance(steps, 1e300, std::nullopt, poll); }});
    if (options.only_step) continue;
    methods.push_back({"  Xu", 1, [products, descent, s, &poll]() mutable {
                         products->apply(s, descent->u(), poll);
                       }});
    methods.push_back({"  X'z", 1, [products, descent, s, g, &poll]() mutable {
                         products->apply_transposed(g, s, poll);
                       }});
  }
  const bool alone = std::ranges::max(options.threads) == 1;
  measure(methods, options.seconds, alone);
  for (const Method& method : methods) {
    const double first = methods.front().best * methods.front().share;
    std::printf("%zux%zu,%ld,%s,%.2f,%.2f\n", n, d, bits, method.name,
                method.best * method.share * 1e6, first / (method.best * method.share));
  }
  std::fflush(stdout);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto next = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (argument == "--size") {
      const std::size_t n = std::strtoul(next(), nullptr, 10);
      options.sizes.emplace_back(n, std::strtoul(next(), nullptr, 10));
    } else if (argument == "--bits") {
      options.bits.push_back(std::strtol(next(), nullptr, 10));
    } else if (argument == "--threads") {
      options.threads.push_back(static_cast<unsigned>(std::strtoul(next(), nullptr, 10)));
    } else if (argument == "--sequential") {
      options.arithmetic = Arithmetic::sequential;
    } else if (argument == "--portable") {
      options.path = KernelPath::portable;
    } else if (argument == "--full") {
      options.full = true;
    } else if (argument == "--only-step") {
      options.only_step = true;
    } else if (argument == "--diagonal") {
      options.diagonal = true;
    } else if (argument == "--seconds") {
      options.seconds = std::strtod(next(), nullptr);
    } else {
      std::fprintf(stderr,
                   "usage: bench_step [--size N D]... [--bits B]... [--threads T]... [--sequential]"
                   " [--portable] [--full] [--only-step] [--diagonal] [--seconds S]\n");
      std::exit(2);
    }
  }
  if (options.sizes.empty()) options.sizes = {{100, 100}, {100, 1000}};
  if (options.bits.empty()) options.bits = {64, 256, 1024};
  if (options.threads.empty()) options.threads = {1, 2};
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const MpfrScope scope;
  std::printf("size,bits,method,microseconds,times_faster_than_first\n");
  for (const auto& [n, d] : options.sizes) {
    for (const long bits : options.bits) benchmark(n, d, bits, options);
  }
  mpfr_free_cache();
}
