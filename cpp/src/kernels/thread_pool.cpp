#include "thread_pool.hpp"

#include <algorithm>
#include <utility>

#include "mpsharp/mpfr.hpp"

namespace mpsharp {

namespace {

/// How often a waiting thread looks before it sleeps: some tens of microseconds, about the time
/// between the two products of a small step, so that helpers are awake for the next one.
constexpr int spins = 4000;
/// After so many it gives its processor away now and then: the one it waits for may need it.
constexpr int alone_spins = 1000;

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

template <class Condition>
bool spin_until(const Condition& condition) {
  for (int i = 0; i < spins; ++i) {
    if (condition()) return true;
    if (i >= alone_spins && i % 64 == 0) std::this_thread::yield();
    pause();
  }
  return false;
}

}  // namespace

ThreadPool::ThreadPool(unsigned threads) : threads_(std::max(1U, threads)) {
  helpers_.reserve(threads_ - 1);
  try {
    for (unsigned worker = 1; worker < threads_; ++worker) {
      helpers_.emplace_back([this, worker] { help(worker); });
    }
  } catch (const std::system_error&) {  // the system refuses: work with those that started
    threads_ = static_cast<unsigned>(helpers_.size()) + 1;
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  wake();
  for (std::thread& helper : helpers_) helper.join();
}

// A thread that goes to sleep says so, then looks again; one that has something to tell does it,
// then looks whether anybody sleeps. In the one order of all these operations one of the two sees
// the other.

void ThreadPool::wake() {
  ++generation_;
  if (sleepers_ == 0) return;
  const std::lock_guard lock(mutex_);  // not between another's last look and its sleep
  wake_.notify_all();
}

bool ThreadPool::enter() noexcept {
  unsigned state = state_;
  while ((state & open) != 0) {
    if (state_.compare_exchange_weak(state, state + 1)) return true;
  }
  return false;
}

void ThreadPool::leave() noexcept {
  --state_;
  if (!caller_sleeps_) return;
  const std::lock_guard lock(mutex_);
  done_.notify_one();
}

void ThreadPool::run(std::size_t pieces, FunctionRef<void(std::size_t, unsigned)> work,
                     const Poll& poll) {
  if (helpers_.empty() || pieces < 2) {
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      work(piece, 0);
      poll();
    }
    return;
  }
  const std::lock_guard only_one(run_mutex_);
  work_ = &work;
  pieces_ = pieces;
  next_ = 0;
  state_ = open;
  wake();
  take_pieces(0, &poll);
  state_ &= ~open;
  const auto all_out = [this] { return state_ == 0; };
  if (!spin_until(all_out)) {
    std::unique_lock lock(mutex_);
    caller_sleeps_ = true;
    done_.wait(lock, all_out);
    caller_sleeps_ = false;
  }
  if (failed_) {
    failed_ = false;
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
}

void ThreadPool::take_pieces(unsigned worker, const Poll* poll) noexcept {
  try {
    for (std::size_t piece = next_++; piece < pieces_; piece = next_++) {
      (*work_)(piece, worker);
      if (poll != nullptr) (*poll)();
    }
  } catch (...) {
    next_ = pieces_;  // no new pieces
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
}

void ThreadPool::help(unsigned worker) {
  {
    const MpfrScope scope;
    std::size_t seen = 0;
    const auto called = [this, &seen] { return generation_ != seen; };
    while (true) {
      if (!spin_until(called)) {
        std::unique_lock lock(mutex_);
        ++sleepers_;
        wake_.wait(lock, called);
        --sleepers_;
      }
      seen = generation_;
      if (stopping_) break;
      if (!enter()) continue;
      take_pieces(worker, nullptr);
      leave();
    }
  }
  mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
}

}  // namespace mpsharp
