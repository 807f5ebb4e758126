// Exact Toeplitz hashing over GF(2): y_i = sum_j s_(i + n - 1 - j) x_j, a slice of the product of two polynomials.
//
// Bits are cut into chunks of 32, taken as elements of GF(2^64) = GF(2)[z] / (z^64 + z^4 + z^3 + z + 1). A product of
// two chunks has degree 62 at most, so the product of the polynomials over GF(2^64) needs no reduction and holds all
// bits. It is computed by the additive FFT of Lin, Chung and Han (FOCS 2014; IEEE Trans. Inf. Theory 62, 6284) in the
// basis of Cantor (J. Comb. Theory A 50, 285), with the conversion of bases by Taylor expansion as in Gao and Mateer
// (IEEE Trans. Inf. Theory 56, 6265).
//
// At 2^16 points the vanishing polynomial is x^65536 + x: what lies beyond falls down onto coefficients that a hash
// does not need. Larger hashes are cut into tiles whose transforms are multiplied and summed point by point.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kernels.hpp"

#if defined(__PCLMUL__)
#include <immintrin.h>
#endif

namespace qit {
namespace {

using u64 = std::uint64_t;
constexpr u64 REDUCTION = 0x1B;
constexpr int MOST_LEVELS = 16;
constexpr int CACHE_LEVELS = 12;   // 32 KB, the first-level cache
constexpr std::size_t CHUNK = 32;
constexpr std::size_t MOST_SEED_CHUNKS = (std::size_t{1} << MOST_LEVELS) - 2;
constexpr std::size_t TILE = ((std::size_t{1} << MOST_LEVELS) - 64) * CHUNK / 2;  // bits, a multiple of the chunk
constexpr std::size_t RANGE = 256;  // points of a tile that are summed while they are in the cache

// ---- lanes: so many elements of GF(2^64) at once --------------------------------------------------------------

#if defined(__VPCLMULQDQ__) && defined(__AVX512F__)
constexpr std::size_t LANES = 8;
using Lanes = __m512i;
inline Lanes load(const u64 *from) { return _mm512_loadu_si512(from); }
inline void store(u64 *to, Lanes value) { _mm512_storeu_si512(to, value); }
inline Lanes all(u64 value) { return _mm512_set1_epi64(static_cast<long long>(value)); }
inline Lanes operation_xor(Lanes a, Lanes b) { return _mm512_xor_si512(a, b); }
inline Lanes multiply(Lanes a, Lanes b) {
    const Lanes modulus = all(REDUCTION);
    // The top four bits of the first reduction come back as multiples of the modulus: a table of 16 bytes.
    const Lanes table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0x00, 0x1B, 0x36, 0x2D, 0x6C, 0x77, 0x5A, 0x41, static_cast<char>(0xD8), static_cast<char>(0xC3),
                      static_cast<char>(0xEE), static_cast<char>(0xF5), static_cast<char>(0xB4),
                      static_cast<char>(0xAF), static_cast<char>(0x82), static_cast<char>(0x99)));
    const Lanes even = _mm512_clmulepi64_epi128(a, b, 0x00), odd = _mm512_clmulepi64_epi128(a, b, 0x11);
    const Lanes more_even = _mm512_clmulepi64_epi128(even, modulus, 0x01);
    const Lanes more_odd = _mm512_clmulepi64_epi128(odd, modulus, 0x01);
    const Lanes low = _mm512_unpacklo_epi64(_mm512_xor_si512(even, more_even), _mm512_xor_si512(odd, more_odd));
    const Lanes top = _mm512_unpackhi_epi64(more_even, more_odd);
    return _mm512_xor_si512(low, _mm512_shuffle_epi8(table, top));
}
#elif defined(__PCLMUL__)
constexpr std::size_t LANES = 2;
using Lanes = __m128i;
inline Lanes load(const u64 *from) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from)); }
inline void store(u64 *to, Lanes value) { _mm_storeu_si128(reinterpret_cast<__m128i *>(to), value); }
inline Lanes all(u64 value) { return _mm_set1_epi64x(static_cast<long long>(value)); }
inline Lanes operation_xor(Lanes a, Lanes b) { return _mm_xor_si128(a, b); }
inline Lanes multiply(Lanes a, Lanes b) {
    const Lanes modulus = all(REDUCTION);
    const Lanes table =
        _mm_setr_epi8(0x00, 0x1B, 0x36, 0x2D, 0x6C, 0x77, 0x5A, 0x41, static_cast<char>(0xD8), static_cast<char>(0xC3),
                      static_cast<char>(0xEE), static_cast<char>(0xF5), static_cast<char>(0xB4),
                      static_cast<char>(0xAF), static_cast<char>(0x82), static_cast<char>(0x99));
    const Lanes even = _mm_clmulepi64_si128(a, b, 0x00), odd = _mm_clmulepi64_si128(a, b, 0x11);
    const Lanes more_even = _mm_clmulepi64_si128(even, modulus, 0x01);
    const Lanes more_odd = _mm_clmulepi64_si128(odd, modulus, 0x01);
    const Lanes low = _mm_unpacklo_epi64(_mm_xor_si128(even, more_even), _mm_xor_si128(odd, more_odd));
    const Lanes top = _mm_unpackhi_epi64(more_even, more_odd);
    return _mm_xor_si128(low, _mm_shuffle_epi8(table, top));
}
#else
constexpr std::size_t LANES = 1;
using Lanes = u64;
inline Lanes load(const u64 *from) { return *from; }
inline void store(u64 *to, Lanes value) { *to = value; }
inline Lanes all(u64 value) { return value; }
inline Lanes operation_xor(Lanes a, Lanes b) { return a ^ b; }
// Integer products of every fifth bit: at most 13 terms meet in five bits, so no carry reaches the next slot.
inline Lanes multiply(Lanes a, Lanes b) {
    using Wide = unsigned __int128;
    constexpr u64 FIFTH = 0x1084210842108421;
    constexpr Wide WIDE_FIFTH = (Wide{0x2108421084210842} << 64) | FIFTH;
    Wide product = 0;
    std::array<u64, 5> left, right;
    for (int i = 0; i < 5; ++i) left[i] = a & (FIFTH << i), right[i] = b & (FIFTH << i);
    for (int sum = 0; sum < 5; ++sum) {
        Wide part = 0;
        for (int i = 0; i < 5; ++i) part ^= Wide{left[i]} * right[(sum - i + 5) % 5];
        product ^= part & (WIDE_FIFTH << sum);
    }
    const auto fold = [](u64 high) -> Wide {
        return Wide{high} ^ (Wide{high} << 1) ^ (Wide{high} << 3) ^ (Wide{high} << 4);
    };
    const Wide once = fold(static_cast<u64>(product >> 64));
    return static_cast<u64>(product) ^ static_cast<u64>(once) ^ static_cast<u64>(fold(static_cast<u64>(once >> 64)));
}
#endif

inline u64 multiply_one(u64 a, u64 b) {
    std::array<u64, LANES> result;
    store(result.data(), multiply(all(a), all(b)));
    return result[0];
}

// ---- Cantor basis and twiddle factors ------------------------------------------------------------------------

// y with y^2 + y = value, the one of the two that is even. The map is linear over GF(2): Gaussian elimination.
u64 solve_artin_schreier(u64 value) {
    std::array<std::pair<u64, u64>, 64> pivots{};  // by leading bit: (image, preimage)
    for (int bit = 1; bit < 64; ++bit) {
        u64 preimage = u64{1} << bit, image = multiply_one(preimage, preimage) ^ preimage;
        while (image) {
            const int lead = std::bit_width(image) - 1;
            if (!pivots[lead].first) {
                pivots[lead] = {image, preimage};
                break;
            }
            image ^= pivots[lead].first, preimage ^= pivots[lead].second;
        }
    }
    u64 solution = 0;
    while (value) {
        const auto &[image, preimage] = pivots[std::bit_width(value) - 1];
        if (!image) throw std::logic_error("no element of a Cantor basis");
        value ^= image, solution ^= preimage;
    }
    return solution;
}

// Twiddle factor of block b: sum_t b_t beta_(t+1), on every level alike.
const std::vector<u64> &twiddles() {
    static const std::vector<u64> table = [] {
        std::vector<u64> found(std::size_t{1} << (MOST_LEVELS - 1));
        u64 beta = 1;
        for (std::size_t size = 1; size < found.size(); size *= 2) {
            beta = solve_artin_schreier(beta);
            for (std::size_t i = 0; i < size; ++i) found[size + i] = found[i] ^ beta;
        }
        return found;
    }();
    return table;
}

// ---- monomials to the basis of Lin, Chung and Han and back ---------------------------------------------------
//
// With s(x) = x^tau + x a polynomial is written in powers of s (its Taylor expansion), then the coefficients, which are
// polynomials in x, and the powers of s are converted on their own. Only XORs; what counts is that they run over
// contiguous words and stay in the first-level cache.

inline void add(u64 *to, const u64 *from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] ^= from[i];
}

// Taylor expansion at x^tau + x of 2^levels coefficients.
template <bool FORWARD>
void expand(u64 *f, int levels, int tau_levels) {
    if (levels <= tau_levels) return;
    const std::size_t half = std::size_t{1} << (levels - 1), overlap = half >> tau_levels, distance = half - overlap;
    if (!FORWARD) expand<false>(f, levels - 1, tau_levels), expand<false>(f + half, levels - 1, tau_levels);
    if (FORWARD) add(f + half, f + half + distance, overlap);
    add(f + overlap, f + half, distance);
    if (!FORWARD) add(f + half, f + half + distance, overlap);
    if (FORWARD) expand<true>(f, levels - 1, tau_levels), expand<true>(f + half, levels - 1, tau_levels);
}

// The same and the conversion, of STRIP polynomials side by side: a row holds one coefficient of each.
constexpr std::size_t STRIP = 8;
using Row = u64 __attribute__((vector_size(8 * STRIP), aligned(8)));

template <bool FORWARD>
void expand_strip(Row *f, int levels, int tau_levels) {
    if (levels <= tau_levels) return;
    const std::size_t half = std::size_t{1} << (levels - 1), overlap = half >> tau_levels, distance = half - overlap;
    const auto move = [f](std::size_t to, std::size_t from, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) f[to + i] ^= f[from + i];
    };
    if (!FORWARD) expand_strip<false>(f, levels - 1, tau_levels), expand_strip<false>(f + half, levels - 1, tau_levels);
    if (FORWARD) move(half, half + distance, overlap);
    move(overlap, half, distance);
    if (!FORWARD) move(half, half + distance, overlap);
    if (FORWARD) expand_strip<true>(f, levels - 1, tau_levels), expand_strip<true>(f + half, levels - 1, tau_levels);
}

// Up to sixteen coefficients, in registers: expansions at x^4 + x, then at x^2 + x of both kinds.
template <bool FORWARD, int LEVELS>
inline void convert_few(Row *f, std::size_t stride) {
    constexpr int COUNT = 1 << LEVELS;
    Row r[COUNT];
    const auto expand_at = [&r](int first, int half, int overlap, int step) {
        const int distance = half - overlap;
        const auto move = [&](int to, int from) { r[first + to * step] ^= r[first + from * step]; };
        if (FORWARD)
            for (int i = 0; i < overlap; ++i) move(half + i, half + distance + i);
        for (int i = 0; i < distance; ++i) move(overlap + i, half + i);
        if (!FORWARD)
            for (int i = 0; i < overlap; ++i) move(half + i, half + distance + i);
    };
    const auto quarters = [&expand_at] {
        for (int i = 0; LEVELS == 4 && i < 4; ++i) expand_at(i, 2, 1, 4);
        for (int i = 0; i < COUNT; i += 4) expand_at(i, 2, 1, 1);
    };
    for (int i = 0; i < COUNT; ++i) r[i] = f[i * stride];
    if (!FORWARD) quarters();
    if (LEVELS == 4 && FORWARD) expand_at(0, 8, 2, 1);
    for (int i = 0; LEVELS > 2 && i < COUNT; i += 8) expand_at(i, 4, 1, 1);
    if (LEVELS == 4 && !FORWARD) expand_at(0, 8, 2, 1);
    if (FORWARD) quarters();
    for (int i = 0; i < COUNT; ++i) f[i * stride] = r[i];
}

template <bool FORWARD>
void convert_few(Row *f, int levels, std::size_t stride) {
    if (levels == 2) convert_few<FORWARD, 2>(f, stride);
    if (levels == 3) convert_few<FORWARD, 3>(f, stride);
    if (levels == 4) convert_few<FORWARD, 4>(f, stride);
}

// Of up to 256 coefficients.
template <bool FORWARD>
void convert_strip(Row *f, int levels) {
    if (levels <= 4) return convert_few<FORWARD>(f, levels, 1);
    if (FORWARD) expand_strip<true>(f, levels, 4);
    for (std::size_t i = 0; i < 16; ++i) convert_few<FORWARD>(f + i, levels - 4, 16);
    for (std::size_t i = 0; i < std::size_t{1} << (levels - 4); ++i) convert_few<FORWARD>(f + 16 * i, 4, 1);
    if (!FORWARD) expand_strip<false>(f, levels, 4);
}

// `count` polynomials of 2^levels coefficients, which lie `step` words apart, the polynomials `apart` words.
template <bool FORWARD>
void convert_each(u64 *f, int levels, std::size_t count, std::size_t apart, std::size_t step) {
    thread_local std::vector<u64> kept(STRIP << 8);
    const std::size_t length = std::size_t{1} << levels;
    u64 *turned = kept.data();
    for (std::size_t first = 0; first < count; first += STRIP) {
        u64 *block = f + first * apart;
        const std::size_t here = std::min(STRIP, count - first);
        const auto carry = [=](auto each) {
            if (apart == 1 && here == STRIP)
                for (std::size_t i = 0; i < length; ++i)
                    for (std::size_t j = 0; j < STRIP; ++j) each(turned[i * STRIP + j], block[i * step + j]);
            else
                for (std::size_t i = 0; i < length; ++i)
                    for (std::size_t j = 0; j < here; ++j) each(turned[i * STRIP + j], block[i * step + j * apart]);
        };
        if (here < STRIP) std::fill(turned, turned + STRIP * length, 0);
        carry([](u64 &to, u64 &from) { to = from; });
        convert_strip<FORWARD>(reinterpret_cast<Row *>(turned), levels);
        carry([](u64 &from, u64 &to) { to = from; });
    }
}

template <bool FORWARD>
void convert(u64 *f, int levels) {
    constexpr int ROW_LEVELS = 8;
    if (levels <= ROW_LEVELS) return convert_each<FORWARD>(f, levels, 1, 1, 1);
    const std::size_t row = std::size_t{1} << ROW_LEVELS;
    if (FORWARD) expand<true>(f, levels, ROW_LEVELS);
    convert_each<FORWARD>(f, levels - ROW_LEVELS, row, 1, row);
    convert_each<FORWARD>(f, ROW_LEVELS, std::size_t{1} << (levels - ROW_LEVELS), row, 1);
    if (!FORWARD) expand<false>(f, levels, ROW_LEVELS);
}

// ---- the transform -------------------------------------------------------------------------------------------

template <bool FORWARD>
inline void butterfly(Lanes &low, Lanes &high, Lanes twiddle) {
    if (FORWARD) {
        low = operation_xor(low, multiply(high, twiddle));
        high = operation_xor(high, low);
    } else {
        high = operation_xor(high, low);
        low = operation_xor(low, multiply(high, twiddle));
    }
}

#if defined(__VPCLMULQDQ__) && defined(__AVX512F__)
template <std::size_t HALF>
constexpr std::array<u64, 8> places(std::size_t offset, bool gather) {
    std::array<u64, 8> found{};
    for (std::size_t i = 0; i < 8; ++i) {
        const std::size_t place = i + offset;
        found[i] = gather ? (i / HALF) * 2 * HALF + i % HALF + offset
                          : (place & HALF ? 8 : 0) + place / (2 * HALF) * HALF + place % HALF;
    }
    return found;
}

// Blocks of 2 HALF elements, HALF below the lanes: two vectors hold 8 / HALF blocks.
template <bool FORWARD, std::size_t HALF>
void short_level(u64 *f, std::size_t size, const u64 *twiddle) {
    alignas(64) static constexpr auto low_places = places<HALF>(0, true), high_places = places<HALF>(HALF, true);
    alignas(64) static constexpr auto first_places = places<HALF>(0, false), second_places = places<HALF>(8, false);
    alignas(64) static constexpr auto repeat = [] {
        std::array<u64, 8> found{};
        for (std::size_t i = 0; i < 8; ++i) found[i] = i / HALF;
        return found;
    }();
    const Lanes gather_low = load(low_places.data()), gather_high = load(high_places.data());
    const Lanes scatter_first = load(first_places.data()), scatter_second = load(second_places.data());
    const Lanes spread = load(repeat.data());
    for (std::size_t i = 0; i < size; i += 16, twiddle += 8 / HALF) {
        const Lanes a = load(f + i), b = load(f + i + 8);
        Lanes low = _mm512_permutex2var_epi64(a, gather_low, b), high = _mm512_permutex2var_epi64(a, gather_high, b);
        const Lanes factors = _mm512_permutexvar_epi64(spread, _mm512_maskz_loadu_epi64((1u << (8 / HALF)) - 1, twiddle));
        butterfly<FORWARD>(low, high, factors);
        store(f + i, _mm512_permutex2var_epi64(low, scatter_first, high));
        store(f + i + 8, _mm512_permutex2var_epi64(low, scatter_second, high));
    }
}
#elif defined(__PCLMUL__)
template <bool FORWARD, std::size_t HALF>
void short_level(u64 *f, std::size_t size, const u64 *twiddle) {
    for (std::size_t i = 0; i < size; i += 4, twiddle += 2) {
        const Lanes a = load(f + i), b = load(f + i + 2);
        Lanes low = _mm_unpacklo_epi64(a, b), high = _mm_unpackhi_epi64(a, b);
        butterfly<FORWARD>(low, high, load(twiddle));
        store(f + i, _mm_unpacklo_epi64(low, high));
        store(f + i + 2, _mm_unpackhi_epi64(low, high));
    }
}
#else
template <bool FORWARD, std::size_t HALF>
void short_level(u64 *, std::size_t, const u64 *) {}
#endif

// All blocks of 2^(level + 1) elements in `size` elements; the first has number `block`.
template <bool FORWARD>
void one_level(u64 *f, std::size_t size, int level, std::size_t block) {
    const u64 *twiddle = twiddles().data() + block;
    const std::size_t half = std::size_t{1} << level;
    if (half < LANES && size >= 2 * LANES) {
        if (half == 1) short_level<FORWARD, 1>(f, size, twiddle);
        if (half == 2) short_level<FORWARD, 2>(f, size, twiddle);
        if (half == 4) short_level<FORWARD, 4>(f, size, twiddle);
        return;
    }
    for (u64 *low = f; low < f + size; low += 2 * half) {
        const Lanes factor = all(*twiddle++);
        u64 *high = low + half;
        for (std::size_t i = 0; i < half; i += LANES) {
            Lanes a = load(low + i), b = load(high + i);
            butterfly<FORWARD>(a, b, factor);
            store(low + i, a), store(high + i, b);
        }
    }
}

template <bool FORWARD>
void transform(u64 *f, int levels, std::size_t block) {
    const std::size_t size = std::size_t{1} << levels;
    if (levels <= CACHE_LEVELS) {
        for (int step = 0; step < levels; ++step) {
            const int level = FORWARD ? levels - 1 - step : step;
            one_level<FORWARD>(f, size, level, block << (levels - 1 - level));
        }
        return;
    }
    if (FORWARD) one_level<true>(f, size, levels - 1, block);
    transform<FORWARD>(f, levels - 1, 2 * block);
    transform<FORWARD>(f + size / 2, levels - 1, 2 * block + 1);
    if (!FORWARD) one_level<false>(f, size, levels - 1, block);
}

void forward(u64 *f, int levels) {
    convert<true>(f, levels);
    transform<true>(f, levels, 0);
}

void inverse(u64 *f, int levels) {
    transform<false>(f, levels, 0);
    convert<false>(f, levels);
}

// ---- bits ----------------------------------------------------------------------------------------------------

inline u64 reverse_in_bytes(u64 x) {
    x = ((x >> 1) & 0x5555555555555555) | ((x & 0x5555555555555555) << 1);
    x = ((x >> 2) & 0x3333333333333333) | ((x & 0x3333333333333333) << 2);
    return ((x >> 4) & 0x0F0F0F0F0F0F0F0F) | ((x & 0x0F0F0F0F0F0F0F0F) << 4);
}

// Bits that come eight to a byte, the first in the highest place, as words with the first in the lowest.
class BitString {
public:
    BitString(const std::uint8_t *packed, std::size_t bits) : words_(bits / 64 + 2, 0) {
        std::memcpy(words_.data(), packed, (bits + 7) / 8);
        for (u64 &word : words_) word = reverse_in_bytes(word);
        words_[bits / 64] &= (u64{1} << bits % 64) - 1;
    }
    explicit BitString(std::size_t bits) : words_(bits / 64 + 2, 0) {}

    // `count` bits from `start` on, as chunks in the low half of elements.
    void chunks(std::size_t start, std::size_t count, u64 *to, std::size_t size) const {
        const std::size_t whole = count / CHUNK;
        for (std::size_t i = 0; i < whole; ++i) to[i] = at(start + i * CHUNK);
        std::fill(to + whole, to + size, 0);
        if (count % CHUNK) to[whole] = at(start + whole * CHUNK) & ((u64{1} << count % CHUNK) - 1);
    }

    // XOR `count` bits that lie from bit `first` on in overlapping elements, onto the bits from `start` on.
    void gather(const u64 *from, std::size_t first, std::size_t start, std::size_t count) {
        const auto word = [&](std::size_t chunk) {
            return (from[chunk] ^ (chunk ? from[chunk - 1] >> CHUNK : 0)) & 0xFFFFFFFF;
        };
        for (std::size_t done = 0; done < count; done += CHUNK) {
            const std::size_t chunk = (first + done) / CHUNK, shift = (first + done) % CHUNK;
            const std::size_t here = std::min(CHUNK, count - done);
            u64 bits = word(chunk) >> shift;
            if (shift + here > CHUNK) bits |= word(chunk + 1) << (CHUNK - shift);
            bits &= here < CHUNK ? (u64{1} << here) - 1 : 0xFFFFFFFF;
            put(start + done, bits);
        }
    }

    // Copy `count` bits of another string from `start` on, to the bits from `place` on.
    void place(const BitString &other, std::size_t start, std::size_t place, std::size_t count) {
        for (std::size_t done = 0; done < count; done += CHUNK) {
            const std::size_t here = std::min(CHUNK, count - done);
            put(place + done, other.at(start + done) & (here < CHUNK ? (u64{1} << here) - 1 : 0xFFFFFFFF));
        }
    }

    void pack(std::uint8_t *to, std::size_t bits) {
        for (u64 &word : words_) word = reverse_in_bytes(word);
        std::memcpy(to, words_.data(), (bits + 7) / 8);
    }

private:
    void put(std::size_t bit, u64 chunk) {
        words_[bit / 64] ^= chunk << bit % 64;
        if (bit % 64 > CHUNK) words_[bit / 64 + 1] ^= chunk >> (64 - bit % 64);
    }

    u64 at(std::size_t bit) const {
        const std::size_t shift = bit % 64;
        const u64 low = words_[bit / 64] >> shift;
        return (shift > CHUNK ? low | words_[bit / 64 + 1] << (64 - shift) : low) & 0xFFFFFFFF;
    }

    std::vector<u64> words_;
};

constexpr std::size_t chunks_of(std::size_t bits) { return (bits + CHUNK - 1) / CHUNK; }

void multiply_add(u64 *sum, const u64 *a, const u64 *b, std::size_t count) {
    std::size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(sum + i, operation_xor(load(sum + i), multiply(load(a + i), load(b + i))));
    for (; i < count; ++i) sum[i] ^= multiply_one(a[i], b[i]);
}

// Elements that stay with the thread: fresh pages for each hash would cost as much as a transform.
u64 *workspace(std::size_t count) {
    thread_local std::vector<u64> kept;
    constexpr std::size_t KEPT = std::size_t{3} << MOST_LEVELS;
    if (kept.size() < std::min(count, KEPT)) kept.resize(std::min(count, KEPT));
    return kept.data();
}

void hash_whole(const BitString &key, std::size_t n, const BitString &seed, std::size_t m, BitString &result) {
    const std::size_t product = chunks_of(n) + chunks_of(n + m - 1);
    const int levels = std::min(MOST_LEVELS, std::max(4, static_cast<int>(std::bit_width(product - 1))));
    const std::size_t size = std::size_t{1} << levels;
    u64 *x = workspace(3 * size), *s = x + size, *y = s + size;
    key.chunks(0, n, x, size);
    seed.chunks(0, n + m - 1, s, size);
    forward(x, levels);
    forward(s, levels);
    std::fill(y, y + size, 0);
    multiply_add(y, x, s, size);
    inverse(y, levels);
    result.gather(y, n - 1, 0, m);
}

void hash_tiles(const BitString &key, std::size_t n, const BitString &seed, std::size_t m, BitString &result) {
    constexpr std::size_t SIZE = std::size_t{1} << MOST_LEVELS;
    const std::size_t columns = (n + TILE - 1) / TILE, rows = (m + TILE - 1) / TILE, windows = columns + rows - 1;
    // Range by range: all tiles of a range of points lie together, so that their sums stay in the cache.
    const auto elements = std::make_unique_for_overwrite<u64[]>((columns + windows + rows) * SIZE);
    u64 *x = elements.get(), *s = x + columns * SIZE, *y = s + windows * SIZE;
    u64 *one = workspace(SIZE);
    const auto spread = [&](u64 *to, std::size_t tile, std::size_t tiles) {
        for (std::size_t range = 0; range < SIZE / RANGE; ++range)
            std::copy_n(one + range * RANGE, RANGE, to + (range * tiles + tile) * RANGE);
    };
    for (std::size_t column = 0; column < columns; ++column) {
        key.chunks(column * TILE, std::min(TILE, n - column * TILE), one, SIZE);
        forward(one, MOST_LEVELS);
        spread(x, column, columns);
    }
    const std::size_t bits = n + m - 1;
    for (std::size_t window = 0; window < windows; ++window) {
        // Diagonals i - j + n - 1 with i - j from (window - columns) TILE + 1 on, 2 TILE - 1 of them.
        const long long first = static_cast<long long>(n) - 1 +
                                (static_cast<long long>(window) - static_cast<long long>(columns)) *
                                    static_cast<long long>(TILE) + 1;
        const std::size_t lacking = first < 0 ? static_cast<std::size_t>(-first) : 0;
        const std::size_t start = first < 0 ? 0 : static_cast<std::size_t>(first);
        const std::size_t end = std::min(bits, static_cast<std::size_t>(first + static_cast<long long>(2 * TILE) - 1));
        BitString part(2 * TILE);
        part.place(seed, start, lacking, end - start);
        part.chunks(0, 2 * TILE - 1, one, SIZE);
        forward(one, MOST_LEVELS);
        spread(s, window, windows);
    }
    std::fill(y, y + rows * SIZE, 0);
    for (std::size_t range = 0; range < SIZE / RANGE; ++range)
        for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t column = 0; column < columns; ++column)
                multiply_add(y + (range * rows + row) * RANGE, x + (range * columns + column) * RANGE,
                             s + (range * windows + row + columns - 1 - column) * RANGE, RANGE);
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t range = 0; range < SIZE / RANGE; ++range)
            std::copy_n(y + (range * rows + row) * RANGE, RANGE, one + range * RANGE);
        inverse(one, MOST_LEVELS);
        result.gather(one, TILE - 1, row * TILE, std::min(TILE, m - row * TILE));
    }
}

void hash(Array<std::uint8_t> bits, std::size_t n, Array<std::uint8_t> seed, Output<std::uint8_t> out, std::size_t m) {
    if (!n || !m || bits.size() != (n + 7) / 8 || seed.size() != (n + m + 6) / 8 || out.size() != (m + 7) / 8)
        throw std::invalid_argument("the arrays of a Toeplitz hash do not fit its sizes");
    nb::gil_scoped_release unlocked;
    const BitString key(bits.data(), n), diagonals(seed.data(), n + m - 1);
    BitString result(m);
    if (chunks_of(n + m - 1) <= MOST_SEED_CHUNKS)
        hash_whole(key, n, diagonals, m, result);
    else
        hash_tiles(key, n, diagonals, m, result);
    result.pack(out.data(), m);
}

}  // namespace

void bind_toeplitz(nb::module_ &module) { module.def("toeplitz_hash", &hash); }

}  // namespace qit
