// The emulation of AVX-512 IFMA against values computed by hand, everywhere, and against the
// instructions themselves where the processor has them. Usage: test_emulation [cases] [seed]

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#include "intrinsics.hpp"
#include "known_intrinsics.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp::testing;

long failures = 0;

void fail(const char* name, const std::string& what) {
  if (++failures <= 20) std::printf("failed: %s, %s\n", name, what.c_str());
}

std::span<const Intrinsic> members(const Intrinsics& table) { return {table.first, table.count}; }

Words run(const Intrinsic& intrinsic, const Operands& operands) {
  alignas(64) std::uint64_t out[lanes] = {};
  intrinsic.run(out, operands);
  return std::to_array(out);
}

/// All not-a-numbers count as one.
bool equal(const Intrinsic& intrinsic, const Words& expected, const Words& actual) {
  for (std::size_t i = 0; i < lanes; ++i) {
    if (expected[i] == actual[i]) continue;
    const bool both_nan = std::isnan(std::bit_cast<double>(expected[i])) &&
                          std::isnan(std::bit_cast<double>(actual[i]));
    if (intrinsic.gives == Intrinsic::Form::words || !both_nan) return false;
  }
  return true;
}

std::ostream& operator<<(std::ostream& out, const Words& words) {
  out << std::hex;
  for (const std::uint64_t word : words) out << ' ' << word;
  return out << std::dec;
}

std::ostream& operator<<(std::ostream& out, const Operands& operands) {
  return out << "a" << std::to_array(operands.a) << ", b" << std::to_array(operands.b) << ", c"
             << std::to_array(operands.c) << ", mask " << int{operands.mask} << ", immediate "
             << int{operands.immediate};
}

void expect(const Intrinsic& intrinsic, const char* which, const Operands& operands,
            const Words& expected, const Words& actual) {
  if (equal(intrinsic, expected, actual)) return;
  std::ostringstream what;
  what << which << " of " << operands << ": expected" << expected << ", got" << actual;
  fail(intrinsic.name, what.str());
}

/// Every intrinsic has a known case, and gives what it says.
void check_known(const Intrinsics& table, const char* which) {
  for (const Intrinsic& intrinsic : members(table)) {
    int cases = 0;
    for (const Known& known : known_cases()) {
      if (known.name != std::string_view(intrinsic.name)) continue;
      ++cases;
      expect(intrinsic, which, known.operands, known.expected, run(intrinsic, known.operands));
    }
    if (cases == 0) fail(intrinsic.name, "no known case");
  }
}

/// Every intrinsic that the kernels name is in the table.
void check_complete() {
  std::set<std::string> listed;
  for (const Intrinsic& intrinsic : members(emulated_intrinsics)) listed.insert(intrinsic.name);
  const std::regex name("_mm[0-9]*_[a-z0-9_]+");
  int found = 0;
  for (const auto& file : std::filesystem::directory_iterator(MPSHARP_KERNEL_SOURCES)) {
    if (file.path().filename().string().find("ifma") == std::string::npos) continue;
    std::ifstream stream(file.path());
    const std::string source{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(source.begin(), source.end(), name), end; match != end;
         ++match) {
      ++found;
      if (!listed.contains(match->str())) fail(match->str().c_str(), "used, but not compared");
    }
  }
  if (found == 0) fail(MPSHARP_KERNEL_SOURCES, "no kernels for IFMA there");
}

#ifdef MPSHARP_COMPILES_IFMA

std::uint64_t random_word(Generator& generator) {
  constexpr std::uint64_t corners[] = {
      0, 1, ~0ULL, 1ULL << 63, (1ULL << 63) - 1, (1ULL << 52) - 1, 1ULL << 52, 1ULL << 51};
  switch (between(generator, 0, 3)) {
    case 0:
      return corners[generator() % std::size(corners)];
    case 1:
      return generator() % 70;  // counts of shifts, most of them
    case 2:
      return generator() >> generator() % 64;
    default:
      return generator();
  }
}

/// Any double but a NaN.
std::uint64_t random_double(Generator& generator) {
  const auto integer = static_cast<double>(between(generator, -1200, 1200));
  switch (between(generator, 0, 5)) {
    case 0:
      return std::bit_cast<std::uint64_t>(integer / 2);
    case 1:
      return std::bit_cast<std::uint64_t>(std::ldexp(integer, 70));
    case 2:
      return std::bit_cast<std::uint64_t>(one_in(generator, 2) ? HUGE_VAL : -HUGE_VAL);
    case 3: {
      const double any = std::bit_cast<double>(generator());
      return std::bit_cast<std::uint64_t>(std::isnan(any) ? 0.0 : any);
    }
    default:
      return std::bit_cast<std::uint64_t>(std::ldexp(
          static_cast<double>(generator() >> 11), static_cast<int>(between(generator, -60, 10))));
  }
}

Operands random_operands(Generator& generator, Intrinsic::Form form) {
  const auto word = form == Intrinsic::Form::words ? random_word : random_double;
  Operands operands{};
  for (std::uint64_t* x : {operands.a, operands.b, operands.c}) {
    for (std::size_t i = 0; i < lanes; ++i) x[i] = word(generator);
  }
  for (std::size_t i = 0; i < lanes; ++i) {  // equal ones are rare otherwise
    if (one_in(generator, 8)) operands.b[i] = operands.a[i];
  }
  operands.mask = static_cast<std::uint8_t>(generator());
  operands.immediate = static_cast<std::uint8_t>(generator() % (one_in(generator, 2) ? 256 : 70));
  return operands;
}

bool processor_has_ifma() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512cd") != 0 &&
         __builtin_cpu_supports("avx512ifma") != 0 && __builtin_cpu_supports("fma") != 0;
}

void compare(long cases, Generator& generator) {
  const auto real = members(real_intrinsics);
  const auto emulated = members(emulated_intrinsics);
  for (long i = 0; i < cases; ++i) {
    const Operands words = random_operands(generator, Intrinsic::Form::words);
    const Operands doubles = random_operands(generator, Intrinsic::Form::doubles);
    for (std::size_t k = 0; k < real.size(); ++k) {
      const Operands& operands = real[k].takes == Intrinsic::Form::words ? words : doubles;
      expect(real[k], "the emulation", operands, run(real[k], operands),
             run(emulated[k], operands));
    }
  }
}

#endif

}  // namespace

int main(int argc, char** argv) {
  [[maybe_unused]] const long cases = argc > 1 ? std::atol(argv[1]) : 10000;
  [[maybe_unused]] Generator generator(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  check_complete();
  check_known(emulated_intrinsics, "the emulation");
#ifdef MPSHARP_COMPILES_IFMA
  if (processor_has_ifma()) {
    check_known(real_intrinsics, "the instruction");
    compare(cases, generator);
    std::printf("%ld cases of %zu intrinsics compared\n", cases, real_intrinsics.count);
  } else {
    std::printf("skipped: this machine has no AVX-512 IFMA to compare with\n");
  }
#endif
  std::printf("%zu known cases, %ld failures\n", known_cases().size(), failures);
  return failures == 0 ? 0 : 1;
}
