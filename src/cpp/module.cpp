// The extension module of one instruction set, and what the machine at hand can run.
#include "kernels.hpp"

#include <string_view>

using namespace nanobind::literals;

namespace qit {

static bool supported(const char *level) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const std::string_view name(level);
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                      __builtin_cpu_supports("pclmul");
    if (name == "avx2") return avx2;
    if (name == "avx512")
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("vpclmulqdq") &&
               __builtin_cpu_supports("gfni");
#endif
    return std::string_view(level) == "portable";
}

}  // namespace qit

NB_MODULE(LEVEL, module) {
    nanobind::set_leak_warnings(false);  // processes end with what they hold; it would stand in the logs of sites
    module.def("supported", &qit::supported, "level"_a);
    qit::bind_cascade(module);
    qit::bind_sift(module);
    qit::bind_ldpc(module);
    qit::bind_light(module);
    qit::bind_prediction(module);
    qit::bind_toeplitz(module);
}
