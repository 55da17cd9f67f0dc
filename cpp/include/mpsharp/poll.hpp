#pragma once

#include <functional>

namespace mpsharp {

/// Called now and then from long loops, always on the thread that entered the core; it may throw to
/// end the computation. Objects that were being computed are then only good for destruction, unless
/// their comment says more.
using Poll = std::function<void()>;

}  // namespace mpsharp
