// Who reads when, and what becomes of a frame.
#include "net/hub.hpp"

#include <poll.h>

#include <algorithm>
#include <sstream>
#include <thread>

namespace trine::net {

namespace {

std::string name(int party) { return "party " + std::to_string(party); }

std::string seconds(Clock::duration duration) {
    std::ostringstream text;
    text << std::chrono::duration<double>(duration).count() << " s";
    return text.str();
}

Fault not_linked(int peer) {
    return {Cause::lost, peer, name(peer) + " is not connected; it may be starting anew"};
}

Fault explained(int peer, const TlsError& error) {
    if (error.kind == TlsError::Kind::closed)
        return {Cause::lost, peer, name(peer) + " closed its connection"};
    return {Cause::lost, peer, "the connection to " + name(peer) + " broke: " + error.what()};
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

// Both are of one size, but cut differently.
void copy(const Landing& from, const Landing& to) {
    auto source = from.spans.begin();
    std::size_t offset = 0;
    for (Bytes rest : to.spans) {
        while (!rest.empty()) {
            const Bytes there = source->subspan(offset);
            const std::size_t count = std::min(there.size(), rest.size());
            std::copy_n(there.data(), count, rest.data());
            rest = rest.subspan(count);
            offset += count;
            if (offset == source->size()) {
                ++source;
                offset = 0;
            }
        }
    }
}

}  // namespace

bool Channel::complete() const {
    return std::ranges::all_of(peers_, [](const Peer& peer) { return peer.ready(); });
}

Hub::Hub(const Settings& settings) : settings_(settings) {}

// -- links
// ------------------------------------------------------------------------------------------------------

bool Hub::attach_outbound(int peer, Agreed agreed) {
    return attach(links_.outbound, std::make_shared<Outbound>(std::move(agreed), peer));
}

bool Hub::attach_inbound(int peer, Agreed agreed) {
    return attach(links_.inbound, std::make_shared<Inbound>(std::move(agreed), peer));
}

template <class Link>
bool Hub::attach(PerPeer<std::shared_ptr<Link>>& table, std::shared_ptr<Link> link) {
    const auto peer = static_cast<std::size_t>(link->peer);
    Lock lock(lock_);
    const std::shared_ptr<Link> same = table[peer];
    const Links old = links_;
    lock.unlock();
    // What is known of the peer's former links and of a former process of it is out of date, noticed or not.
    const Fault anew(Cause::lost, link->peer, name(link->peer) + " has connected anew");
    if (same) drop(*same, anew);
    if (old.outbound[peer] && old.outbound[peer]->agreed.process != link->agreed.process)
        drop(*old.outbound[peer], anew);
    if (old.inbound[peer] && old.inbound[peer]->agreed.process != link->agreed.process)
        drop(*old.inbound[peer], anew);
    lock.lock();
    if (closed_) return false;
    table[peer] = std::move(link);
    lock.unlock();
    collector_.ring();
    tender_.ring();
    return true;
}

template <class Link>
void Hub::remove(PerPeer<std::shared_ptr<Link>>& table, const Link& link, const Fault& fault) {
    std::shared_ptr<Link> removed;
    {
        const Lock lock(lock_);
        auto& place = table[static_cast<std::size_t>(link.peer)];
        if (place.get() != &link) return;
        const bool was_linked = std::ranges::count(missing_now(), link.peer) == 0;
        removed = std::move(place);
        for (const auto* sessions : {&sessions_, &early_})
            for (const auto& [number, channel] : *sessions)
                if (!channel->fault_) channel->fault_ = fault;
        events_.push_back({link.peer, fault, was_linked, {}});
        changed_.notify_all();
    }
    link.agreed.connection->break_off();
    collector_.ring();
    tender_.ring();
}

bool Hub::has_outbound(int peer) const {
    const Lock lock(lock_);
    return links_.outbound[static_cast<std::size_t>(peer)] != nullptr;
}

std::vector<int> Hub::missing() const {
    const Lock lock(lock_);
    return missing_now();
}

std::vector<int> Hub::missing_now() const {
    std::vector<int> absent;
    for (int peer = 0; peer < parties; ++peer) {
        const auto at = static_cast<std::size_t>(peer);
        if (peer != settings_.party && !(links_.outbound[at] && links_.inbound[at])) absent.push_back(peer);
    }
    return absent;
}

void Hub::drop(int peer, const Fault& fault) {
    Lock lock(lock_);
    const std::shared_ptr<Inbound> link = links_.inbound[static_cast<std::size_t>(peer)];
    lock.unlock();
    if (link) drop(*link, fault);
}

void Hub::close() {
    Lock lock(lock_);
    closed_ = true;
    const Links links = links_;
    lock.unlock();
    const Fault closing(Cause::lost, settings_.party, name(settings_.party) + " is shutting down");
    for (const auto& link : links.outbound)
        if (link) drop(*link, closing);
    for (const auto& link : links.inbound)
        if (link) drop(*link, closing);
    tender_.ring();
}

void Hub::send_control(int peer, u64 size, Pieces payload) {
    Lock lock(lock_);
    if (std::ranges::count(missing_now(), peer) != 0) throw not_linked(peer);
    const std::shared_ptr<Outbound> link = links_.outbound[static_cast<std::size_t>(peer)];
    lock.unlock();
    link->put_control(std::move(payload), size);
    flush(*link);
}

void Hub::flush(Outbound& link) {
    guarded(link, [&] {
        if (link.flush()) return;
        // Whoever reads also waits until more can be written; they may not know yet that there is more.
        collector_.ring();
        tender_.ring();
    });
}

template <class Link, class Action>
void Hub::guarded(Link& link, Action action) {
    try {
        action();
    } catch (const Fault& fault) {
        drop(link, fault.party == link.peer
                       ? fault
                       : Fault(fault.cause, link.peer, name(link.peer) + ": " + fault.what()));
    } catch (const TlsError& error) {
        drop(link, explained(link.peer, error));
    } catch (const std::bad_alloc&) {
        drop(link, Fault(Cause::lost, link.peer, "no memory is left for what " + name(link.peer) + " sent"));
    }
}

// -- reading
// ----------------------------------------------------------------------------------------------------

template <class Done>
void Hub::read_for(Lock& lock, Waker& waker, Clock::time_point until, Clock::duration spin, Done done) {
    reading_ = &waker;
    auto awake = Clock::now() + spin;
    while (!done()) {
        Links links = links_;
        lock.unlock();
        const bool moved = pass(links);
        auto now = Clock::now();
        if (moved) {
            awake = now + spin;
        } else if (now < awake) {
            std::this_thread::yield();
        } else if (now < until) {
            check_alive(links);
            lock.lock();
            waker.arm();
            const bool enough = done();
            links = links_;
            lock.unlock();
            sleep(links, waker, enough ? now : until, true);
            awake = (now = Clock::now()) + spin;
        }
        lock.lock();
        if (now >= until) break;
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
    while (pass(links) && Clock::now() < until) continue;
    check_alive(links);
    lock.lock();
    stop_reading();
}

bool Hub::pass(const Links& links) {
    bool moved = false;
    for (const auto& link : links.inbound) {
        if (!link) continue;
        guarded(*link, [&] {
            if (!link->read(*this)) return;
            moved = true;
            if (link->session() == 0) return;
            const Lock lock(lock_);
            if (Channel* const channel = existing(link->session())) channel->heard_ = link->heard;
        });
    }
    for (const auto& link : links.outbound)
        if (link && link->backlog()) guarded(*link, [&] { link->flush(); });
    return moved;
}

void Hub::check_alive(const Links& links) {
    const auto long_ago = Clock::now() - settings_.timeout;
    const auto silent = [&](int peer) {
        return Fault(Cause::silent, peer,
                     name(peer) + " has not responded for " + seconds(settings_.timeout));
    };
    for (const auto& link : links.inbound)
        if (link && link->heard < long_ago) drop(*link, silent(link->peer));
    for (const auto& link : links.outbound)
        if (link && link->stalled_since(long_ago)) drop(*link, silent(link->peer));
}

void Hub::sleep(const Links& links, Waker& waker, Clock::time_point until, bool reading) {
    std::array<pollfd, 1 + 2 * parties> polled{};
    std::array<Outbound*, 1 + 2 * parties> outbound{};
    std::size_t count = 0;
    const auto add = [&](int descriptor, int events) {
        polled[count++] = {descriptor, static_cast<short>(events), 0};
    };
    add(waker.descriptor(), POLLIN);
    for (const auto& link : links.outbound) {
        if (!link) continue;
        outbound[count] = link.get();
        add(link->agreed.connection->descriptor(), (reading ? POLLIN : 0) | (link->backlog() ? POLLOUT : 0));
    }
    for (const auto& link : links.inbound)
        if (link && reading) add(link->agreed.connection->descriptor(), POLLIN);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const int ready = ::poll(polled.data(), static_cast<nfds_t>(count), std::max(0, static_cast<int>(left)));
    waker.disarm(ready > 0 && polled[0].revents != 0);
    for (std::size_t i = 0; ready > 0 && i < count; ++i)
        if (outbound[i] && (polled[i].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)))
            guarded(*outbound[i], [&] { outbound[i]->listen(); });
}

std::shared_ptr<Landing> Hub::begin(Inbound& link, const Header& header) {
    if (header.kind == Kind::control) {
        if (header.sequence != link.controls)
            throw Fault(Cause::protocol, link.peer,
                        name(link.peer) + " sent control frame " + std::to_string(header.sequence) +
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
                        name(link.peer) + " sent frame " + std::to_string(header.sequence) + " of session " +
                            std::to_string(header.session) + ", next is " + std::to_string(from.begun));
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
        tender_.ring();
    } else if (Channel* const channel = existing(header.session)) {
        Channel::Peer& from = channel->peers_[static_cast<std::size_t>(link.peer)];
        if (landing == from.wanted)
            from.arrived = true;
        else
            from.early.push_back(std::move(landing));
        changed_.notify_all();
    }
}

std::vector<Event> Hub::tend(Clock::time_point until) {
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
            const Links links = reading_ ? Links{} : links_;
            const auto look = now + settings_.attention;
            tender_.arm();
            lock.unlock();
            sleep(links, tender_, std::min(stop, look), false);
            for (const auto& link : links.outbound)
                if (link && link->backlog()) guarded(*link, [&] { link->flush(); });
            lock.lock();
        }
    }
    return std::exchange(events_, {});
}

void Hub::send_signs_of_life(const Links& links) {
    for (const auto& link : links.outbound) {
        if (!link) continue;
        link->put_control({}, 0);
        flush(*link);
    }
}

// -- sessions
// ---------------------------------------------------------------------------------------------------

Channel* Hub::existing(u64 session) const {
    for (const auto* sessions : {&sessions_, &early_})
        if (const auto found = sessions->find(session); found != sessions->end()) return found->second.get();
    return nullptr;
}

// The channel of a session that is open or yet to come, null if it has ended.
Channel* Hub::find(u64 session) {
    Channel* const channel = existing(session);
    if (channel || session <= last_session_) return channel;
    if (early_.size() == settings_.early_sessions)
        throw Fault(Cause::protocol, -1,
                    "session " + std::to_string(session) + " is unknown, and too many sessions are");
    return (early_[session] = std::make_shared<Channel>(session)).get();
}

Hub::Opened Hub::open(u64 session) {
    const Lock lock(lock_);
    if (session <= last_session_)
        throw Fault(Cause::protocol, -1,
                    "session " + std::to_string(session) + " was announced after session " +
                        std::to_string(last_session_));
    for (const int peer : missing_now()) throw not_linked(peer);
    const auto begun = early_.find(session);
    const auto channel = begun == early_.end() ? std::make_shared<Channel>(session) : begun->second;
    for (std::size_t peer = 0; peer < parties; ++peer) channel->peers_[peer].link = links_.outbound[peer];
    early_.erase(early_.begin(), early_.upper_bound(session));
    sessions_[session] = channel;
    last_session_ = session;
    const auto party = static_cast<std::size_t>(settings_.party);
    return {channel, links_.inbound[(party + 2) % parties]->agreed.key,
            links_.outbound[(party + 1) % parties]->agreed.key};
}

void Hub::close_session(u64 session) {
    const Lock lock(lock_);
    sessions_.erase(session);
}

void Hub::fail_session(u64 session, const Fault& fault) {
    std::shared_ptr<Channel> channel;
    {
        const Lock lock(lock_);
        if (!find(session)) return;
        const auto open = sessions_.find(session);
        channel = open != sessions_.end() ? open->second : early_[session];
    }
    fail(*channel, fault);
}

void Hub::fail(Channel& channel, const Fault& fault) {
    {
        const Lock lock(lock_);
        if (channel.fault_) return;
        channel.fault_ = fault;
        changed_.notify_all();
    }
    collector_.ring();
}

u64 Hub::last_session() const {
    const Lock lock(lock_);
    return last_session_;
}

void Hub::note_session(u64 session) {
    const Lock lock(lock_);
    last_session_ = std::max(last_session_, session);
}

void Hub::post(Channel& channel, std::vector<Outgoing> outgoing) {
    std::vector<std::shared_ptr<Outbound>> links;
    std::vector<HeaderBytes> headers;
    {
        const Lock lock(lock_);
        if (channel.fault_) throw Fault(*channel.fault_);
        for (const Outgoing& message : outgoing) {
            const Channel::Peer& to = channel.peers_[static_cast<std::size_t>(message.peer)];
            headers.push_back(pack({Kind::data, message.size, channel.number, to.sent}));
            links.push_back(to.link);
        }
        for (const Outgoing& message : outgoing)
            ++channel.peers_[static_cast<std::size_t>(message.peer)].sent;
    }
    for (std::size_t i = 0; i < outgoing.size(); ++i) {
        links[i]->put(headers[i], std::move(outgoing[i].pieces));
        flush(*links[i]);
    }
    const Lock lock(lock_);
    if (channel.fault_) throw Fault(*channel.fault_);
}

void Hub::expect(Channel& channel, const std::vector<Incoming>& incoming) {
    const Lock lock(lock_);
    if (channel.fault_) throw Fault(*channel.fault_);
    for (const auto& peer : channel.peers_)
        if (peer.wanted) throw std::invalid_argument("two threads collect from one session");
    for (const auto& [peer, landing] : incoming) {
        Channel::Peer& from = channel.peers_[static_cast<std::size_t>(peer)];
        from.wanted = landing;
        from.arrived = false;
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
                name(peer) + " is alive but has sent nothing in session " + std::to_string(channel.number) +
                    " for " + seconds(settings_.patience));
}

void Hub::take(Channel& channel, Lock& lock) {
    struct Early {
        int peer;
        std::shared_ptr<Landing> message, wanted;
    };
    std::vector<Early> copies;
    for (int peer = 0; peer < parties; ++peer) {
        Channel::Peer& from = channel.peers_[static_cast<std::size_t>(peer)];
        if (!from.wanted) continue;
        ++from.taken;
        if (!from.arrived) {
            copies.push_back({peer, std::move(from.early.front()), from.wanted});
            from.early.pop_front();
        }
        from.wanted.reset();
    }
    lock.unlock();
    for (const auto& [peer, message, wanted] : copies) {
        if (message->size != wanted->size)
            throw Fault(Cause::protocol, peer,
                        name(peer) + " sent a message of " + std::to_string(message->size) + " bytes where " +
                            std::to_string(wanted->size) + " were expected");
        copy(*message, *wanted);
    }
}

void Hub::forget(Channel& channel) {
    const Lock lock(lock_);
    for (Channel::Peer& from : channel.peers_) {
        // A message that has arrived has not been taken: it waits for the next time.
        if (from.wanted && from.arrived) from.early.push_front(std::move(from.wanted));
        from.wanted.reset();
        from.arrived = false;
    }
}

void Hub::finish(Channel& channel) {
    const Lock lock(lock_);
    if (channel.fault_) throw Fault(*channel.fault_);
    for (int peer = 0; peer < parties; ++peer)
        if (!channel.peers_[static_cast<std::size_t>(peer)].early.empty())
            throw Fault(Cause::protocol, peer,
                        name(peer) + " sent messages that session " + std::to_string(channel.number) +
                            " had no use for");
}

void Hub::attend(bool begins) {
    const Lock lock(lock_);
    attended_ += begins ? 1 : -1;
    if (begins ? reading_ == &tender_ : attended_ == 0) tender_.ring();
}

}  // namespace trine::net
