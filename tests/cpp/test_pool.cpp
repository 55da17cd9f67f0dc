// The thread pool: every piece once, no two at once for one worker, exceptions, helpers that sleep
// or come late, and callers from several threads. Usage: test_pool [runs] [seed]

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/thread_pool.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

std::atomic<long> failures{0};

void expect(bool good, const char* what) {
  if (good) return;
  if (++failures <= 10) std::printf("failed: %s\n", what);
}

void wait(std::int64_t microseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

struct Stopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check_run(ThreadPool& pool, Generator& generator) {
  const auto n = static_cast<std::size_t>(between(generator, 0, one_in(generator, 5) ? 300 : 6));
  const bool fails = n > 0 && one_in(generator, 6);
  const auto bad = static_cast<std::size_t>(between(generator, 0, static_cast<std::int64_t>(n)));
  const bool poll_fails = n > 0 && !fails && one_in(generator, 6);
  const bool slow = one_in(generator, 20);
  std::vector<std::atomic<int>> done(n);
  std::vector<std::atomic<int>> inside(pool.threads());
  std::vector<int> plain(n, 0);  // written without synchronisation but the pool's
  const auto work = [&](std::size_t piece, unsigned worker) {
    expect(worker < pool.threads() && ++inside[worker] == 1, "one piece at a time for a worker");
    if (fails && piece >= bad) {
      --inside[worker];
      throw Stopped("work");
    }
    if (slow && piece % 3 == 0) wait(50);
    ++done[piece];
    plain[piece] = static_cast<int>(piece) + 1;
    --inside[worker];
  };
  int polls = 0;
  const Poll poll = [&] {
    if (poll_fails && ++polls == 1) throw Stopped("poll");
  };
  bool thrown = false;
  try {
    pool.run(n, work, poll);
  } catch (const Stopped&) {
    thrown = true;
  }
  if (fails && bad < n) {
    expect(thrown, "an exception of the work is thrown");
  } else if (!poll_fails) {  // the helpers may have been faster than the caller, who then polls
                             // never
    expect(!thrown, "no exception");
  }
  for (std::size_t i = 0; i < n; ++i) {
    expect(done[i] <= 1, "no piece twice");
    expect(plain[i] == (done[i] != 0 ? static_cast<int>(i) + 1 : 0), "what a piece wrote is seen");
    if (!thrown) expect(done[i] == 1, "every piece");
  }
}

/// After an exception no new pieces are begun.
void check_end(ThreadPool& pool) {
  std::atomic<bool> failing{false};
  std::atomic<int> done{0};
  const auto work = [&](std::size_t piece, unsigned /*worker*/) {
    if (piece == 0) {
      failing = true;
      throw Stopped("work");
    }
    while (!failing) std::this_thread::yield();
    wait(1000);
    ++done;
  };
  try {
    pool.run(200, work, [] {});
    expect(false, "an exception of the first piece is thrown");
  } catch (const Stopped&) {
    expect(done < 100, "an exception ends the run");
  }
}

void check_pool(unsigned threads, long runs, std::uint64_t seed) {
  ThreadPool pool(threads);
  check_end(pool);
  const auto call = [&](std::uint64_t from, long times) {
    const MpfrScope scope;
    Generator generator(from);
    for (long i = 0; i < times; ++i) {
      check_run(pool, generator);
      if (one_in(generator, 100)) wait(between(generator, 0, 400));  // so that helpers go to sleep
    }
  };
  call(seed, runs);
  std::thread other([&] { call(seed + 1000, runs / 4); });
  call(seed + 2000, runs / 4);
  other.join();
}

}  // namespace

int main(int argc, char** argv) {
  const long runs = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 3000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  for (const unsigned threads : {1U, 2U, 3U, 5U}) {
    check_pool(threads, runs, seed + threads);
    ThreadPool(threads).run(2, [](std::size_t, unsigned) {}, [] {});
    const ThreadPool unused(threads);
  }
  std::printf("%ld failures\n", failures.load());
  return failures == 0 ? 0 : 1;
}
