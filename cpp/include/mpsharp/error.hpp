#pragma once

#include <stdexcept>

namespace mpsharp {

/// Lengths that do not fit together.
struct ShapeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// A number of bits outside what the core accepts.
struct PrecisionError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

}  // namespace mpsharp
