// The reader's part of the hub: who reads when, and what becomes of a frame.
#include <poll.h>

#include <algorithm>
#include <sstream>
#include <thread>

#include "net/hub.hpp"

namespace trine::net {

namespace {

// A yield that takes longer has let somebody else compute: the cores are not idle.
constexpr std::chrono::microseconds longest_yield{20};
// So many waits are then spent asleep before it is tried again.
constexpr int crowded_waits = 64;

std::string in_seconds(Clock::duration duration) {
    std::ostringstream text;
    text << std::chrono::duration<double>(duration).count() << " s";
    return text.str();
}

// Memory that nobody has asked for yet, taken only when the header has been checked.
std::shared_ptr<Landing> buffer(u64 size) {
    const std::shared_ptr<u8[]> bytes(new u8[size]);
    auto landing = std::make_shared<Landing>();
    landing->spans = {{bytes.get(), size}};
    landing->owner = bytes;
    landing->size = size;
    return landing;
}

}  // namespace

template <class Done>
void Hub::read_for(Lock& lock, Waker& waker, Clock::time_point until, Clock::duration spin, Done done) {
    reading_ = &waker;
    if (spin.count() != 0 && crowded_ > 0) {
        --crowded_;
        spin = {};
    }
    // For the whole wait: of a large message there is always more to come.
    auto awake = Clock::now() + spin;
    while (!done()) {
        const auto now = Clock::now();
        const bool sleeps = now >= awake;
        if (sleeps) waker.arm();
        const Links links = links_;
        lock.unlock();
        const bool moved = take_turn(links, waker, sleeps ? until : now);
        const auto then = Clock::now();
        if (sleeps && !moved) {
            check_alive(links);
        } else if (!moved) {
            // To be woken on an idle core takes longer than a round. On a busy one it does not: who wakes is
            // let in at once, but who yields has to queue.
            std::this_thread::yield();
            if (Clock::now() - then > longest_yield) {
                awake = then;
                crowded_ = crowded_waits;
            }
        }
        lock.lock();
        if (then >= until) break;
    }
    stop_reading();
}

void Hub::stop_reading() {
    reading_ = nullptr;
    last_read_ = Clock::now();
    changed_.notify_all();
    for (const auto& link : links_.outbound)
        if (link && link->backlog()) tender_.ring();
}

// What a computing thread has left lying.
void Hub::read_once(Lock& lock) {
    reading_ = &tender_;
    const Links links = links_;
    lock.unlock();
    const auto until = Clock::now() + settings_.attention;
    while (take_turn(links, tender_, {}) && Clock::now() < until) continue;
    check_alive(links);
    lock.lock();
    stop_reading();
}

bool Hub::take_turn(const Links& links, Waker& waker, Clock::time_point until) {
    std::array<pollfd, 1 + 2 * parties> polled{};
    std::size_t count = 0;
    const auto add = [&](int descriptor, int events) {
        polled[count++] = {descriptor, static_cast<short>(events), 0};
    };
    add(waker.descriptor(), POLLIN);
    for (const auto& link : links.outbound)
        if (link) add(link->agreed.connection->descriptor(), link->backlog() ? POLLIN | POLLOUT : POLLIN);
    bool dry = true;
    for (const auto& link : links.inbound) {
        if (!link) continue;
        add(link->agreed.connection->descriptor(), POLLIN);
        dry = dry && link->dry();
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const int timeout = dry && left > 0 ? static_cast<int>(left) : 0;
    const int ready = ::poll(polled.data(), static_cast<nfds_t>(count), timeout);
    waker.disarm(ready > 0 && polled[0].revents != 0);
    if (ready <= 0 && dry) return false;

    bool moved = false;
    const pollfd* next = polled.data() + 1;
    for (const auto& link : links.outbound) {
        if (!link) continue;
        const int events = ready > 0 ? next->revents : 0;
        if (events & ~POLLOUT) guarded(*link, [&] { link->listen(); });
        if (events & POLLOUT) {
            guarded(*link, [&] { link->flush(); });
            moved = true;
        }
        ++next;
    }
    for (const auto& link : links.inbound) {
        if (!link) continue;
        const bool readable = ready > 0 && next->revents != 0;
        if (readable || !link->dry()) guarded(*link, [&] { moved = read(*link) || moved; });
        ++next;
    }
    return moved;
}

bool Hub::read(Inbound& link) {
    if (!link.read(*this)) return false;
    if (link.session() != 0) {
        const Lock lock(lock_);
        if (Channel* const channel = existing(link.session())) channel->heard_ = link.heard;
    }
    return true;
}

void Hub::check_alive(const Links& links) {
    const auto long_ago = Clock::now() - settings_.timeout;
    const auto silent = [&](int peer) {
        return Fault(Cause::silent, peer,
                     party_name(peer) + " has not responded for " + in_seconds(settings_.timeout));
    };
    for (const auto& link : links.inbound)
        if (link && link->heard < long_ago) drop(*link, silent(link->peer));
    for (const auto& link : links.outbound)
        if (link && link->stalled_since(long_ago)) drop(*link, silent(link->peer));
}

std::shared_ptr<Landing> Hub::begin(Inbound& link, const Header& header) {
    if (header.kind == Kind::control) {
        if (header.sequence != link.controls)
            throw Fault(Cause::protocol, link.peer,
                        party_name(link.peer) + " sent control frame " + std::to_string(header.sequence) +
                            ", next is " + std::to_string(link.controls));
        ++link.controls;
        return buffer(header.length);
    }
    {
        const Lock lock(lock_);
        Channel* const channel = find(header.session);
        // Else the session has ended here: the others had not heard yet that it failed.
        if (!channel) return nullptr;
        Channel::Peer& from = channel->peers_[static_cast<std::size_t>(link.peer)];
        if (header.sequence != from.begun)
            throw Fault(Cause::protocol, link.peer,
                        party_name(link.peer) + " sent frame " + std::to_string(header.sequence) +
                            " of session " + std::to_string(header.session) + ", next is " +
                            std::to_string(from.begun));
        channel->heard_ = Clock::now();
        ++from.begun;
        if (channel->fault_) return nullptr;
        if (from.wanted && header.sequence == from.taken && header.length == from.wanted->size)
            return from.wanted;
    }
    return buffer(header.length);
}

void Hub::end(Inbound& link, const Header& header, std::shared_ptr<Landing> landing) {
    if (!landing) return;
    const Lock lock(lock_);
    if (header.kind == Kind::control) {
        if (header.length == 0) return;  // a sign of life
        events_.push_back({link.peer, {}, false, std::move(*landing)});
        if (!resting_) tender_.ring();
    } else if (Channel* const channel = existing(header.session)) {
        Channel::Peer& from = channel->peers_[static_cast<std::size_t>(link.peer)];
        if (landing == from.wanted)
            from.arrived = true;
        else
            from.early.push_back(std::move(landing));
        changed_.notify_all();
    }
}

std::vector<Event> Hub::news() {
    const Lock lock(lock_);
    return std::exchange(events_, {});
}

void Hub::tend(Clock::time_point until) {
    Lock lock(lock_);
    for (auto now = Clock::now(); events_.empty() && !closed_ && now < until; now = Clock::now()) {
        if (now >= next_sign_) {
            next_sign_ = now + settings_.timeout / 4;
            const Links links = links_;
            lock.unlock();
            send_signs_of_life(links);
            lock.lock();
            continue;
        }
        const auto stop = std::min(until, next_sign_);
        const auto news = [&] { return !events_.empty() || closed_ || attended_ > 0; };
        if (!reading_ && attended_ == 0) {
            read_for(lock, tender_, stop, {}, news);
        } else if (!reading_ && now - last_read_ >= settings_.attention) {
            read_once(lock);
        } else {
            // The reader, if there is one, also writes.
            const Links links{reading_ ? PerPeer<std::shared_ptr<Outbound>>{} : links_.outbound, {}};
            tender_.arm();
            lock.unlock();
            take_turn(links, tender_, std::min(stop, now + settings_.attention));
            lock.lock();
        }
    }
}

void Hub::rest(Clock::time_point until) {
    Lock lock(lock_);
    const auto enough = [&] { return !events_.empty() || closed_ || woken_; };
    has_rester_ = true;
    ++attended_;
    while (!enough() && Clock::now() < until) {
        if (!reading_) {
            resting_ = true;
            read_for(lock, collector_, until, {}, enough);
            resting_ = false;
        } else {
            if (reading_ == &tender_) tender_.ring();
            changed_.wait_until(lock, until);
        }
    }
    --attended_;
    woken_ = false;
}

void Hub::wake() {
    {
        const Lock lock(lock_);
        woken_ = true;
        changed_.notify_all();
    }
    collector_.ring();
}

void Hub::send_signs_of_life(const Links& links) {
    for (const auto& link : links.outbound) {
        if (!link) continue;
        link->put_control({}, 0);
        flush(*link);
    }
}

bool Hub::collect(Channel& channel, Clock::time_point since, Clock::time_point until) {
    Lock lock(lock_);
    const auto enough = [&] { return channel.fault_ || channel.complete(); };
    ++attended_;
    while (!enough() && Clock::now() < until) {
        if (!reading_) {
            read_for(lock, collector_, until, settings_.spin, enough);
        } else {
            if (reading_ == &tender_) tender_.ring();
            changed_.wait_until(lock, until);
        }
    }
    if (--attended_ == 0) tender_.ring();
    if (channel.fault_) throw Fault(*channel.fault_);
    if (!channel.complete()) {
        check_patience(channel, since);
        return false;
    }
    take(channel, lock);
    return true;
}

void Hub::check_patience(const Channel& channel, Clock::time_point since) const {
    if (Clock::now() - std::max(since, channel.heard_) < settings_.patience) return;
    const auto late = std::ranges::find_if(channel.peers_, [](const auto& peer) { return !peer.ready(); });
    const auto peer = static_cast<int>(late - channel.peers_.begin());
    throw Fault(Cause::silent, peer,
                party_name(peer) + " is alive but has sent nothing in session " +
                    std::to_string(channel.number) + " for " + in_seconds(settings_.patience));
}

}  // namespace trine::net
