// Three parties of a protocol in one thread, round by round.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>

#include "mpc/opening.hpp"
#include "reference.hpp"

namespace trine::mpc::test {

using Body = std::function<Protocol<opening::Ended>(Site&)>;

struct Party {
    Party(int index, const std::array<std::array<u8, prg::key_bytes>, 4>& keys)
        : first(prg::Key(keys[static_cast<std::size_t>(index)])),
          second(prg::Key(keys[static_cast<std::size_t>((index + 1) % 3)])),
          own(prg::Key(keys[3])),
          site(index, {first, second, own}, isa_from_name("auto")) {}

    prg::Generator first, second, own;
    Site site;
};

class Lockstep {
  public:
    Lockstep() {
        std::array<std::array<u8, prg::key_bytes>, 4> keys{};
        for (std::size_t i = 0; i < keys.size(); ++i) keys[i][0] = static_cast<u8>(i + 1);
        for (int i = 0; i < parties; ++i) all[static_cast<std::size_t>(i)] = std::make_unique<Party>(i, keys);
    }

    // Runs it at all three; the number of rounds. What one sends and another expects must have one size.
    std::size_t run(const Body& body) {
        std::vector<Protocol<opening::Ended>> running;
        for (const auto& party : all) running.push_back(body(party->site));
        for (std::size_t rounds = 0;; ++rounds) {
            const auto ended =
                std::ranges::count_if(running, [](auto& protocol) { return protocol.resume(); });
            if (ended == parties) {
                for (auto& protocol : running) protocol.take();
                return rounds;
            }
            EXPECT_EQ(ended, 0) << "one party has finished while another waits for a round";
            if (ended != 0) return rounds;
            deliver();
        }
    }

    std::array<std::unique_ptr<Party>, parties> all;
    std::size_t bytes = 0;  // sent

  private:
    void deliver() {
        std::array<std::array<Site::Messages, parties>, parties> rounds;
        for (std::size_t i = 0; i < parties; ++i) rounds[i] = all[i]->site.take_round();
        for (std::size_t from = 0; from < parties; ++from)
            for (std::size_t to = 0; to < parties; ++to) {
                std::vector<u8> message;
                for (const ConstBytes piece : rounds[from][to].sent)
                    message.insert(message.end(), piece.begin(), piece.end());
                bytes += message.size();
                std::size_t taken = 0;
                for (const Bytes piece : rounds[to][from].expected) {
                    ASSERT_LE(taken + piece.size(), message.size());
                    std::copy_n(message.begin() + static_cast<std::ptrdiff_t>(taken), piece.size(),
                                piece.begin());
                    taken += piece.size();
                }
                ASSERT_EQ(taken, message.size());
            }
    }
};

}  // namespace trine::mpc::test
