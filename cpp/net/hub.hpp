// One party's links, and the sessions that share them: whoever waits for a message reads for all.
//
// One thread at a time is the reader: it reads all links, writes what is left to be written, and puts each
// message where its session wants it. Whoever waits for messages is the reader, or waits for the one who is
// and follows it; if nobody waits, it is the thread that calls rest() or, without one, tend().
#pragma once

#include <array>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/fault.hpp"
#include "net/link.hpp"
#include "net/waker.hpp"

namespace trine::net {

inline constexpr int parties = 3;

template <class Item>
using PerPeer = std::array<Item, parties>;

// What one session has received and still expects; a Hub's, and guarded by its lock.
class Channel {
  public:
    explicit Channel(u64 session) : number(session) {}

    const u64 number;

  private:
    friend class Hub;

    struct Peer {
        std::shared_ptr<Outbound> link;
        u64 sent = 0, begun = 0, taken = 0;          // messages
        std::deque<std::shared_ptr<Landing>> early;  // came before they were wanted
        std::shared_ptr<Landing> wanted;             // by the thread that collects
        bool arrived = false;                        // what was wanted
        bool ready() const { return !wanted || arrived || !early.empty(); }
    };
    bool complete() const;

    PerPeer<Peer> peers_;
    std::optional<Fault> fault_;
    Clock::time_point heard_{};  // when something came last
};

// What the hub's owner is to be told.
struct Event {
    int peer;
    std::optional<Fault> lost;  // a link broke; without: a control message came
    bool was_linked = false;    // in both directions, until then
    Landing control;
};

class Hub final : private Receiver {
  public:
    struct Settings {
        int party;
        Clock::duration timeout;     // that a peer may be silent, or take nothing
        Clock::duration patience;    // for a message of a peer that is alive
        Clock::duration attention;   // what a computing thread leaves lying for so long is read for it
        Clock::duration spin;        // to look again and again before going to sleep
        std::size_t early_sessions;  // that peers may begin before this party has heard of them
    };
    explicit Hub(const Settings& settings);

    // -- links --

    // A link that has been set up takes the place of an older one. False if the hub is closed.
    bool attach_outbound(int peer, Agreed agreed);
    bool attach_inbound(int peer, Agreed agreed);
    bool has_outbound(int peer) const;
    // The parties that are not linked in both directions.
    std::vector<int> missing() const;
    // Breaks the link by which the peer sends.
    void drop(int peer, const Fault& fault);
    // Breaks all links for good.
    void close();
    // Sends a message outside of sessions. Throws Fault (lost) if the peer is not linked.
    void send_control(int peer, u64 size, Pieces payload);
    // Looks after the links until there is something to tell, or until the time; always by the same thread.
    void tend(Clock::time_point until);
    // The same for the thread that computes when it has nothing to compute, so that no other has to be woken
    // when it begins and ends; until somebody calls wake(), too.
    void rest(Clock::time_point until);
    void wake();
    // What there is to tell, each once.
    std::vector<Event> news();

    // -- sessions --

    struct Opened {
        std::shared_ptr<Channel> channel;
        std::string key_of_previous, key_of_next;  // of the links from party i - 1 and to party i + 1
    };
    // On the links that are up. Throws Fault (protocol, lost).
    Opened open(u64 session);
    void close_session(u64 session);
    // Makes every wait on the session throw `fault`, be it open or yet to come.
    void fail_session(u64 session, const Fault& fault);
    void fail(Channel& channel, const Fault& fault);
    u64 last_session() const;
    void note_session(u64 session);

    struct Outgoing {
        int peer;
        u64 size;
        Pieces pieces;
    };
    struct Incoming {
        int peer;
        std::shared_ptr<Landing> landing;
    };
    // One message to each peer named. Takes no longer than the kernel does; the rest follows by itself.
    void post(Channel& channel, std::vector<Outgoing> outgoing);
    // Where the next message of each peer named is to land.
    void expect(Channel& channel, const std::vector<Incoming>& incoming);
    // Waits for them. False if the time is up; it may be called again. Throws Fault.
    bool collect(Channel& channel, Clock::time_point since, Clock::time_point until);
    // Gives up waiting; what still comes is thrown away with what it lands in.
    void forget(Channel& channel);
    // Throws Fault if the session has failed, or if messages are left that nobody asked for.
    void finish(Channel& channel);
    // While a session is attended to, its thread reads; others only what it leaves lying.
    void attend(bool begins);

  private:
    struct Links {
        PerPeer<std::shared_ptr<Outbound>> outbound;
        PerPeer<std::shared_ptr<Inbound>> inbound;
    };
    std::shared_ptr<Landing> begin(Inbound& link, const Header& header) override;
    void end(Inbound& link, const Header& header, std::shared_ptr<Landing> landing) override;

    using Lock = std::unique_lock<std::mutex>;
    // Is the reader until `done`, which is asked under the lock, or until the time.
    template <class Done>
    void read_for(Lock& lock, Waker& waker, Clock::time_point until, Clock::duration spin, Done done);
    void read_once(Lock& lock);
    void stop_reading();
    // Waits until something can be read or written, the waker rings or the time comes, and does it, for a
    // while. True if something came.
    bool take_turn(const Links& links, Waker& waker, Clock::time_point until);
    bool read(Inbound& link);
    void check_alive(const Links& links);
    void send_signs_of_life(const Links& links);
    void flush(Outbound& link);
    // Does something with a link; if that fails, it is no more.
    template <class Link, class Action>
    void guarded(Link& link, Action action) {
        try {
            action();
        } catch (const std::exception& error) {
            drop(link, explained(link.peer, error));
        }
    }
    static Fault explained(int peer, const std::exception& error);
    template <class Link>
    bool attach(PerPeer<std::shared_ptr<Link>>& table, std::shared_ptr<Link> link);
    void drop(const Outbound& link, const Fault& fault) { remove(links_.outbound, link, fault); }
    void drop(const Inbound& link, const Fault& fault) { remove(links_.inbound, link, fault); }
    template <class Link>
    void remove(PerPeer<std::shared_ptr<Link>>& table, const Link& link, const Fault& fault);

    // Hands over what has arrived; gives the lock back.
    static void take(Channel& channel, Lock& lock);

    // These are called under the lock.
    std::vector<int> missing_now() const;
    void require_linked() const;
    Channel* existing(u64 session) const;
    Channel* find(u64 session);
    void check_patience(const Channel& channel, Clock::time_point since) const;

    const Settings settings_;
    mutable std::mutex lock_;          // guards what follows; held for moments, never over a system call
    std::condition_variable changed_;  // a message came, or nobody is the reader any more
    Links links_;
    std::map<u64, std::shared_ptr<Channel>> sessions_;
    std::map<u64, std::shared_ptr<Channel>> early_;  // that peers have begun and this party has not
    u64 last_session_ = 0;
    std::vector<Event> events_;
    bool closed_ = false;
    Waker* reading_ = nullptr;  // wakes the reader
    Clock::time_point last_read_{};
    int attended_ = 0;                           // threads that will read by themselves
    bool has_rester_ = false, resting_ = false;  // whether anybody ever rests; is the reader, and does
    bool woken_ = false;
    Clock::time_point next_sign_{};

    int crowded_ = 0;  // waits for which the reader, whose this is, goes to sleep at once

    Waker collector_, tender_;
};

}  // namespace trine::net
