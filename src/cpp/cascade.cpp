// Cascade (Brassard and Salvail 1993) on packed parities, with sub-block reuse: one end of one group of frames.
//
// Both ends run the same machine. In each round each end says its own parities of the same nodes; the differences
// move both machines alike, and the corrector flips what is found. A pass cuts a permutation of the frame into blocks
// of a power of two; nodes are blocks and their halves, quarters and so on. The nodes of a pass whose parities are
// known make a tree of which only the leaves matter: an odd inner node has an odd leaf, which is smaller.
//
// A pass holds, all packed: the bits in its order, the parities of words, the first bits of leaves, which leaves are
// odd, and which are listed for a search. A pass of few blocks that has not been searched yet holds only the oddness
// of its blocks; most of the last passes never need more.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "kernels.hpp"

namespace qit {
namespace {

using u64 = std::uint64_t;
using u32 = std::uint32_t;
constexpr u32 WORD_LEVEL = 6, MOST_WORDS = 1u << 16;
constexpr std::size_t AHEAD = 6;

inline u64 low_bits(u64 count) { return count >= 64 ? ~u64{0} : (u64{1} << count) - 1; }
inline u64 bit(u32 place) { return u64{1} << (place % 64); }

// Bits one after the other, the first in the lowest place; each frame begins with a byte of its own.
class Writer {
public:
    void put(u64 value, u32 count) {
        word_ |= value << filled_;
        if (filled_ + count >= 64) {
            append(64);
            word_ = filled_ ? value >> (64 - filled_) : 0;
            filled_ = filled_ + count - 64;
        } else {
            filled_ += count;
        }
    }
    void align() {
        append((filled_ + 7) / 8 * 8);
        word_ = 0, filled_ = 0;
    }
    const std::vector<std::uint8_t> &bytes() const { return bytes_; }
    void clear() { bytes_.clear(); }

private:
    void append(u32 bits) {
        const auto *from = reinterpret_cast<const std::uint8_t *>(&word_);
        bytes_.insert(bytes_.end(), from, from + bits / 8);
    }
    std::vector<std::uint8_t> bytes_;
    u64 word_ = 0;
    u32 filled_ = 0;
};

class Reader {
public:
    Reader(const std::uint8_t *bytes, std::size_t size) : at_(bytes), end_(bytes + size) {}
    u64 get(u32 count) {
        while (held_ < count) {
            if (at_ == end_) throw std::invalid_argument("fewer parities than were asked for");
            if (held_ > 56) return get(count / 2) | get(count - count / 2) << (count / 2);
            word_ |= u64{*at_++} << held_;
            held_ += 8;
        }
        const u64 value = word_ & low_bits(count);
        word_ = count < 64 ? word_ >> count : 0;
        held_ -= count;
        return value;
    }
    void align() { word_ = 0, held_ = 0; }
    bool over() const { return at_ == end_; }

private:
    const std::uint8_t *at_, *end_;
    u64 word_ = 0;
    u32 held_ = 0;
};

// What all frames of a correction share: sizes, and the permutation of each pass. In pass p, bit c of word j is bit c
// of word orders[p][(after[p][j] + shifts[p][c]) mod words] of the frame; pass 0 is the frame itself. Without a second
// permutation of words in the last passes, errors at the corners of a rectangle would often stay together; in the
// sequential passes, where each correction looks up its places, there is none.
struct Plan {
    u32 words, passes, sequential, waves;
    std::vector<u32> levels;
    std::vector<std::uint16_t> orders, places, shifts, after, before;  // small tables stay in the first-level cache

    u32 place(u32 pass, u32 origin) const {
        if (!pass) return origin;
        const u32 column = origin % 64, row = places[pass * words + origin / 64], shift = shifts[pass * 64 + column];
        const u32 turned = row >= shift ? row - shift : row + words - shift;
        return (pass < sequential ? turned : before[pass * words + turned]) * 64 + column;
    }
    u32 origin(u32 pass, u32 place) const {
        if (!pass) return place;
        const u32 column = place % 64;
        u32 row = (pass < sequential ? place / 64 : after[pass * words + place / 64]) + shifts[pass * 64 + column];
        if (row >= words) row -= words;
        return orders[pass * words + row] * 64 + column;
    }
    u32 padded(u32 pass) const {
        const u32 block = levels[pass] > WORD_LEVEL ? 1u << (levels[pass] - WORD_LEVEL) : 1;
        return (words + block - 1) / block * block;
    }
    u32 blocks(u32 pass) const {
        return levels[pass] > WORD_LEVEL ? padded(pass) >> (levels[pass] - WORD_LEVEL)
                                         : words << (WORD_LEVEL - levels[pass]);
    }
    // When a later pass starts, no known leaf is odd, so the number of errors is even: the last block follows.
    u32 asked_blocks(u32 pass) const { return blocks(pass) - (pass ? 1 : 0); }
    // First bits of the blocks in one word, for blocks of at most a word.
    u64 firsts(u32 level) const {
        u64 found = 0;
        for (u32 place = 0; place < 64; place += 1u << level) found |= u64{1} << place;
        return found;
    }
};

struct Entry {
    u32 pass, start, level;
};

struct Asked {
    Entry entry;
    bool own;
};

// 64 bits of a pass: their values, where leaves begin, and of these bits which leaves are odd and which are listed.
struct Word {
    u64 bits, starts, odd, listed;
};

// Memory of passes that are over serves the next ones: fresh pages would cost as much as the work on them.
using Storage = std::unique_ptr<u64[]>;

class Spare {
public:
    explicit Spare(std::size_t size) : size_(size) {}
    Storage take() {
        if (kept_.empty()) return std::make_unique_for_overwrite<u64[]>(size_);
        Storage found = std::move(kept_.back());
        kept_.pop_back();
        return found;
    }
    void give(Storage storage) {
        if (storage) kept_.push_back(std::move(storage));
    }

private:
    std::size_t size_;
    std::vector<Storage> kept_;
};

class Pass {
public:
    u64 odd_blocks = 0, listed_blocks = 0;

    bool open() const { return words_; }
    Word &word(u32 i) { return words_[i]; }
    u64 *parities() { return parities_; }

    // Bits in the order of this pass, filled up with zeros to `size` words.
    void hold(Storage storage, const u64 *bits, u32 count, u32 size) {
        size_ = size;
        storage_ = std::move(storage);
        words_ = reinterpret_cast<Word *>(storage_.get());
        parities_ = storage_.get() + 4 * std::size_t{size};
        std::fill(parities_, parities_ + (size + 63) / 64, 0);
        for (u32 i = 0; i < size; ++i) words_[i] = {i < count ? bits[i] : 0, 0, 0, 0};
        for (u32 i = 0; i < count; ++i) parities_[i / 64] |= u64(std::popcount(bits[i]) & 1) << (i % 64);
    }
    Storage drop() {
        words_ = nullptr;
        return std::move(storage_);
    }

    bool parity(u32 start, u32 level) {
        if (level <= WORD_LEVEL) return std::popcount(words_[start / 64].bits >> (start % 64) & low_bits(1u << level)) & 1;
        return block_parity(parities(), start / 64, level);
    }

    static bool block_parity(const u64 *parities, u32 first, u32 level) {
        const u32 count = 1u << (level - WORD_LEVEL);
        if (count <= 64) return std::popcount(parities[first / 64] >> (first % 64) & low_bits(count)) & 1;
        u64 sum = 0;
        for (u32 i = 0; i < count / 64; ++i) sum ^= parities[first / 64 + i];
        return std::popcount(sum) & 1;
    }

    // The leaf that holds a bit.
    Entry leaf(u32 pass, u32 place, u32 most) {
        if (!open()) return {pass, place >> most << most, most};
        u32 word = place / 64;
        u64 here = words_[word].starts & low_bits(place % 64 + 1);
        while (!here) here = words_[--word].starts;
        const u32 start = word * 64 + 63 - std::countl_zero(here);
        word = place / 64;
        here = words_[word].starts & ~low_bits(place % 64 + 1);
        while (!here && ++word < size_) here = words_[word].starts;
        const u32 end = word < size_ ? word * 64 + std::countr_zero(here) : size_ * 64;
        return {pass, start, static_cast<u32>(std::countr_zero(end - start))};
    }

private:
    Storage storage_;
    Word *words_ = nullptr;
    u64 *parities_ = nullptr;
    u32 size_ = 0;
};

class Frame {
public:
    // `key`: the words of the frame, which get the corrected ones when it is done.
    Frame(const Plan &plan, Spare &spare, u64 *key) : plan_(plan), spare_(spare), key_(key), passes_(plan.passes) {
        passes_[0].hold(spare_.take(), key, plan.words, plan.padded(0));
    }

    bool done() const { return done_; }
    u64 corrected() const { return corrected_; }
    // Say the own parities of the nodes that are next. Returns their number; 0 when nothing is left to ask.
    u64 ask(Writer &out) {
        asked_.clear();
        if (!entries_.empty()) choose();
        if (asked_.empty() && entries_.empty()) return start_passes(out);
        for (Asked &one : asked_) {
            open_for(one.entry);
            one.own = passes_[one.entry.pass].parity(one.entry.start, one.entry.level - 1);
            out.put(one.own, 1);
        }
        out.align();
        return asked_.size();
    }

    // Take the other end's parities of the same nodes.
    void learn(Reader &in, bool corrects) {
        if (starting_ < started_) {
            for (; starting_ < started_; ++starting_) learn_blocks(in, starting_);
        } else {
            found_.clear();
            for (std::size_t i = 0; i < asked_.size(); ++i) {
                if (i + AHEAD < asked_.size()) fetch(asked_[i + AHEAD].entry);
                split(asked_[i], in.get(1) != asked_[i].own);
            }
            for (std::size_t i = 0; i < found_.size(); ++i) {
                if (i + AHEAD < found_.size()) fetch_all(found_[i + AHEAD]);
                correct(found_[i], corrects);
            }
        }
        in.align();
    }

private:
    // The bits of the frame in the order of a pass.
    const std::vector<u64> &permuted(u32 pass) {
        thread_local std::vector<u64> twice, turned, bits;
        const u32 words = plan_.words;
        const std::uint16_t *order = plan_.orders.data() + pass * words, *shifts = plan_.shifts.data() + pass * 64;
        twice.resize(2 * words);
        turned.assign(words, 0);
        bits.resize(words);
        for (u32 i = 0; i < words; ++i) twice[i] = twice[i + words] = passes_[0].word(order[i]).bits;
        for (u32 column = 0; column < 64; ++column) {
            const u64 *from = twice.data() + shifts[column], mask = u64{1} << column;
            for (u32 j = 0; j < words; ++j) turned[j] |= from[j] & mask;
        }
        const std::uint16_t *after = plan_.after.data() + pass * words;
        for (u32 j = 0; j < words; ++j) bits[j] = turned[after[j]];
        return bits;
    }

    // Odd leaves that are searched in this round. The blocks of a pass are taken in waves: what a wave finds makes
    // blocks of earlier passes odd, whose search costs less than that of the blocks of the next wave.
    void choose() {
        for (; asked_.empty() && !entries_.empty(); ++wave_) {
            std::size_t kept = 0;
            for (std::size_t i = 0; i < entries_.size(); ++i) {
                if (i + AHEAD < entries_.size()) fetch(entries_[i + AHEAD]);
                const Entry one = entries_[i];
                const bool block = one.pass && one.level == plan_.levels[one.pass];
                if (is_odd(one) && block && (one.start >> one.level) % plan_.waves > wave_) {
                    entries_[kept++] = one;
                    continue;
                }
                set_listed(one, false);
                if (is_odd(one)) asked_.push_back({one, false});
            }
            entries_.resize(kept);
            if (!asked_.empty()) return;
        }
    }

    bool light(u32 pass) const {
        return pass >= plan_.sequential && plan_.levels[pass] > WORD_LEVEL && plan_.blocks(pass) <= 64;
    }

    u64 start_passes(Writer &out) {
        if (started_ == plan_.passes) {
            for (u32 i = 0; i < plan_.words; ++i) key_[i] = passes_[0].word(i).bits;
            for (Pass &pass : passes_) spare_.give(pass.drop());
            done_ = true;
            return 0;
        }
        starting_ = started_, wave_ = 0;
        started_ = started_ < plan_.sequential ? started_ + 1 : plan_.passes;
        u64 count = 0;
        own_.clear();
        for (u32 pass = starting_; pass < started_; ++pass) {
            Pass &current = passes_[pass];
            if (pass) current.hold(spare_.take(), permuted(pass).data(), plan_.words, plan_.padded(pass));
            const u32 level = plan_.levels[pass];
            if (level <= WORD_LEVEL) {
                const u32 each = 64 >> level;
                const u64 mask = plan_.firsts(level);
                for (u32 i = 0; i < plan_.words; ++i) {
                    u64 sums = current.word(i).bits;
                    for (u32 step = 0; step < level; ++step) sums ^= sums >> (1u << step);
                    own_.push_back(sums & mask);
                    out.put(gather(sums & mask, level), each);
                }
                count += u64{plan_.words} * each;
            } else {
                for (u32 i = 0; i < plan_.asked_blocks(pass); ++i) {
                    own_.push_back(current.parity(i << level, level));
                    out.put(own_.back(), 1);
                }
                count += plan_.asked_blocks(pass);
            }
            if (light(pass)) spare_.give(current.drop());
        }
        own_at_ = 0;
        out.align();
        return count;
    }

    // The first bits of blocks side by side, and back.
    static u64 gather(u64 spread, u32 level) {
        u64 found = 0;
        for (u32 i = 0; i < 64u >> level; ++i) found |= (spread >> (i << level) & 1) << i;
        return found;
    }
    static u64 scatter(u64 dense, u32 level) {
        u64 found = 0;
        for (u32 i = 0; i < 64u >> level; ++i) found |= (dense >> i & 1) << (i << level);
        return found;
    }

    void learn_blocks(Reader &in, u32 pass) {
        Pass &current = passes_[pass];
        const u32 level = plan_.levels[pass];
        if (level <= WORD_LEVEL) {
            const u64 mask = plan_.firsts(level);
            for (u32 i = 0; i < plan_.words; ++i) {
                const u64 odd = own_[own_at_++] ^ scatter(in.get(64 >> level), level);
                current.word(i).starts = mask;
                current.word(i).odd = odd;
                current.word(i).listed = level ? odd : 0;
                for (u64 rest = odd; rest; rest &= rest - 1) {
                    const Entry one{pass, i * 64 + static_cast<u32>(std::countr_zero(rest)), level};
                    if (level) entries_.push_back(one);
                }
            }
            return;
        }
        bool last = false;
        for (u32 i = 0; i < plan_.blocks(pass); ++i) {
            const bool odd = i < plan_.asked_blocks(pass) ? own_[own_at_++] != in.get(1) : last;
            last ^= odd;
            const Entry one{pass, i << level, level};
            if (current.open()) current.word(one.start / 64).starts ^= bit(one.start);
            if (!odd) continue;
            toggle_odd(one);
            set_listed(one, true);
            entries_.push_back(one);
        }
    }

    // Memory that will be needed soon: frames in flight are many times larger than the caches near the core.
    void fetch(const Entry &one) {
        if (passes_[one.pass].open()) __builtin_prefetch(&passes_[one.pass].word(one.start / 64), 1);
    }
    void fetch_all(const Entry &error) {
        const u32 origin = plan_.origin(error.pass, error.start);
        for (u32 pass = 0; pass < started_; ++pass)
            if (passes_[pass].open()) __builtin_prefetch(&passes_[pass].word(plan_.place(pass, origin) / 64), 1);
    }

    bool is_odd(const Entry &one) {
        Pass &current = passes_[one.pass];
        return current.open() ? (current.word(one.start / 64).odd & bit(one.start)) != 0 : current.odd_blocks >> (one.start >> one.level) & 1;
    }
    void toggle_odd(const Entry &one) {
        Pass &current = passes_[one.pass];
        if (current.open())
            current.word(one.start / 64).odd ^= bit(one.start);
        else
            current.odd_blocks ^= u64{1} << (one.start >> one.level);
    }
    bool is_listed(const Entry &one) {
        Pass &current = passes_[one.pass];
        return current.open() ? (current.word(one.start / 64).listed & bit(one.start)) != 0
                              : current.listed_blocks >> (one.start >> one.level) & 1;
    }
    void set_listed(const Entry &one, bool value) {
        Pass &current = passes_[one.pass];
        if (is_listed(one) == value) return;
        if (current.open())
            current.word(one.start / 64).listed ^= bit(one.start);
        else
            current.listed_blocks ^= u64{1} << (one.start >> one.level);
    }

    // A pass of few blocks is written out when one of them is searched for the first time.
    void open_for(const Entry &one) {
        Pass &current = passes_[one.pass];
        if (current.open()) return;
        current.hold(spare_.take(), permuted(one.pass).data(), plan_.words, plan_.padded(one.pass));
        for (u32 i = 0; i < plan_.blocks(one.pass); ++i) {
            const u32 start = i << plan_.levels[one.pass];
            current.word(start / 64).starts |= bit(start);
            if (current.odd_blocks >> i & 1) current.word(start / 64).odd |= bit(start);
            if (current.listed_blocks >> i & 1) current.word(start / 64).listed |= bit(start);
        }
    }

    // An odd leaf becomes two, of which one is odd. Which one nobody can predict, so there is no branch.
    void split(const Asked &asked, bool left_odd) {
        Pass &current = passes_[asked.entry.pass];
        const u32 level = asked.entry.level - 1, first = asked.entry.start, middle = first + (1u << level);
        const u64 right = u64{left_odd} - 1;
        Word &low = current.word(first / 64), &high = current.word(middle / 64);
        high.starts |= bit(middle);
        low.odd ^= bit(first) & right;
        high.odd ^= bit(middle) & right;
        const Entry half{asked.entry.pass, first + (static_cast<u32>(right) & (1u << level)), level};
        if (level == 0) {
            found_.push_back(half);
        } else {
            current.word(half.start / 64).listed |= bit(half.start);
            entries_.push_back(half);
        }
    }

    // A leaf of one bit is odd: an error. Every leaf that holds it changes its oddness.
    void correct(const Entry &error, bool corrects) {
        if (!is_odd(error)) return;
        ++corrected_;
        const u32 origin = plan_.origin(error.pass, error.start);
        for (u32 pass = 0; pass < started_; ++pass) {
            const u32 place = plan_.place(pass, origin);
            Pass &current = passes_[pass];
            if (corrects && current.open()) {
                current.word(place / 64).bits ^= bit(place);
                current.parities()[place / 4096] ^= bit(place / 64);
            }
            const Entry leaf = current.leaf(pass, place, plan_.levels[pass]);
            toggle_odd(leaf);
            if (leaf.level && is_odd(leaf) && !is_listed(leaf)) {
                set_listed(leaf, true);
                entries_.push_back(leaf);
            }
        }
    }

    const Plan &plan_;
    Spare &spare_;
    u64 *key_;
    std::vector<Pass> passes_;
    std::vector<Entry> entries_, found_;
    std::vector<Asked> asked_;
    std::vector<u64> own_;
    std::size_t own_at_ = 0;
    u64 corrected_ = 0;
    u32 starting_ = 0, started_ = 0, wave_ = 0;
    bool done_ = false;
};

class Cascade {
public:
    // `key`: frames of `words` words of 64 bits one after the other, the last filled up with zeros by the caller.
    // At most `flight` frames are at work at once; when one is done the next begins.
    Cascade(Array<std::uint8_t> key, u32 words, Array<std::uint8_t> levels, u32 sequential, u32 waves, u32 flight,
            Array<u32> orders, Array<u32> shifts, Array<u32> after, bool corrects)
        : flight_(flight), corrects_(corrects) {
        const u32 passes = static_cast<u32>(levels.size());
        if (!words || words > MOST_WORDS || !passes || sequential < 1 || sequential > passes || !waves || !flight ||
            orders.size() != passes * words || after.size() != passes * words || shifts.size() != passes * 64 || key.size() % (8 * std::size_t{words}))
            throw std::invalid_argument("the arrays of a Cascade do not fit its sizes");
        plan_ = {words, passes, sequential, waves, {}, {}, {}, {}, {}, {}};
        plan_.levels.assign(levels.data(), levels.data() + passes);
        plan_.orders.assign(orders.data(), orders.data() + orders.size());
        plan_.shifts.assign(shifts.data(), shifts.data() + shifts.size());
        plan_.after.assign(after.data(), after.data() + after.size());
        plan_.places.resize(orders.size()), plan_.before.resize(after.size());
        for (u32 pass = 0; pass < passes; ++pass)
            for (u32 i = 0; i < words; ++i) {
                plan_.places[pass * words + plan_.orders[pass * words + i]] = static_cast<std::uint16_t>(i);
                plan_.before[pass * words + plan_.after[pass * words + i]] = static_cast<std::uint16_t>(i);
            }
        u32 most = 0;
        for (u32 pass = 0; pass < passes; ++pass) most = std::max(most, plan_.padded(pass));
        spare_ = std::make_unique<Spare>(4 * std::size_t{most} + (most + 63) / 64);
        key_.resize(key.size() / 8);
        std::memcpy(key_.data(), key.data(), key.size());
    }
    Cascade(const Cascade &) = delete;

    nb::bytes ask() {
        {
            nb::gil_scoped_release unlocked;
            said_.clear();
            const std::size_t frames = key_.size() / plan_.words;
            std::size_t kept = 0;
            for (auto &frame : active_) {
                asked_bits_ += frame->ask(said_);
                if (frame->done())
                    corrected_ += frame->corrected();
                else
                    active_[kept++] = std::move(frame);
            }
            active_.resize(kept);
            for (; active_.size() < flight_ && next_ < frames; ++next_) {
                active_.push_back(std::make_unique<Frame>(plan_, *spare_, key_.data() + next_ * plan_.words));
                asked_bits_ += active_.back()->ask(said_);
            }
        }
        return nb::bytes(said_.bytes().data(), said_.bytes().size());
    }

    void learn(nb::bytes other) {
        if (other.size() != said_.bytes().size()) throw std::invalid_argument("the parities answer another question");
        nb::gil_scoped_release unlocked;
        Reader in(reinterpret_cast<const std::uint8_t *>(other.c_str()), other.size());
        for (auto &frame : active_) frame->learn(in, corrects_);
    }

    // The key, once nothing is left to ask.
    void key(Output<std::uint8_t> out) {
        if (out.size() != key_.size() * 8) throw std::invalid_argument("the key has another length");
        std::memcpy(out.data(), key_.data(), out.size());
    }

    u64 asked_bits() const { return asked_bits_; }
    u64 corrected() const { return corrected_; }

private:
    Plan plan_;
    std::unique_ptr<Spare> spare_;
    std::vector<u64> key_;
    std::vector<std::unique_ptr<Frame>> active_;
    std::size_t next_ = 0;
    Writer said_;
    u64 asked_bits_ = 0, corrected_ = 0;
    u32 flight_;
    bool corrects_;
};

}  // namespace

void bind_cascade(nb::module_ &module) {
    nb::class_<Cascade>(module, "Cascade")
        .def(nb::init<Array<std::uint8_t>, u32, Array<std::uint8_t>, u32, u32, u32, Array<u32>, Array<u32>, Array<u32>, bool>())
        .def("ask", &Cascade::ask)
        .def("learn", &Cascade::learn)
        .def("key", &Cascade::key)
        .def_prop_ro("asked_bits", &Cascade::asked_bits)
        .def_prop_ro("corrected", &Cascade::corrected);
}

}  // namespace qit
