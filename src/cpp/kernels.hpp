// What the kernels share. Each source file binds its own functions; NumPy arrays come in packed and contiguous.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>

namespace qit {

namespace nb = nanobind;

template <typename T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Output = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void bind_cascade(nb::module_ &module);
void bind_sift(nb::module_ &module);
void bind_ldpc(nb::module_ &module);
void bind_light(nb::module_ &module);
void bind_prediction(nb::module_ &module);
void bind_toeplitz(nb::module_ &module);

}  // namespace qit
