#include "kernels.hpp"
namespace qit { void bind_toeplitz(nb::module_ &) {} }
