#include "thread_pool.hpp"

#include <algorithm>
#include <utility>

#include "mpsharp/mpfr.hpp"

namespace mpsharp {

namespace {

/// How often a waiting thread looks before it sleeps: some tens of microseconds, about the time
/// between the two products of a small step, so that helpers are awake for the next one.
constexpr int spins = 4000;

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

template <class Condition>
bool spin_until(const Condition& condition) {
  for (int i = 0; i < spins; ++i) {
    if (condition()) return true;
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
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ++generation_;
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
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
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    pieces_ = pieces;
    error_ = nullptr;
    next_ = 0;
    busy_ = static_cast<unsigned>(helpers_.size());
    ++generation_;
  }
  wake_.notify_all();
  take_pieces(0, &poll);
  if (!spin_until([this] { return busy_ == 0; })) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }
  const std::lock_guard lock(mutex_);
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::take_pieces(unsigned worker, const Poll* poll) noexcept {
  try {
    for (std::size_t piece = next_++; piece < pieces_; piece = next_++) {
      (*work_)(piece, worker);
      if (poll != nullptr) (*poll)();
    }
  } catch (...) {
    next_ = pieces_;  // no new pieces
    const std::lock_guard lock(mutex_);
    if (error_ == nullptr) error_ = std::current_exception();
  }
}

void ThreadPool::help(unsigned worker) {
  {
    const MpfrScope scope;
    std::size_t seen = 0;
    while (true) {
      if (!spin_until([this, seen] { return generation_ != seen; })) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this, seen] { return generation_ != seen; });
      }
      {
        const std::lock_guard lock(mutex_);
        seen = generation_;
        if (stopping_) break;
      }
      take_pieces(worker, nullptr);
      if (--busy_ == 0) {
        const std::lock_guard lock(mutex_);
        done_.notify_one();
      }
    }
  }
  mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
}

}  // namespace mpsharp
