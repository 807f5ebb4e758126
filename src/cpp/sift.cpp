// Cutting a block out of sifted detections: key-basis bits side by side, a mask for each intensity, counts of the rest.
//
// A detection is one byte: bit, basis (1: test), error, intensity from bit 3 on. Bits are packed as numpy.packbits does.
#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "kernels.hpp"

#if defined(__AVX512VBMI2__)
#include <immintrin.h>
#endif

namespace qit {
namespace {

using u64 = std::uint64_t;
using u8 = std::uint8_t;
constexpr u8 BIT = 1, BASIS = 2, ERROR = 4;
constexpr int INTENSITY_SHIFT = 3;
constexpr std::size_t WORD = 64;

#if defined(__AVX512VBMI2__)
using Bytes = __m512i;
inline Bytes read(const u8 *from, std::size_t count) {
    return _mm512_maskz_loadu_epi8(count < WORD ? (u64{1} << count) - 1 : ~u64{0}, from);
}
inline u64 set(Bytes values, u8 flag) { return _mm512_test_epi8_mask(values, _mm512_set1_epi8(static_cast<char>(flag))); }
inline u64 of_kind(Bytes values, u8 kind) {
    const Bytes high = _mm512_and_si512(values, _mm512_set1_epi8(static_cast<char>(~(BIT | BASIS | ERROR))));
    return _mm512_cmpeq_epi8_mask(high, _mm512_set1_epi8(static_cast<char>(kind << INTENSITY_SHIFT)));
}
inline void write_chosen(u8 *to, Bytes values, u64 chosen) {
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(chosen, values));
}
#else
struct Bytes {
    u8 value[WORD];
};
inline Bytes read(const u8 *from, std::size_t count) {
    Bytes found{};
    std::memcpy(found.value, from, count);
    return found;
}
template <typename Test>
inline u64 gathered(const Bytes &values, Test test) {
    u64 found = 0;
    for (std::size_t i = 0; i < WORD; ++i) found |= u64{test(values.value[i])} << i;
    return found;
}
inline u64 set(const Bytes &values, u8 flag) {
    return gathered(values, [flag](u8 value) { return (value & flag) != 0; });
}
inline u64 of_kind(const Bytes &values, u8 kind) {
    return gathered(values, [kind](u8 value) { return value >> INTENSITY_SHIFT == kind; });
}
inline void write_chosen(u8 *to, const Bytes &values, u64 chosen) {
    for (std::size_t i = 0; i < WORD; ++i) {
        *to = values.value[i];
        to += chosen >> i & 1;
    }
}
#endif

// Sixty-four bits, the first in the lowest place, as numpy.packbits writes them.
inline void write_packed(u8 *to, u64 bits, std::size_t count) {
    bits = ((bits >> 1) & 0x5555555555555555) | ((bits & 0x5555555555555555) << 1);
    bits = ((bits >> 2) & 0x3333333333333333) | ((bits & 0x3333333333333333) << 2);
    bits = ((bits >> 4) & 0x0F0F0F0F0F0F0F0F) | ((bits & 0x0F0F0F0F0F0F0F0F) << 4);
    std::memcpy(to, &bits, (count + 7) / 8);
}

// `key` and the `kinds` masks have room for all key-basis bits; `counts` gets, for each kind, test bits and errors.
void split(Array<u8> kept, std::size_t key_bits, std::size_t kinds, Output<u8> key, Output<u8> masks,
           Output<std::int64_t> counts) {
    const std::size_t each = (key_bits + 7) / 8;
    if (key.size() != each || masks.size() != kinds * each || counts.size() != 2 * kinds)
        throw std::invalid_argument("the arrays of a block do not fit its sizes");
    nb::gil_scoped_release unlocked;
    std::vector<u8> chosen(kept.size() + 2 * WORD);
    std::size_t found = 0;
    for (std::size_t kind = 0; kind < 2 * kinds; ++kind) counts.data()[kind] = 0;
    for (std::size_t i = 0; i < kept.size(); i += WORD) {
        const std::size_t count = std::min(WORD, kept.size() - i);
        const Bytes values = read(kept.data() + i, count);
        const u64 all = count < WORD ? (u64{1} << count) - 1 : ~u64{0};
        const u64 test = set(values, BASIS), wrong = set(values, ERROR) & test;
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            const u64 these = of_kind(values, static_cast<u8>(kind)) & test;
            counts.data()[2 * kind] += std::popcount(these);
            counts.data()[2 * kind + 1] += std::popcount(these & wrong);
        }
        write_chosen(chosen.data() + found, values, all & ~test);
        found += std::popcount(all & ~test);
    }
    if (found != key_bits) return;  // the caller has counted; nothing of another size is written
    for (std::size_t i = 0; i < found; i += WORD) {
        const std::size_t count = std::min(WORD, found - i);
        const Bytes values = read(chosen.data() + i, count);
        const u64 all = count < WORD ? (u64{1} << count) - 1 : ~u64{0};
        write_packed(key.data() + i / 8, set(values, BIT), count);
        for (std::size_t kind = 0; kind < kinds; ++kind)
            write_packed(masks.data() + kind * each + i / 8, of_kind(values, static_cast<u8>(kind)) & all, count);
    }
}

}  // namespace

void bind_sift(nb::module_ &module) { module.def("split", &split); }

}  // namespace qit
