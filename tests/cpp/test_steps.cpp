// Steps of gradient descent with every kernel against the reference, bit for bit, on random
// problems biased to corners: vectors that stay in the kernels' form must give the bits of MPFR
// numbers. Usage: test_steps [cases] [seed]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/diagonal_products.hpp"
#include "kernels/grid.hpp"
#include "kernels/paths.hpp"
#include "mpsharp/steppers.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

struct Problem {
  std::shared_ptr<const Matrix> X;  ///< null for
  std::optional<Vector> diagonal;   ///< this
  Vector y, u, v;
  Mpfr step_size;
  std::optional<Mpfr> loss_floor;

  [[nodiscard]] std::unique_ptr<const MatrixProducts> products(Arithmetic arithmetic,
                                                               unsigned threads,
                                                               KernelPath path) const {
    if (X != nullptr) return make_products(X, arithmetic, threads, path);
    return make_diagonal_products(*diagonal, arithmetic, path);
  }
};

/// Moves some of the numbers of a problem to where exponents are too large for the kernels, or just
/// not, or become so in a step: there MPFR numbers have to take over, which overflow somewhat
/// later.
void move_far(std::span<const Span> parts, Generator& generator) {
  const bool one_way = one_in(generator, 2);
  bool up = one_in(generator, 2);
  for (const Span numbers : parts) {
    if (one_in(generator, 4)) continue;
    if (!one_way) up = one_in(generator, 2);
    const Grid grid = grid_of(numbers);
    std::int64_t most = -Grid::exponent_limit;  // exponent, of the largest or of the smallest
    for (const __mpfr_struct& x : numbers) {
      if (mpfr_regular_p(&x)) most = std::max<std::int64_t>(most, (up ? 1 : -1) * mpfr_get_exp(&x));
    }
    const std::int64_t limit = Grid::exponent_limit / (one_in(generator, 2) ? 1 : 2);
    const long by = limit - most - (one_in(generator, 2) ? 0 : between(generator, 0, 40));
    if (!grid.finite || grid.empty) continue;
    for (__mpfr_struct& x : numbers) mpfr_mul_2si(&x, &x, up ? by : -by, MPFR_RNDN);
  }
}

Problem random_problem(Generator& generator) {
  const Bits bits(random_bits(generator));
  const bool is_diagonal = one_in(generator, 2);
  const std::size_t n = 1 + random_length(generator, bits.value());
  const std::size_t most = 4000 / n + 1;
  const std::size_t d =
      is_diagonal ? n : std::min(most, 1 + random_length(generator, bits.value()));
  auto X = std::make_shared<Matrix>(is_diagonal ? 1 : n, d, bits);
  Style style = random_style(generator);
  style.extreme = style.special = false;  // those end a run at once: test_products has them
  Style vector_style = one_in(generator, 2) ? style : random_style(generator);
  vector_style.extreme = vector_style.special = one_in(generator, 50);
  for (__mpfr_struct& x : X->entries().span()) set_number(&x, style, generator);
  if (!is_diagonal && one_in(generator, 3)) {  // a feature that is zero everywhere, with signs
    const auto j = static_cast<std::size_t>(between(generator, 0, static_cast<long>(d) - 1));
    for (std::size_t i = 0; i < n; ++i) {
      mpfr_set_zero((*X)(i, j), one_in(generator, 2) ? 1 : -1);
    }
  }
  Problem problem{is_diagonal ? nullptr : X,
                  is_diagonal ? std::optional<Vector>(X->entries()) : std::nullopt,
                  Vector(n, bits),
                  Vector(d, bits),
                  Vector(static_cast<std::size_t>(between(generator, 1, 4)), bits),
                  Mpfr(bits),
                  std::nullopt};
  for (__mpfr_struct& x : problem.y.span()) set_number(&x, vector_style, generator);
  for (__mpfr_struct& x : problem.u.span()) set_number(&x, vector_style, generator);
  for (__mpfr_struct& x : problem.v.span()) {
    set_random(&x, generator);
    if (one_in(generator, 20)) mpfr_set_zero(&x, one_in(generator, 2) ? 1 : -1);
  }
  if (one_in(generator, 4)) {
    for (std::size_t j = 0; j < d; ++j) mpfr_set_zero(problem.u[j], one_in(generator, 2) ? 1 : -1);
  }
  if (one_in(generator, 3)) {
    problem.loss_floor.emplace(bits);
    if (!one_in(generator, 3)) set_random(*problem.loss_floor, generator);
    mpfr_abs(*problem.loss_floor, *problem.loss_floor, MPFR_RNDN);
  }
  if (one_in(generator, 4)) {  // labels that X u fits exactly, or nearly
    problem.products(Arithmetic::exact, 1, KernelPath::reference)->apply(problem.y, problem.u, [] {
    });
    mpfr_set_si(problem.v[0], one_in(generator, 2) ? 1 : -1, MPFR_RNDN);
    if (one_in(generator, 2)) mpfr_nextabove(problem.y[0]);
  }
  const auto scale = static_cast<long>(std::min<std::int64_t>(style.spread, 400));
  mpfr_set_ui_2exp(problem.step_size, 1, -2 * scale - between(generator, -2, 12), MPFR_RNDN);
  if (one_in(generator, 8)) {
    const Span parts[] = {is_diagonal ? problem.diagonal->span() : X->entries().span(),
                          problem.y.span(), problem.u.span(), problem.v.span(),
                          Span(problem.step_size.get(), 1)};
    move_far(parts, generator);
  }
  return problem;
}

/// What a run stops at, mostly near the loss as it is, where a bound of the loss does not decide.
struct Limits {
  double ceiling = 1e300;
  std::optional<Mpfr> stop_loss;
};

Limits random_limits(Generator& generator, const Mpfr& loss) {
  Limits limits;
  if (!mpfr_number_p(loss)) return limits;
  if (one_in(generator, 4)) limits.ceiling = mpfr_get_d(loss, MPFR_RNDU);
  if (one_in(generator, 3)) limits.ceiling = std::numeric_limits<double>::infinity();
  if (one_in(generator, 3)) {
    limits.stop_loss.emplace(loss);
    if (one_in(generator, 2)) {
      mpfr_div_2si(*limits.stop_loss, *limits.stop_loss, between(generator, 0, 20), MPFR_RNDN);
    }
  }
  return limits;
}

void check_runs(Tally& tally, const Problem& problem, Arithmetic arithmetic, Generator& generator,
                const std::string& name) {
  const Poll poll = [] {};
  const int n_chunks = static_cast<int>(between(generator, 1, 4));
  const unsigned threads = one_in(generator, 50) ? 3 : 1;
  const auto start = [&](KernelPath path) {
    const auto model = std::make_shared<const Minimalist>(
        problem.products(arithmetic, threads, path), problem.y, problem.v.size() + 1,
        problem.y.size(), problem.loss_floor);
    return std::make_unique<GradientDescent>(model, problem.u, problem.v, problem.step_size, poll);
  };
  const auto expected = start(KernelPath::reference);
  std::vector<std::pair<KernelPath, std::unique_ptr<GradientDescent>>> runs;
  for (const KernelPath path : all_paths) {
    if (path != KernelPath::reference && can_run(path)) runs.emplace_back(path, start(path));
  }
  const bool asked = one_in(generator, 2);
  const bool keeps = asked && arithmetic == Arithmetic::exact && problem.X != nullptr;
  const Bits kept_bits(problem.u.bits().value() + between(generator, 0, 200));
  const auto reference = problem.products(arithmetic, 1, KernelPath::reference);
  for (const auto& [path, run] : runs) {
    if (asked) run->keep_products(kept_bits);
  }
  for (int chunk = 0; chunk < n_chunks; ++chunk) {
    const long steps = between(generator, 1, 3);
    const Limits limits = random_limits(generator, expected->loss());
    const Stop stop = expected->advance(steps, limits.ceiling, limits.stop_loss, poll);
    for (const auto& [path, run] : runs) {
      const std::string what = name + ", bits " + std::to_string(problem.u.bits().value()) +
                               (arithmetic == Arithmetic::exact ? ", exact" : ", sequential") +
                               (problem.X == nullptr ? ", diagonal" : "") + ", " + name_of(path) +
                               ", step " + std::to_string(run->step());
      if (run->advance(steps, limits.ceiling, limits.stop_loss, poll) != stop ||
          run->step() != expected->step()) {
        ++tally.mismatches;
        std::printf("%s: another stop\n", what.c_str());
      }
      Vector loss(1, expected->loss().bits());
      Vector expected_loss(loss);
      mpfr_set(loss[0], run->loss(), MPFR_RNDN);
      mpfr_set(expected_loss[0], expected->loss(), MPFR_RNDN);
      compare(tally, expected_loss, loss, what + ", loss");
      compare(tally, expected->u(), run->u(), what + ", u");
      compare(tally, expected->v(), run->v(), what + ", v");
      if (run->products() != nullptr) {
        Vector wide(problem.y.size(), kept_bits);
        reference->apply(wide, expected->u(), poll);
        compare(tally, wide, *run->products(), what + ", products kept");
      } else if (keeps && stop == Stop::none) {
        ++tally.mismatches;
        std::printf("%s: no products kept\n", what.c_str());
      }
    }
    if (stop != Stop::none) break;
    if (one_in(generator, 4)) {
      std::vector<double> draws(problem.u.size() + problem.v.size());
      for (double& draw : draws) draw = std::normal_distribution<double>()(generator);
      const Mpfr size(1e-3, problem.u.bits());
      expected->perturb(size, draws, poll);
      for (const auto& [path, run] : runs) {
        run->perturb(size, draws, poll);
        if (run->products() == nullptr) continue;
        ++tally.mismatches;
        std::printf("%s: products kept from before a perturbation\n", name.c_str());
      }
    }
  }
}

void check_case(Tally& tally, std::uint64_t seed) {
  Generator generator(seed);
  const Problem problem = random_problem(generator);
  const Arithmetic arithmetic = one_in(generator, 2) ? Arithmetic::exact : Arithmetic::sequential;
  check_runs(tally, problem, arithmetic, generator, "seed " + std::to_string(seed));
}

/// Numbers as large, or as small, as the kernels take them, whose first step leaves their range,
/// and that of MPFR: X u, or the residual (by which the loss overflows).
void check_edges(Tally& tally) {
  constexpr std::size_t n = 3;
  constexpr std::size_t d = 20;
  constexpr long most = Grid::exponent_limit;
  struct Exponents {
    long X, y, v, step_size;
  };
  const Bits bits(60);
  for (const auto& [X_at, y_at, v_at, step_at] :
       {Exponents{most, most, 1, most}, Exponents{-most, -most, 1, -most},
        Exponents{most - 10, 1, most, -most}, Exponents{-most + 10, 1, -most, most}}) {
    const auto X = std::make_shared<Matrix>(n, d, bits);
    Problem problem{X,          std::nullopt, Vector(n, bits), Vector(d, bits), Vector(1, bits),
                    Mpfr(bits), std::nullopt};
    const auto fill = [](Span numbers, long exponent) {
      for (__mpfr_struct& x : numbers) mpfr_set_ui_2exp(&x, 1, exponent - 1, MPFR_RNDN);
    };
    fill(X->entries().span(), X_at);
    fill(problem.y.span(), y_at);
    fill(problem.v.span(), v_at);
    fill(Span(problem.step_size.get(), 1), step_at);
    for (const Arithmetic arithmetic : {Arithmetic::exact, Arithmetic::sequential}) {
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Generator generator(seed);
        check_runs(tally, problem, arithmetic, generator,
                   "edges " + std::to_string(X_at) + ", " + std::to_string(y_at));
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 3000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const MpfrScope scope;
  const auto start = std::chrono::steady_clock::now();
  Tally tally;
  check_edges(tally);
  for (std::uint64_t i = 0; i < cases; ++i) check_case(tally, seed + i);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu runs, %llu outputs, %llu mismatches, %.1f s\n",
              static_cast<unsigned long long>(cases),
              static_cast<unsigned long long>(tally.outputs),
              static_cast<unsigned long long>(tally.mismatches), seconds);
  mpfr_free_cache();
  return tally.mismatches == 0 ? 0 : 1;
}
