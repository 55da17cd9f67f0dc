#include "mpsharp/kernels/products.hpp"
#include "reference.hpp"

namespace mpsharp {

std::unique_ptr<const MatrixProducts> make_products(std::shared_ptr<const Matrix> matrix,
                                                    Arithmetic arithmetic) {
  return std::make_unique<ReferenceProducts>(std::move(matrix), arithmetic);
}

}  // namespace mpsharp
