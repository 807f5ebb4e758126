// Syndromes and layered normalised min-sum decoding of quasi-cyclic LDPC codes, 64 checks or bits at a time.
//
// A code is a list of rows of 64 checks. Row r meets the places[starts[r]] .. places[starts[r + 1] - 1]; a place
// 64 * column + shift says that check i of the row takes part of bit (shift + i) mod 64 of the column. A row meets a
// column once at most. Bits are packed, the lowest first, so a column or a row is one word.
//
// A column of beliefs lies in memory as the row that wrote it last saw it; the next row turns it by the difference.
#include "kernels.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace nanobind::literals;

namespace qit {

namespace {

constexpr int LANES = 64;
constexpr int CAP = 63;      // largest magnitude a check takes in
constexpr int NEAR = 8;      // with one check in so many not met, the decision is worth a look
constexpr int TALLEST = 1024;  // largest number of columns that a row may meet

#if defined(__AVX512BW__) && defined(__AVX512VBMI__)

using V = __m512i;
inline V load(const int8_t *at) { return _mm512_loadu_si512(at); }
inline void store(int8_t *at, V v) { _mm512_storeu_si512(at, v); }
inline V all(int8_t value) { return _mm512_set1_epi8(value); }
inline V add(V a, V b) { return _mm512_adds_epi8(a, b); }
inline V subtract(V a, V b) { return _mm512_subs_epi8(a, b); }
inline V magnitude(V a) { return _mm512_abs_epi8(a); }
inline V least(V a, V b) { return _mm512_min_epu8(a, b); }
inline V most(V a, V b) { return _mm512_max_epu8(a, b); }
inline V exclusive(V a, V b) { return _mm512_xor_si512(a, b); }
inline V where_equal(V a, V b, V yes, V no) { return _mm512_mask_blend_epi8(_mm512_cmpeq_epi8_mask(a, b), no, yes); }
inline V negate_where(V sign, V a) {
    return _mm512_mask_sub_epi8(a, _mm512_movepi8_mask(sign), _mm512_setzero_si512(), a);
}
inline uint64_t signs(V a) { return _mm512_movepi8_mask(a); }

#elif defined(__AVX2__)

using V = __m256i;
inline V load(const int8_t *at) { return _mm256_loadu_si256(reinterpret_cast<const V *>(at)); }
inline void store(int8_t *at, V v) { _mm256_storeu_si256(reinterpret_cast<V *>(at), v); }
inline V all(int8_t value) { return _mm256_set1_epi8(value); }
inline V add(V a, V b) { return _mm256_adds_epi8(a, b); }
inline V subtract(V a, V b) { return _mm256_subs_epi8(a, b); }
inline V magnitude(V a) { return _mm256_abs_epi8(a); }
inline V least(V a, V b) { return _mm256_min_epu8(a, b); }
inline V most(V a, V b) { return _mm256_max_epu8(a, b); }
inline V exclusive(V a, V b) { return _mm256_xor_si256(a, b); }
inline V where_equal(V a, V b, V yes, V no) { return _mm256_blendv_epi8(no, yes, _mm256_cmpeq_epi8(a, b)); }
inline V negate_where(V sign, V a) {
    const V mask = _mm256_cmpgt_epi8(_mm256_setzero_si256(), sign);
    return _mm256_sub_epi8(_mm256_xor_si256(a, mask), mask);
}
inline uint64_t signs(V a) { return static_cast<uint32_t>(_mm256_movemask_epi8(a)); }

#else

// GCC and Clang spell these in whatever the machine has.
typedef int8_t V __attribute__((vector_size(16)));
typedef uint8_t U __attribute__((vector_size(16)));
inline V load(const int8_t *at) {
    V v;
    std::memcpy(&v, at, sizeof v);
    return v;
}
inline void store(int8_t *at, V v) { std::memcpy(at, &v, sizeof v); }
inline V all(int8_t value) { return V{} + value; }
inline V choose(V mask, V yes, V no) { return (yes & mask) | (no & ~mask); }
inline V saturated(V sum, V a, V overflow) { return choose(overflow < 0, (a < 0) ^ all(127), sum); }
inline V add(V a, V b) {
    const V sum = (V)((U)a + (U)b);
    return saturated(sum, a, (sum ^ a) & (sum ^ b));
}
inline V subtract(V a, V b) {
    const V sum = (V)((U)a - (U)b);
    return saturated(sum, a, (a ^ b) & (a ^ sum));
}
inline V magnitude(V a) {
    const V mask = a < 0;
    return (V)((U)(a ^ mask) - (U)mask);
}
inline V least(V a, V b) { return choose((V)((U)a < (U)b), a, b); }
inline V most(V a, V b) { return choose((V)((U)a < (U)b), b, a); }
inline V exclusive(V a, V b) { return a ^ b; }
inline V where_equal(V a, V b, V yes, V no) { return choose(a == b, yes, no); }
inline V negate_where(V sign, V a) {
    const V mask = sign < 0;
    return (V)((U)(a ^ mask) - (U)mask);
}
inline uint64_t signs(V a) {
    int8_t bytes[sizeof a];
    store(bytes, a);
    uint64_t found = 0;
    for (size_t i = 0; i < sizeof a; ++i) found |= static_cast<uint64_t>(bytes[i] < 0) << i;
    return found;
}

#endif

typedef uint16_t V16 __attribute__((vector_size(sizeof(V))));
constexpr int WIDTH = sizeof(V);
constexpr int PARTS = LANES / WIDTH;
// With vpermb a column is turned in a register; without, it lies twice in a row and is read from the middle.
constexpr int COPIES = PARTS == 1 ? 1 : 2;

#if defined(__AVX512BW__) && defined(__AVX512VBMI__)
struct Turns {
    alignas(64) int8_t lanes[LANES][LANES];
    constexpr Turns() : lanes{} {
        for (int by = 0; by < LANES; ++by)
            for (int i = 0; i < LANES; ++i) lanes[by][i] = static_cast<int8_t>((by + i) % LANES);
    }
};
constexpr Turns TURNS;
inline V turned(const int8_t *beliefs, uint32_t place, int) {
    return _mm512_permutexvar_epi8(load(TURNS.lanes[place % LANES]), load(beliefs + (place & ~63U)));
}
#else
inline V turned(const int8_t *beliefs, uint32_t place, int part) {
    return load(beliefs + COPIES * (place & ~63U) + place % LANES + part * WIDTH);
}
#endif

inline void put(int8_t *beliefs, uint32_t place, int part, V v) {
    int8_t *at = beliefs + COPIES * (place & ~63U) + part * WIDTH;
    store(at, v);
    if (COPIES == 2) store(at + LANES, v);
}

// Each magnitude times scale / 16, rounded down: the even and the odd bytes of 16-bit products.
inline V scaled(V a, V16 scale) {
    const V16 wide = (V16)a, low = wide & 0xff, high = (wide >> 8) & 0xff;
    return (V)(((low * scale) >> 4) | (((high * scale) >> 4) << 8));
}

uint64_t parities(const int32_t *starts, const uint32_t *places, const uint64_t *words, size_t row) {
    uint64_t sum = 0;
    for (int32_t e = starts[row]; e < starts[row + 1]; ++e)
        sum ^= std::rotr(words[places[e] / LANES], static_cast<int>(places[e] % LANES));
    return sum;
}

// Memory for lanes, which begin at cache lines.
template <typename T>
struct Lined {
    using value_type = T;
    T *allocate(size_t count) { return static_cast<T *>(::operator new(count * sizeof(T), std::align_val_t(LANES))); }
    void deallocate(T *at, size_t) { ::operator delete(at, std::align_val_t(LANES)); }
    bool operator==(const Lined &) const = default;
};
using Lanes = std::vector<int8_t, Lined<int8_t>>;

struct Decoder {
    size_t rows, columns;
    const uint32_t *turns;  // as places, but the shift is relative to the row before
    const uint8_t *last;    // shift of the last row that meets a column
    Lanes beliefs, messages, wanted;
    std::vector<uint64_t> words;

    void load_frame(const int8_t *prior, const uint64_t *syndrome, size_t edges) {
        beliefs.resize(columns * LANES * COPIES);
        messages.resize(edges * LANES);
        wanted.resize(rows * LANES);
        words.resize(columns);
        int8_t twice[2 * LANES];
        for (size_t c = 0; c < columns; ++c) {
            std::memcpy(twice, prior + c * LANES, LANES);
            std::memcpy(twice + LANES, prior + c * LANES, LANES);
            for (int copy = 0; copy < COPIES; ++copy)
                std::memcpy(&beliefs[(c * COPIES + copy) * LANES], twice + last[c], LANES);
        }
        // Each bit to the sign of a byte, eight at a time.
        for (size_t i = 0; i < rows * LANES; i += 8) {
            const uint64_t bits = (syndrome[i / LANES] >> i % LANES & 0xff) * 0x0101010101010101U & 0x8040201008040201U;
            const uint64_t bytes = (bits + 0x7f7f7f7f7f7f7f7fU) & 0x8080808080808080U;
            std::memcpy(&wanted[i], &bytes, sizeof bytes);
        }
    }

    // Returns how many checks were not met when their turn came.
    template <bool FIRST>
    size_t iterate(const int32_t *starts, uint8_t scale) {
        size_t open = 0;
        const V16 factor = V16{} + scale;
        alignas(64) int8_t kept[TALLEST * LANES];
        int8_t *const at = beliefs.data();
        for (size_t r = 0; r < rows; ++r) {
            const uint32_t *row = &turns[starts[r]];
            int8_t *old = &messages[static_cast<size_t>(starts[r]) * LANES];
            const int degree = starts[r + 1] - starts[r];
            V first[PARTS], second[PARTS], sign[PARTS], unmet[PARTS], low[PARTS], high[PARTS];
            for (int p = 0; p < PARTS; ++p) {
                first[p] = second[p] = all(CAP);
                sign[p] = unmet[p] = load(&wanted[r * LANES + p * WIDTH]);
            }
#pragma GCC unroll 4
            for (int e = 0; e < degree; ++e)
                for (int p = 0; p < PARTS; ++p) {
                    const V before = FIRST ? all(0) : load(old + e * LANES + p * WIDTH);
                    const V belief = turned(at, row[e], p);
                    const V t = subtract(belief, before);
                    unmet[p] = exclusive(unmet[p], belief);
                    store(kept + e * LANES + p * WIDTH, t);
                    const V size = magnitude(t);
                    second[p] = least(second[p], most(first[p], size));
                    first[p] = least(first[p], size);
                    sign[p] = exclusive(sign[p], t);
                }
            for (int p = 0; p < PARTS; ++p) {
                low[p] = scaled(first[p], factor);
                high[p] = scaled(second[p], factor);
                open += static_cast<size_t>(std::popcount(signs(unmet[p])));
            }
#pragma GCC unroll 4
            for (int e = 0; e < degree; ++e)
                for (int p = 0; p < PARTS; ++p) {
                    const V t = load(kept + e * LANES + p * WIDTH);
                    const V size = where_equal(magnitude(t), first[p], high[p], low[p]);
                    const V message = negate_where(exclusive(sign[p], t), size);
                    store(old + e * LANES + p * WIDTH, message);
                    put(at, row[e], p, add(t, message));
                }
        }
        return open;
    }

    void decide() {
        for (size_t c = 0; c < columns; ++c) {
            uint64_t word = 0;
            for (int p = 0; p < PARTS; ++p)
                word |= signs(load(&beliefs[c * LANES * COPIES + p * WIDTH])) << (p * WIDTH % LANES);
            words[c] = std::rotl(word, static_cast<int>(last[c]));
        }
    }

    // Number of checks that the decision does not meet.
    size_t unmet(const int32_t *starts, const uint32_t *places, const uint64_t *syndrome) const {
        size_t count = 0;
        for (size_t r = 0; r < rows; ++r)
            count += static_cast<size_t>(std::popcount(parities(starts, places, words.data(), r) ^ syndrome[r]));
        return count;
    }
};

void check(const Array<int32_t> &starts, const Array<uint32_t> &places, size_t columns, bool tall) {
    const size_t rows = starts.shape(0);
    if (rows == 0 || starts.data()[0] != 0) throw std::invalid_argument("no rows");
    if (static_cast<size_t>(starts.data()[rows - 1]) != places.shape(0)) throw std::invalid_argument("ends of rows");
    for (size_t r = 0; r + 1 < rows; ++r) {
        const int32_t degree = starts.data()[r + 1] - starts.data()[r];
        if (degree < 0 || (tall && degree > TALLEST)) throw std::invalid_argument("degree of a row");
    }
    for (size_t e = 0; e < places.shape(0); ++e)
        if (places.data()[e] / LANES >= columns) throw std::invalid_argument("column of a place");
}

void syndrome(Array<int32_t> starts, Array<uint32_t> places, Array<uint64_t> words, Output<uint64_t> found) {
    check(starts, places, words.shape(0), false);
    const size_t rows = starts.shape(0) - 1;
    if (found.shape(0) != rows) throw std::invalid_argument("length of the syndrome");
    nb::gil_scoped_release release;
    for (size_t r = 0; r < rows; ++r)
        found.data()[r] = parities(starts.data(), places.data(), words.data(), r);
}

// Iterations used; -1 where the syndrome was not met.
int decode(Array<int32_t> starts, Array<uint32_t> places, Array<uint32_t> turns, Array<uint8_t> last,
           Array<uint8_t> scales, Array<int8_t> prior, Array<uint64_t> wanted, int iterations, Output<uint64_t> found) {
    const size_t columns = found.shape(0), rows = starts.shape(0) - 1;
    check(starts, places, columns, true);
    check(starts, turns, columns, true);
    if (last.shape(0) != columns || std::any_of(last.data(), last.data() + columns, [](int by) { return by >= LANES; }))
        throw std::invalid_argument("last shifts");
    if (prior.shape(0) != columns * LANES || wanted.shape(0) != rows || scales.shape(0) == 0)
        throw std::invalid_argument("length of a frame");
    nb::gil_scoped_release release;
    static thread_local Decoder decoder;
    decoder.rows = rows;
    decoder.columns = columns;
    decoder.turns = turns.data();
    decoder.last = last.data();
    decoder.load_frame(prior.data(), wanted.data(), places.shape(0));
    decoder.decide();
    const size_t checks = rows * LANES;
    size_t open = decoder.unmet(starts.data(), places.data(), wanted.data());
    int used = 0;
    while (open > 0 && used < iterations) {
        const uint8_t scale = scales.data()[open * (scales.shape(0) - 1) / checks];
        open = used == 0 ? decoder.iterate<true>(starts.data(), scale) : decoder.iterate<false>(starts.data(), scale);
        ++used;
        if (open * NEAR <= checks || used == iterations) {
            decoder.decide();
            open = decoder.unmet(starts.data(), places.data(), wanted.data());
        }
    }
    if (open > 0) used = -1;
    std::copy(decoder.words.begin(), decoder.words.end(), found.data());
    return used;
}

}  // namespace

void bind_ldpc(nb::module_ &module) {
    module.def("ldpc_syndrome", &syndrome, "starts"_a, "places"_a, "words"_a, "found"_a);
    module.def("ldpc_decode", &decode, "starts"_a, "places"_a, "turns"_a, "last"_a, "scales"_a, "prior"_a, "wanted"_a, "iterations"_a,
               "found"_a);
}

}  // namespace qit
