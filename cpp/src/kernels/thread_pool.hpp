#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "function_ref.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// Into how many pieces `items` are worth dividing that take `multiplications` of eight lanes each:
/// fewer of these are over before another thread has taken them up. At least 1.
constexpr std::size_t worthwhile_pieces(std::size_t items, std::size_t multiplications) noexcept {
  return std::max<std::size_t>(1, std::min(items, items * multiplications >> 9));
}

/// Shares independent pieces of work between the calling thread and helpers that live as long as
/// the pool. A helper that comes late, because it slept or the system lent its processor to others,
/// is not waited for: whoever is there takes the pieces. No lock is taken while all are awake.
/// Helpers run with MPFR's default exponent range and free MPFR's caches when they end.
class ThreadPool {
 public:
  /// @param threads how many work at once, the caller included; 0 means 1.
  explicit ThreadPool(unsigned threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  [[nodiscard]] unsigned threads() const noexcept { return threads_; }

  /// Calls work(piece, worker) once for every piece < pieces, worker < threads() telling apart the
  /// pieces that run at once, and poll() on the calling thread after each of its own pieces. An
  /// exception from either ends the run after the pieces already begun, and is thrown here.
  /// Concurrent calls run one after another; a call from inside `work` is not allowed.
  void run(std::size_t pieces, FunctionRef<void(std::size_t, unsigned)> work, const Poll& poll);

 private:
  void help(unsigned worker);
  void take_pieces(unsigned worker, const Poll* poll) noexcept;
  /// Lets the helpers know of a new generation.
  void wake();
  /// Counts a helper in, if it is still let in.
  bool enter() noexcept;
  void leave() noexcept;

  /// The bit of state_ that lets helpers in.
  static constexpr unsigned open = 1U << 31;

  unsigned threads_;
  std::mutex run_mutex_;  // one run at a time
  // Written by the caller while no helper is in, read by helpers that are.
  const FunctionRef<void(std::size_t, unsigned)>* work_ = nullptr;
  std::size_t pieces_ = 0;
  alignas(64) std::atomic<std::size_t> next_{0};  // piece
  alignas(64) std::atomic<unsigned> state_{0};    // how many helpers are in, and `open`
  alignas(64) std::atomic<std::size_t> generation_{
      0};  // counts runs; helpers wait for it to change
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> sleepers_{0};       // helpers that wait for wake_
  std::atomic<bool> caller_sleeps_{false};  // it waits for done_
  std::mutex mutex_;                        // of the two conditions
  std::condition_variable wake_;
  std::condition_variable done_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by the one that sets failed_
  std::vector<std::thread> helpers_;
};

}  // namespace mpsharp
