#pragma once

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

/// Shares independent pieces of work between the calling thread and helpers that live as long as
/// the pool. Helpers run with MPFR's default exponent range and free MPFR's caches when they end.
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

  unsigned threads_;
  std::mutex run_mutex_;  // one run at a time
  std::mutex mutex_;      // guards what follows, except the atomics
  std::condition_variable wake_;
  std::condition_variable done_;
  const FunctionRef<void(std::size_t, unsigned)>* work_ = nullptr;
  std::size_t pieces_ = 0;
  std::exception_ptr error_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> generation_{0};  // counts runs; helpers wait for it to change
  std::atomic<unsigned> busy_{0};           // helpers that have not finished this run
  bool stopping_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace mpsharp
