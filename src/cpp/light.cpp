// Emulated light and its detection. The NumPy twin of each kernel is named beside it and gives the same bits.
#include "kernels.hpp"

#include <nanobind/stl/vector.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace nanobind::literals;

namespace qit {
namespace {

constexpr std::size_t BLOCK = 1024;
constexpr std::uint64_t GOLDEN = 0x9E3779B97F4A7C15;
constexpr std::uint64_t ONE = 0x3FF0000000000000;  // bits of 1.0

// What a gate saw, and what a pulse was: the layouts of qit4n.kernels.deadtime and qit4n.quantum.emulated.light.
constexpr unsigned STATE = 8, COUNTED = 10, RELEASED = 1U << 12, OTHERS = 13;
constexpr unsigned BASIS = 2, INTENSITY = 4;

// qit4n.kernels.sampling.Stream.words: a counter, a key, three rounds of multiplication.
struct Stream {
    std::uint64_t start, inner;
    std::uint64_t word(std::uint64_t counter) const { return mix(start + counter * GOLDEN); }
    // Many in a row: the multiplication by the counter becomes an addition.
    template <typename Use>
    void words(std::uint64_t counter, std::size_t count, Use use) const {
        std::uint64_t place = start + counter * GOLDEN;
        for (std::size_t i = 0; i < count; ++i, place += GOLDEN) use(i, mix(place));
    }
    std::uint64_t mix(std::uint64_t place) const {
        std::uint64_t z = place ^ inner;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z = (z ^ (z >> 31)) * 0xFF51AFD7ED558CCD;
        return z ^ (z >> 33);
    }
};

// qit4n.kernels.sampling.gaps. Only IEEE operations that round correctly, in the same order, and no conversion
// between integers and doubles, which AVX2 does not have for 64 bits: bits are moved instead.
inline std::int64_t gap(std::uint64_t word, double scale) {
    const double uniform = 2.0 - std::bit_cast<double>(ONE | (word >> 12));
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(uniform);
    const std::uint64_t exponent = (bits + 0x00095F619980C433) >> 52;
    const double power = std::bit_cast<double>(exponent | 0x4330000000000000) - 4503599627371519.0;
    const double mantissa = std::bit_cast<double>(bits + ONE - (exponent << 52));
    const double ratio = (mantissa - 1.0) / (mantissa + 1.0), square = ratio * ratio;
    double series = 2.0 / 15.0;
    series = series * square + 2.0 / 13.0;
    series = series * square + 2.0 / 11.0;
    series = series * square + 2.0 / 9.0;
    series = series * square + 2.0 / 7.0;
    series = series * square + 2.0 / 5.0;
    series = series * square + 2.0 / 3.0;
    series = series * square + 2.0;
    const double steps = (power * 0.6931471805599453 + ratio * series) * scale;
    const double capped = steps < 1099511627776.0 ? steps : 1099511627776.0;
    constexpr double round = 6755399441055744.0;
    return std::bit_cast<std::int64_t>((capped - 0.5) + round) - std::bit_cast<std::int64_t>(round);
}

template <typename T>
using Column = nb::ndarray<nb::numpy, T, nb::ndim<1>>;

// An array that grows and becomes NumPy's without a copy.
template <typename T>
class Growing {
  public:
    explicit Growing(std::size_t capacity) : data_(new T[capacity]), capacity_(capacity) {}
    // Room for `more` elements behind the first `used`.
    T *room(std::size_t used, std::size_t more) {
        if (used + more > capacity_) {
            capacity_ = 2 * (used + more);
            std::unique_ptr<T[]> larger(new T[capacity_]);
            std::copy_n(data_.get(), used, larger.get());
            data_ = std::move(larger);
        }
        return data_.get();
    }
    T *data() { return data_.get(); }
    Column<T> column(std::size_t size) {
        T *data = data_.release();
        return Column<T>(data, {size}, nb::capsule(data, [](void *held) noexcept { delete[] static_cast<T *>(held); }));
    }

  private:
    std::unique_ptr<T[]> data_;
    std::size_t capacity_;
};

// qit4n.kernels.sampling.successes: uint32 places below `trials`; `expected` sizes the first allocation.
Column<std::uint32_t> successes(std::uint64_t start, std::uint64_t inner, double scale, std::int64_t trials,
                                std::size_t expected) {
    const Stream stream{start, inner};
    Growing<std::uint32_t> places(expected + BLOCK);
    std::size_t count = 0;
    {
        nb::gil_scoped_release release;
        std::int64_t steps[BLOCK], last = -1;
        while (true) {
            stream.words(count, BLOCK, [&](std::size_t i, std::uint64_t word) { steps[i] = gap(word, scale) + 1; });
            std::uint32_t *place = places.room(count, BLOCK) + count;
            const std::int64_t before = last;
            for (std::size_t i = 0; i < BLOCK; ++i) place[i] = static_cast<std::uint32_t>(last += steps[i]);
            if (last < trials) {
                count += BLOCK;
                continue;
            }
            last = before;
            for (std::size_t i = 0; (last += steps[i]) < trials; ++i) ++count;
            break;
        }
    }
    return places.column(count);
}

inline std::uint8_t mark(std::uint32_t low, std::uint32_t test_from, unsigned intensity) {
    const unsigned test = (low >> 1) >= test_from;
    return static_cast<std::uint8_t>((low & 1) | test * BASIS | intensity * INTENSITY);
}

// qit4n.kernels.sampling.Marks.draw: (marks, photons) of pulses 0 .. count - 1; class c is intensity c mod kinds.
nb::tuple marks(std::uint64_t start, std::uint64_t inner, std::size_t count, std::uint32_t test_from,
                Array<std::uint32_t> classes, unsigned kinds) {
    const Stream stream{start, inner};
    Growing<std::uint8_t> found(count), photons(count);
    std::uint8_t *state = found.data(), *number = photons.data();
    {
        nb::gil_scoped_release release;
        std::uint32_t low[BLOCK], above[BLOCK];
        std::uint16_t kind[BLOCK];
        std::vector<std::uint8_t> intensity(classes.size() + 1), photons_of(classes.size() + 1);
        for (std::size_t c = 0; c <= classes.size(); ++c) {
            intensity[c] = static_cast<std::uint8_t>(c % kinds);
            photons_of[c] = static_cast<std::uint8_t>(1 + c / kinds);
        }
        for (std::size_t at = 0; at < count; at += BLOCK) {
            const std::size_t size = std::min(BLOCK, count - at);
            stream.words(at, BLOCK, [&](std::size_t i, std::uint64_t word) {
                low[i] = static_cast<std::uint32_t>(word);
                above[i] = static_cast<std::uint32_t>(word >> 32);
                kind[i] = 0;
            });
            for (std::size_t c = 0; c < classes.size(); ++c) {
                const std::uint32_t from = classes.data()[c];
                for (std::size_t i = 0; i < BLOCK; ++i) kind[i] += above[i] >= from;
            }
            for (std::size_t i = 0; i < size; ++i) {
                state[at + i] = mark(low[i], test_from, intensity[kind[i]]);
                number[at + i] = photons_of[kind[i]];
            }
        }
    }
    return nb::make_tuple(found.column(count), photons.column(count));
}

// qit4n.quantum.emulated.transmitter._Dark.recall: marks of `slots`, which ascend within one segment.
Column<std::uint8_t> recall(std::int64_t first, Array<std::uint32_t> offsets, Array<std::uint8_t> known,
                            Array<std::int64_t> slots, std::uint64_t start, std::uint64_t inner,
                            std::uint32_t test_from, Array<std::uint64_t> intensities_from) {
    const Stream stream{start, inner};
    Growing<std::uint8_t> found(slots.size());
    {
        nb::gil_scoped_release release;
        std::size_t at = 0;
        const std::size_t size = offsets.size(), count = slots.size();
        const std::uint32_t *offset = offsets.data();
        const std::uint8_t *lit = known.data();
        const std::int64_t *slot = slots.data();
        std::uint8_t *state = found.data();
        for (std::size_t i = 0; i < count; ++i) {
            const std::int64_t wanted = slot[i] - first;
            while (at < size && offset[at] < wanted) ++at;
            if (at < size && offset[at] == wanted) {
                state[i] = lit[at];
            } else {
                const std::uint64_t word = stream.word(static_cast<std::uint64_t>(slot[i]));
                unsigned intensity = 0;
                for (std::size_t k = 0; k < intensities_from.size(); ++k)
                    intensity += (word >> 32) >= intensities_from.data()[k];
                state[i] = mark(static_cast<std::uint32_t>(word), test_from, intensity);
            }
        }
    }
    return found.column(slots.size());
}

// Photons in a state, and those in the opposite one.
inline unsigned seen_of(unsigned photons, unsigned state) {
    return photons | (state & 3) << STATE | (state >> 2 & 7) << OTHERS;
}

// qit4n.quantum.emulated.receiver._together: (gates, what they saw) of light and of the counts of two detectors.
nb::tuple together(std::int64_t first, Array<std::uint32_t> lit, Array<std::uint8_t> photons,
                   Array<std::uint8_t> states, Array<std::uint32_t> dark0, Array<std::uint32_t> dark1) {
    const std::size_t most = lit.size() + dark0.size() + dark1.size();
    Growing<std::int64_t> gates(most);
    Growing<std::uint16_t> seen(most);
    std::size_t count = 0;
    {
        nb::gil_scoped_release release;
        constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
        const auto next = [](const Array<std::uint32_t> &from, std::size_t i) {
            return i < from.size() ? std::uint64_t{from.data()[i]} : never;
        };
        const std::uint32_t *place = lit.data();
        std::size_t i = 0, a = 0, b = 0;
        while (true) {
            const std::uint64_t dark = std::min(next(dark0, a), next(dark1, b));
            std::size_t stop = lit.size();
            if (dark != never) stop = static_cast<std::size_t>(std::lower_bound(place + i, place + stop, dark) - place);
            std::int64_t *gate = gates.data() + count;
            std::uint16_t *saw = seen.data() + count;
            for (std::size_t k = i; k < stop; ++k) {
                gate[k - i] = first + place[k];
                saw[k - i] = static_cast<std::uint16_t>(seen_of(photons.data()[k], states.data()[k]));
            }
            count += stop - i;
            i = stop;
            if (dark == never) break;
            unsigned what = 0;
            if (i < lit.size() && place[i] == dark) {
                what = seen_of(photons.data()[i], states.data()[i]);
                ++i;
            }
            if (next(dark0, a) == dark) what |= 1U << COUNTED, ++a;
            if (next(dark1, b) == dark) what |= 2U << COUNTED, ++b;
            gates.data()[count] = first + static_cast<std::int64_t>(dark);
            seen.data()[count++] = static_cast<std::uint16_t>(what);
        }
    }
    return nb::make_tuple(gates.column(count), seen.column(count));
}

// Copies the live gates and what they saw; returns how many there are, and the first gate that is live after them.
std::pair<std::size_t, std::int64_t> scan(const std::int64_t *gate, const std::uint16_t *what, std::size_t size,
                                          std::int64_t dead_gates, std::int64_t from, std::int64_t *place,
                                          std::uint16_t *note) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const std::int64_t at = gate[i];
        const bool live = at >= from;
        place[count] = at;
        note[count] = what[i];
        count += live;
        from = live ? at + dead_gates + 1 : from;
    }
    return {count, from};
}

// qit4n.kernels.deadtime.DeadTime: (gates, what they saw, the first live gate, releases in ascending order).
nb::tuple accept(Array<std::int64_t> gates, Array<std::uint16_t> seen, std::int64_t end, std::int64_t dead_gates,
                 std::uint64_t filled_below, double scale, std::uint64_t start, std::uint64_t inner,
                 std::int64_t first_live, std::vector<std::int64_t> releases) {
    const Stream stream{start, inner};
    const std::size_t size = gates.size();
    Growing<std::int64_t> left(size + 64);
    Growing<std::uint16_t> saw(size + 64);
    std::size_t count = 0;
    {
        nb::gil_scoped_release release;
        constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
        const std::int64_t *gate = gates.data();
        const std::uint16_t *what = seen.data();
        std::int64_t *place = left.data();
        std::uint16_t *note = saw.data();
        std::make_heap(releases.begin(), releases.end(), std::greater<>{});
        std::int64_t live_gate = first_live;
        std::int64_t coming = releases.empty() ? never : releases.front();
        std::size_t i = 0;
        const auto trap = [&](std::int64_t at) {
            const std::uint64_t counter = 2 * static_cast<std::uint64_t>(at);
            if (stream.word(counter) >> 11 >= filled_below) return;
            releases.push_back(at + dead_gates + 1 + gap(stream.word(counter + 1), scale));
            std::push_heap(releases.begin(), releases.end(), std::greater<>{});
            coming = releases.front();
        };
        while (true) {
            place = left.room(count, size - i + 1);
            note = saw.room(count, size - i + 1);
            if (filled_below == 0) {  // without a branch, since whether a gate is live is hard to guess
                const std::int64_t *until = std::lower_bound(gate + i, gate + size, coming);
                const std::size_t stop = static_cast<std::size_t>(until - gate);
                const auto [found, next] =
                    scan(gate + i, what + i, stop - i, dead_gates, live_gate, place + count, note + count);
                i = stop, count += found, live_gate = next;
            }
            for (; i < size && gate[i] < coming; ++i) {
                if (gate[i] < live_gate) continue;
                place[count] = gate[i];
                note[count++] = what[i];
                live_gate = gate[i] + dead_gates + 1;
                trap(gate[i]);
            }
            if (coming >= end) break;
            const std::int64_t now = coming;
            std::pop_heap(releases.begin(), releases.end(), std::greater<>{});
            releases.pop_back();
            coming = releases.empty() ? never : releases.front();
            if (now < live_gate) continue;
            place[count] = now;
            note[count++] = static_cast<std::uint16_t>(RELEASED | (i < size && gate[i] == now ? what[i] : 0U));
            live_gate = now + dead_gates + 1;
            trap(now);
        }
        std::sort(releases.begin(), releases.end());
        first_live = live_gate;
    }
    return nb::make_tuple(left.column(count), saw.column(count), first_live, releases);
}

// qit4n.quantum.emulated.receiver._Clicks.answer: (bases, bits, number of double clicks) of clicks. The tables
// have 8 rows (photons in the opposite state) of 256 photon numbers for equal bases, and as many for different ones.
nb::tuple answer(Array<std::int64_t> gates, Array<std::uint16_t> seen, std::uint64_t start, std::uint64_t inner,
                 std::uint32_t test_from, Array<std::uint32_t> wrong_below, Array<std::uint32_t> right_from) {
    const Stream stream{start, inner};
    const std::size_t size = gates.size();
    Growing<std::uint8_t> bases(size), bits(size);
    std::uint8_t *basis = bases.data(), *result = bits.data();
    std::size_t doubles = 0;
    {
        nb::gil_scoped_release release;
        const std::uint32_t *wrong = wrong_below.data(), *right = right_from.data();
        std::uint32_t low[BLOCK] = {}, high[BLOCK] = {}, what[BLOCK] = {}, test[BLOCK], bit[BLOCK], twice[BLOCK];
        for (std::size_t at = 0; at < size; at += BLOCK) {
            const std::size_t block = std::min(BLOCK, size - at);
            const std::int64_t *gate = gates.data() + at;
            for (std::size_t i = 0; i < block; ++i) {
                const std::uint64_t word = stream.word(static_cast<std::uint64_t>(gate[i]));
                low[i] = static_cast<std::uint32_t>(word);
                high[i] = static_cast<std::uint32_t>(word >> 32);
                what[i] = seen.data()[at + i];
            }
            // Full blocks, 32 bits throughout and no branches, so that it becomes vectors; leftovers are not read.
            for (std::size_t i = 0; i < BLOCK; ++i) {
                const std::uint32_t saw = what[i], route = high[i] >> 1, photons = saw & 255;
                const std::uint32_t other = ((low[i] >> 2 | high[i] << 30) & 0x7FFFFFFF) >= test_from;
                const std::uint32_t row = ((other ^ (saw >> (STATE + 1))) & 1) << 11 | saw >> OTHERS << 8 | photons;
                const std::uint32_t all_wrong = route < wrong[row], all_right = route >= right[row];
                const std::uint32_t single = 1 + ((saw >> STATE & 1) ^ all_wrong);
                const std::uint32_t light = all_wrong | all_right ? single : 3;
                const std::uint32_t stray = 1 + (low[i] >> 1 & 1);
                const std::uint32_t fired =
                    (photons ? light : 0) | (saw >> COUNTED & 3) | (saw & RELEASED ? stray : 0);
                test[i] = other;
                twice[i] = fired == 3;
                bit[i] = fired == 3 ? low[i] & 1 : fired >> 1;
            }
            for (std::size_t i = 0; i < block; ++i) {
                basis[at + i] = static_cast<std::uint8_t>(test[i]);
                result[at + i] = static_cast<std::uint8_t>(bit[i]);
                doubles += twice[i];
            }
        }
    }
    return nb::make_tuple(bases.column(size), bits.column(size), doubles);
}

}  // namespace

void bind_light(nb::module_ &module) {
    module.def("successes", &successes);
    module.def("marks", &marks);
    module.def("recall", &recall);
    module.def("together", &together);
    module.def("accept", &accept);
    module.def("answer", &answer);
}

}  // namespace qit
