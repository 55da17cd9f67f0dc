#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace mpsharp {

/// Zero-initialised words whose first is aligned for 512-bit loads.
class AlignedWords {
 public:
  AlignedWords() = default;
  explicit AlignedWords(std::size_t size) : AlignedWords(unset(size)) {
    std::uninitialized_fill_n(words_.get(), size, std::uint64_t{0});
  }
  /// Words that are to be written before they are read.
  static AlignedWords unset(std::size_t size) {
    AlignedWords out;
    out.words_.reset(static_cast<std::uint64_t*>(
        ::operator new(size * sizeof(std::uint64_t), std::align_val_t{64})));
    out.size_ = size;
    return out;
  }

  std::uint64_t* data() noexcept { return words_.get(); }
  [[nodiscard]] const std::uint64_t* data() const noexcept { return words_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Makes room for `size` words; what was there is lost if the buffer has to grow.
  void reserve(std::size_t size) {
    if (size > size_) *this = AlignedWords(size);
  }

 private:
  struct Release {
    void operator()(std::uint64_t* words) const noexcept {
      ::operator delete(words, std::align_val_t{64});
    }
  };
  std::unique_ptr<std::uint64_t, Release> words_;
  std::size_t size_ = 0;
};

}  // namespace mpsharp
