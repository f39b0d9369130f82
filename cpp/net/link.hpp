// A link is one TLS connection between two parties that carries frames in one direction only: each party
// calls a link to each other party, sends on it, and receives on those that the others call.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/fault.hpp"
#include "net/frame.hpp"
#include "net/tls.hpp"

namespace trine::net {

using Clock = std::chrono::steady_clock;

// The end of a new link that was set up, and what was agreed on the way.
struct Agreed {
    std::shared_ptr<Connection> connection;
    std::string process;  // stands for the process at the far end
    std::string key;      // PRF key that both ends have in common, where they are to have one
};

// Where a message lies, in pieces, and what keeps them alive.
struct Pieces {
    std::vector<ConstBytes> spans;
    Owner owner;
};

struct Landing {
    std::vector<Bytes> spans;
    Owner owner;
    u64 size = 0;
};

// The end that sends. Messages wait in it, in order, until the kernel takes them; they are not copied, but
// for those parts that are put into one record with others. May be used by many threads.
class Outbound {
  public:
    Outbound(Agreed with, int receiver) : agreed(std::move(with)), peer(receiver) {}

    void put(const HeaderBytes& header, Pieces pieces);
    void put_control(Pieces payload, u64 size);
    // Writes what the kernel takes. True if nothing is left, or if another thread is at it and will see to
    // it.
    bool flush();
    bool backlog() const { return backlog_; }
    // Whether something has waited since then without the kernel taking any.
    bool stalled_since(Clock::time_point time) const { return backlog_ && moved_.load() < time; }
    // Throws if the far end has closed the connection, on which it has nothing to say.
    void listen();

    const Agreed agreed;
    const int peer;

  private:
    struct Message {
        HeaderBytes header;
        Pieces pieces;
    };

    void append(Message message);
    bool write();
    bool next_record();

    std::mutex queue_lock_;
    std::deque<Message> queue_;
    u64 controls_ = 1;  // number 0 was the greeting
    std::atomic<bool> backlog_{false};
    std::atomic<Clock::time_point> moved_{};

    // The rest belongs to the thread that holds `writing_`, and so does the connection.
    std::mutex writing_;
    std::optional<Message> message_;  // of which some is still to be written
    std::size_t piece_ = 0, offset_ = 0;
    ConstBytes record_;  // what the kernel is to take next
    std::array<u8, record_bytes> stage_;
};

class Inbound;

// Takes in the frames that a link brings. Either may throw Fault (protocol).
class Receiver {
  public:
    virtual ~Receiver() = default;
    // A header has come: where does the payload go? Nowhere, if null: it is thrown away.
    virtual std::shared_ptr<Landing> begin(Inbound& link, const Header& header) = 0;
    // The payload has come.
    virtual void end(Inbound& link, const Header& header, std::shared_ptr<Landing> landing) = 0;
};

// The end that receives; it belongs to one thread at a time.
class Inbound {
  public:
    Inbound(Agreed with, int sender) : agreed(std::move(with)), peer(sender), heard(Clock::now()) {}

    // Reads what has come, to the end of a frame at most. True if something came. Throws Fault and TlsError.
    bool read(Receiver& receiver);

    // Whether there is nothing to read until the socket says so.
    bool dry() const { return dry_; }
    // The session of which it is reading a payload; 0 if of none.
    u64 session() const { return header_ ? header_->session : 0; }

    const Agreed agreed;
    const int peer;
    Clock::time_point heard;  // when something came last
    u64 controls = 1;         // the next control frame's number; 0 was the greeting

  private:
    Bytes room();

    bool dry_ = false;
    std::array<u8, header_bytes> head_{};
    std::size_t filled_ = 0;
    std::optional<Header> header_;  // of the frame that is being read, once its header is whole
    u64 left_ = 0;                  // of its payload
    std::shared_ptr<Landing> landing_;
    std::size_t piece_ = 0, offset_ = 0;
    std::array<u8, record_bytes> waste_;
};

}  // namespace trine::net
