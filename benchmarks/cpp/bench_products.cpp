// Matrix-vector products: ns per multiply-add and how many times faster than "the loop", a fresh
// temporary per operation in the manner of MPFR's C++ wrappers. Every result is checked.
//
// Usage: bench_products [--quick] [--threads N] [--bits B]
// Output: CSV, one line per size, data, precision and method.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "kernels/paths.hpp"
#include "mpsharp/kernels/products.hpp"

namespace {

using namespace mpsharp;

struct Size {
  std::size_t rows;
  std::size_t columns;
};

struct Options {
  bool quick = false;
  unsigned threads = 1;
  long bits = 0;  ///< 0: all
};

struct Method {
  const char* name;
  double terms;  ///< multiply-adds of one call
  std::function<void()> call;
  double best = std::numeric_limits<double>::infinity();
};

/// Processor time of this thread where it does all the work, so that other processes disturb
/// little; else the time of day.
double now(bool alone) {
  std::timespec time{};
  clock_gettime(alone ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const std::function<void()>& call, bool alone) {
  const double start = now(alone);
  call();
  return now(alone) - start;
}

/// The best of several rounds, methods taking turns so that a disturbance hits all of them.
void measure(std::vector<Method>& methods, const Options& options) {
  const double slice = options.quick ? 0.01 : 0.05;
  const bool alone = options.threads == 1;
  std::vector<int> repeats;
  for (Method& method : methods) {
    const double once = seconds_of(method.call, alone);
    repeats.push_back(std::max(1, static_cast<int>(slice / once)));
  }
  for (int round = 0; round < (options.quick ? 3 : 7); ++round) {
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const double all = seconds_of(
          [&] {
            for (int k = 0; k < repeats[i]; ++k) methods[i].call();
          },
          alone);
      methods[i].best = std::min(methods[i].best, all / repeats[i]);
    }
  }
}

/// Standard normal numbers: doubles, or with random bits to the full precision.
void fill(Span numbers, bool full, std::mt19937_64& generator) {
  std::normal_distribution<double> normal;
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

void fresh_temporaries(Vector& out, const Matrix& X, const Vector& u, std::size_t rows) {
  const mpfr_prec_t bits = out.bits().value();
  for (std::size_t i = 0; i < rows; ++i) {
    mpfr_set_zero(out[i], 1);
    for (std::size_t j = 0; j < X.columns(); ++j) {
      mpfr_t product;
      mpfr_init2(product, bits);
      mpfr_mul(product, X(i, j), u[j], MPFR_RNDN);
      mpfr_add(out[i], out[i], product, MPFR_RNDN);
      mpfr_clear(product);
    }
  }
}

void plain_loop(Vector& out, const Matrix& X, const Vector& u, std::size_t rows) {
  mpfr_t product;
  mpfr_init2(product, out.bits().value());
  for (std::size_t i = 0; i < rows; ++i) {
    mpfr_set_zero(out[i], 1);
    for (std::size_t j = 0; j < X.columns(); ++j) {
      mpfr_mul(product, X(i, j), u[j], MPFR_RNDN);
      mpfr_add(out[i], out[i], product, MPFR_RNDN);
    }
  }
  mpfr_clear(product);
}

bool equal(const Vector& a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (mpfr_equal_p(a[i], b[i]) == 0) return false;
  }
  return true;
}

/// Compares both products of `products` with the reference kernel's.
bool agrees(const MatrixProducts& products, const std::shared_ptr<const Matrix>& X, const Vector& u,
            const Vector& z) {
  const Poll poll = [] {};
  const auto reference = make_products(X, products.arithmetic(), 1, KernelPath::reference);
  Vector s(X->rows(), X->bits());
  Vector s_expected(X->rows(), X->bits());
  Vector g(X->columns(), X->bits());
  Vector g_expected(X->columns(), X->bits());
  products.apply(s, u, poll);
  reference->apply(s_expected, u, poll);
  products.apply_transposed(g, z, poll);
  reference->apply_transposed(g_expected, z, poll);
  return equal(s, s_expected) && equal(g, g_expected);
}

bool benchmark(Size size, long bits, bool full, const Options& options) {
  std::mt19937_64 generator(20260101);
  const auto X = std::make_shared<Matrix>(size.rows, size.columns, Bits(bits));
  fill(X->entries(), full, generator);
  Vector u(size.columns, Bits(bits));
  Vector z(size.rows, Bits(bits));
  fill(u, true, generator);
  fill(z, true, generator);
  Vector s(size.rows, Bits(bits));
  Vector g(size.columns, Bits(bits));
  const Poll poll = [] {};

  // The slow methods do some of the rows only: their time per term does not depend on the number.
  const std::size_t few = std::clamp<std::size_t>(100000 / size.columns, 1, size.rows);
  const auto terms = static_cast<double>(size.rows * size.columns);
  const auto few_terms = static_cast<double>(few * size.columns);
  std::vector<Method> methods = {
      {"loop", few_terms, [&] { fresh_temporaries(s, *X, u, few); }},
      {"plain MPFR", few_terms, [&] { plain_loop(s, *X, u, few); }},
  };
  struct Kernel {
    const char* name;
    const char* transposed_name;
    Arithmetic arithmetic;
    KernelPath path;
  };
  constexpr Kernel kernels[] = {
      {"exact", "exact transposed", Arithmetic::exact, KernelPath::ifma},
      {"exact avx2", "exact avx2 transposed", Arithmetic::exact, KernelPath::avx2},
      {"exact portable", "exact portable transposed", Arithmetic::exact, KernelPath::portable},
      {"sequential", "sequential transposed", Arithmetic::sequential, KernelPath::ifma},
      {"sequential portable", "sequential portable transposed", Arithmetic::sequential,
       KernelPath::portable},
  };
  bool good = true;
  for (const Kernel& kernel : kernels) {
    if (!can_run(kernel.path)) continue;
    // One set of residues at a time would be enough, but methods have to take turns.
    const std::shared_ptr<const MatrixProducts> products =
        make_products(X, kernel.arithmetic, options.threads, kernel.path);
    if (!agrees(*products, X, u, z)) {
      std::printf("# WRONG: %s, %zu x %zu, %ld bits\n", kernel.name, size.rows, size.columns, bits);
      good = false;
    }
    methods.push_back({kernel.name, terms, [&, products] { products->apply(s, u, poll); }});
    methods.push_back(
        {kernel.transposed_name, terms, [&, products] { products->apply_transposed(g, z, poll); }});
  }
  measure(methods, options);
  const double loop = methods.front().best / methods.front().terms;
  for (const Method& method : methods) {
    const double each = method.best / method.terms;
    std::printf("%zux%zu,%s,%ld,%s,%.3f,%.1f\n", size.rows, size.columns, full ? "full" : "float64",
                bits, method.name, each * 1e9, loop / each);
  }
  std::fflush(stdout);
  return good;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") {
      options.quick = true;
    } else if (argument == "--threads" && i + 1 < argc) {
      options.threads = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (argument == "--bits" && i + 1 < argc) {
      options.bits = std::strtol(argv[++i], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: bench_products [--quick] [--threads N] [--bits B]\n");
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const MpfrScope scope;
  std::printf("# MPFR %s, GMP %s, %u thread(s), kernels %s\n", mpfr_get_version(), gmp_version,
              options.threads, name_of(chosen_path()));
  std::printf("size,data,bits,method,ns,times_faster_than_loop\n");
  bool good = true;
  for (const Size size : {Size{100, 100}, Size{100, 1000}, Size{1000, 3072}}) {
    if (options.quick && size.rows > 100) continue;
    for (const long bits : {24, 53, 64, 128, 256, 512, 1024, 4096}) {
      if (options.bits != 0 && bits != options.bits) continue;
      if (size.rows > 100 && bits > 1024) continue;  // gigabytes of residues
      for (const bool full : {false, true}) {
        if (size.rows > 100 && full) continue;
        good = benchmark(size, bits, full, options) && good;
      }
    }
  }
  mpfr_free_cache();
  return good ? 0 : 1;
}
