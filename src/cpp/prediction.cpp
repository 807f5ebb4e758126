// How often the four predictors of NIST SP 800-90B 6.3.7 to 6.3.10 are right about a sequence of symbols.
//
// Each answers (predictions, correct ones, longest run of correct ones). Symbols are 0 to alphabet - 1, at most 256.
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "kernels.hpp"

using namespace nanobind::literals;

namespace qit {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using Context = unsigned __int128;
using Result = std::tuple<std::size_t, std::size_t, std::size_t>;

class Tally {
  public:
    void count(bool right) {
        ++predictions_;
        run_ = right ? run_ + 1 : 0;
        correct_ += right;
        longest_ = std::max(longest_, run_);
    }
    Result result() const { return {predictions_, correct_, longest_}; }

  private:
    std::size_t predictions_ = 0, correct_ = 0, run_ = 0, longest_ = 0;
};

// The most common symbol of a sliding window; of several the one seen last.
class Window {
  public:
    Window(std::size_t length, std::size_t alphabet) : length_(length), counts_(alphabet), last_(alphabet) {}

    bool full(std::size_t position) const { return position >= length_; }
    u8 commonest() const { return commonest_; }

    void push(const u8 *symbols, std::size_t position) {
        const u8 in = symbols[position];
        last_[in] = position;
        if (position >= length_) {
            const u8 out = symbols[position - length_];
            --counts_[out];
            ++counts_[in];
            if (out == commonest_ && out != in) return search();
        } else {
            ++counts_[in];
        }
        if (counts_[in] >= counts_[commonest_]) commonest_ = in;
    }

  private:
    void search() {
        for (std::size_t symbol = 0; symbol < counts_.size(); ++symbol) {
            const u32 here = counts_[symbol], best = counts_[commonest_];
            if (here > best || (here == best && last_[symbol] > last_[commonest_])) commonest_ = static_cast<u8>(symbol);
        }
    }

    std::size_t length_;
    std::vector<u32> counts_;
    std::vector<std::size_t> last_;
    u8 commonest_ = 0;
};

constexpr std::array<std::size_t, 4> WINDOWS = {63, 255, 1023, 4095};

Result most_common(Array<u8> samples, std::size_t alphabet) {
    const u8 *symbols = samples.data();
    std::vector<Window> windows;
    for (const std::size_t length : WINDOWS) windows.emplace_back(length, alphabet);
    std::array<std::size_t, WINDOWS.size()> scores{};
    std::size_t winner = 0;
    Tally tally;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const u8 symbol = symbols[i];
        if (i >= WINDOWS[0]) tally.count(windows[winner].commonest() == symbol);
        for (std::size_t j = 0; j < WINDOWS.size(); ++j) {
            Window &window = windows[j];
            if (window.full(i) && window.commonest() == symbol && ++scores[j] >= scores[winner]) winner = j;
            window.push(symbols, i);
        }
    }
    return tally.result();
}

constexpr std::size_t LAGS = 128;

Result lag(Array<u8> samples) {
    const u8 *symbols = samples.data();
    std::array<u32, LAGS> scores{};  // of lag 128 - index, so that a window is read forwards
    std::size_t winner = LAGS - 1;
    u32 high = 0;
    Tally tally;
    for (std::size_t i = 1; i < samples.size(); ++i) {
        const u8 symbol = symbols[i];
        const std::size_t first = i < LAGS ? LAGS - i : 0;
        const u8 *window = symbols + i - LAGS;  // read from index first on
        tally.count(window[winner] == symbol);
        u32 top = 0;
        for (std::size_t j = first; j < LAGS; ++j) {
            const u32 right = window[j] == symbol;
            scores[j] += right;
            top = std::max(top, right * scores[j]);
        }
        if (top < high || top == 0) continue;
        high = top;
        winner = first;  // the longest lag of those with the highest score
        while (window[winner] != symbol || scores[winner] != top) ++winner;
    }
    return tally.result();
}

// What followed a context: how often each symbol, and the commonest, of several the greatest.
struct Followers {
    std::vector<std::pair<u8, u32>> counts;
    u32 most = 0;
    u8 commonest = 0;

    u32 *find(u8 symbol) {
        for (auto &[known, count] : counts)
            if (known == symbol) return &count;
        return nullptr;
    }
    void add(u8 symbol) {
        u32 *count = find(symbol);
        if (count == nullptr) count = &counts.emplace_back(symbol, 0).second;
        if (++*count > most || (*count == most && symbol > commonest)) most = *count, commonest = symbol;
    }
};

struct Hash {
    std::size_t operator()(Context context) const {
        u64 mixed = static_cast<u64>(context) * 0x9e3779b97f4a7c15ULL;
        mixed ^= (static_cast<u64>(context >> 64) + (mixed >> 29)) * 0xbf58476d1ce4e5b9ULL;
        return mixed ^ (mixed >> 32);
    }
};

// All contexts of one length. Short ones over small alphabets are looked up by number.
class Model {
  public:
    Model(std::size_t length, std::size_t width) : mask_(~Context{0} >> (128 - length * width)), direct_(length * width <= DIRECT_BITS) {
        if (direct_) table_.resize(std::size_t{1} << (length * width));
    }
    Followers *find(Context history) {
        if (direct_) {
            Followers &found = table_[static_cast<std::size_t>(history & mask_)];
            return found.most ? &found : nullptr;
        }
        const auto found = map_.find(history & mask_);
        return found == map_.end() ? nullptr : &found->second;
    }
    Followers &make(Context history) {
        return direct_ ? table_[static_cast<std::size_t>(history & mask_)] : map_[history & mask_];
    }

  private:
    static constexpr std::size_t DIRECT_BITS = 16;
    Context mask_;
    bool direct_;
    std::vector<Followers> table_;
    std::unordered_map<Context, Followers, Hash> map_;
};

constexpr std::size_t ORDERS = 16, MARKOV_ENTRIES = 100'000, LZ_ENTRIES = 65'536;

std::vector<Model> models(std::size_t width) {
    std::vector<Model> made;
    for (std::size_t length = 1; length <= ORDERS; ++length) made.emplace_back(length, width);
    return made;
}

std::size_t width_of(std::size_t alphabet) {
    return std::max<std::size_t>(1, std::bit_width(alphabet - 1));
}

// Contexts of 1 to 16 symbols, each with its own limit of entries (context, symbol). A context that a shorter one
// says was never seen is not looked up.
Result markov(Array<u8> samples, std::size_t alphabet) {
    const u8 *symbols = samples.data();
    const std::size_t width = width_of(alphabet);
    std::vector<Model> orders = models(width);
    std::array<std::size_t, ORDERS> scores{}, entries{};
    std::size_t winner = 0;
    Context history = 0;
    Tally tally;
    for (std::size_t i = 1; i < samples.size(); ++i) {
        history = history << width | symbols[i - 1];
        const u8 symbol = symbols[i];
        const std::size_t predicting = winner;
        bool seen = true, right = false;
        for (std::size_t d = 0; d < ORDERS && d < i; ++d) {
            Followers *known = seen ? orders[d].find(history) : nullptr;
            seen = known != nullptr;
            if (!known) {
                if (entries[d] < MARKOV_ENTRIES) orders[d].make(history).add(symbol), ++entries[d];
                continue;
            }
            if (known->commonest == symbol) {
                right |= d == predicting;
                if (++scores[d] >= scores[winner]) winner = d;
            }
            const bool fresh = known->find(symbol) == nullptr;
            if (fresh && entries[d] >= MARKOV_ENTRIES) continue;
            known->add(symbol);
            entries[d] += fresh;
        }
        if (i >= 2) tally.count(right);
    }
    return tally.result();
}

// Contexts of 16 to 1 symbols in one dictionary with a limit of contexts; the highest count of all predicts.
Result lz78y(Array<u8> samples, std::size_t alphabet) {
    const u8 *symbols = samples.data();
    const std::size_t width = width_of(alphabet);
    std::vector<Model> lengths = models(width);
    std::size_t entries = 0;
    Context history = 0;
    Tally tally;
    for (std::size_t i = 1; i < samples.size(); ++i) {
        history = history << width | symbols[i - 1];
        if (i < ORDERS) continue;
        const u8 symbol = symbols[i];
        u32 most = 0;
        u8 predicted = 0;
        for (std::size_t j = ORDERS; j-- > 0;) {
            Followers *known = lengths[j].find(history);
            if (known) {
                if (known->most > most) most = known->most, predicted = known->commonest;
                known->add(symbol);
            } else if (entries < LZ_ENTRIES) {
                lengths[j].make(history).add(symbol);
                ++entries;
            }
        }
        if (i > ORDERS) tally.count(most > 0 && predicted == symbol);
    }
    return tally.result();
}

}  // namespace

void bind_prediction(nb::module_ &module) {
    module.def("predict_most_common", &most_common, "samples"_a, "alphabet"_a);
    module.def("predict_lag", &lag, "samples"_a);
    module.def("predict_markov", &markov, "samples"_a, "alphabet"_a);
    module.def("predict_lz78y", &lz78y, "samples"_a, "alphabet"_a);
}

}  // namespace qit
