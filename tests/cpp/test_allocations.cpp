// A step of gradient descent in the kernels' own form allocates nothing: counts what operator new
// and the allocation functions of GMP and MPFR are asked for. Usage: test_allocations

#include <gmp.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <random>

#include "kernels/aligned.hpp"
#include "kernels/lane_products.hpp"
#include "kernels/paths.hpp"
#include "mpsharp/steppers.hpp"
#include "random_numbers.hpp"

namespace {

std::atomic<long> allocations{0};

void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* out = nullptr;
  if (posix_memalign(&out, alignment, size) != 0) throw std::bad_alloc();
  return out;
}

}  // namespace

// The forms for arrays and the others that do not throw call these.
void* operator new(std::size_t size) { return allocate(size, sizeof(void*) * 2); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

void count_gmp() {
  mp_set_memory_functions([](std::size_t size) { return allocate(size, sizeof(void*) * 2); },
                          [](void* memory, std::size_t /*old_size*/, std::size_t size) {
                            ++allocations;
                            memory = std::realloc(memory, size);
                            if (memory == nullptr) std::abort();
                            return memory;
                          },
                          [](void* memory, std::size_t /*size*/) { std::free(memory); });
}

struct Case {
  KernelPath path;
  Arithmetic arithmetic;
  unsigned threads;
  long bits;
};

/// The allocations of the steps 2 to `steps` of a run. A run before, with the same products, has
/// made room for as many primes as these steps need.
long count(const Case& what, long steps) {
  constexpr std::size_t rows = 50;
  constexpr std::size_t columns = 90;
  Generator generator(1);
  const Bits bits(what.bits);
  const Poll poll = [] {};
  const auto X = std::make_shared<Matrix>(rows, columns, bits);
  for (__mpfr_struct& x : X->entries().span()) {
    mpfr_set_d(&x, std::normal_distribution<double>()(generator), MPFR_RNDN);
  }
  Vector y(rows, bits);
  Vector u(columns, bits);
  Vector v(2, bits);
  for (Vector* vector : {&y, &u, &v}) {
    for (__mpfr_struct& x : vector->span()) set_random(&x, generator);
  }
  const std::shared_ptr<const MatrixProducts> products =
      make_products(X, what.arithmetic, what.threads, what.path);
  if (products->lanes_form() == nullptr || products->lanes_form()->lane_kernels(bits) == nullptr) {
    std::printf("no lanes\n");
    return 1;
  }
  const auto model = std::make_shared<const Minimalist>(products, y, 3, rows, std::nullopt);
  const Mpfr step_size(1e-3, bits);
  GradientDescent before(model, u, v, step_size, poll);
  GradientDescent run(model, u, v, step_size, poll);
  before.advance(steps, 1e300, std::nullopt, poll);
  run.advance(1, 1e300, std::nullopt, poll);
  const long so_far = allocations;
  run.advance(steps / 2 - 1, 1e300, std::nullopt, poll);
  run.advance(steps - steps / 2, 1e300, std::nullopt, poll);
  const long made = allocations - so_far;
  if (run.step() != steps || mpfr_equal_p(run.loss(), before.loss()) == 0) {
    std::printf("the runs differ\n");
    return 1;
  }
  return made;
}

/// Whether this program counts at all.
bool counts() {
  const long before = allocations;
  const Vector vector(3, Bits(100));
  const AlignedWords words(3);
  mpz_t integer;
  mpz_init2(integer, 1000);
  mpz_clear(integer);
  return allocations - before >= 3;
}

}  // namespace

int main() {
  count_gmp();
  const MpfrScope scope;
  if (!counts()) {
    std::printf("allocations are not counted\n");
    return 1;
  }
  constexpr auto most_bits = static_cast<long>(52 * SequentialKernel::max_limbs - 16);
  int failures = 0;
  for (const KernelPath path : all_paths) {
    if (path == KernelPath::reference || !can_run(path)) continue;
    for (const Arithmetic arithmetic : {Arithmetic::exact, Arithmetic::sequential}) {
      for (const unsigned threads : {1U, 2U}) {
        for (const long bits : {24L, 64L, 256L, most_bits}) {
          const long found = count({path, arithmetic, threads, bits}, 40);
          if (found == 0) continue;
          ++failures;
          std::printf("%s, %s, %u threads, %ld bits: %ld allocations\n", name_of(path),
                      arithmetic == Arithmetic::exact ? "exact" : "sequential", threads, bits,
                      found);
        }
      }
    }
  }
  std::printf("%d failures\n", failures);
  mpfr_free_cache();
  return failures == 0 ? 0 : 1;
}
