// The hub's links as they come and go, and its sessions.
#include "net/hub.hpp"

#include <algorithm>

namespace trine::net {

namespace {

Fault not_linked(int peer) {
    return {Cause::lost, peer, party_name(peer) + " is not connected; it may be starting anew"};
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

// -- links --

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
    const Fault anew(Cause::lost, link->peer, party_name(link->peer) + " has connected anew");
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
    const Fault closing(Cause::lost, settings_.party, party_name(settings_.party) + " is shutting down");
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

// What it says of a link that something went wrong.
Fault Hub::explained(int peer, const std::exception& error) {
    const std::string who = party_name(peer);
    if (const auto* const fault = dynamic_cast<const Fault*>(&error))
        return fault->party == peer ? *fault : Fault(fault->cause, peer, who + ": " + fault->what());
    const auto* const tls = dynamic_cast<const TlsError*>(&error);
    if (tls && tls->kind == TlsError::Kind::closed)
        return {Cause::lost, peer, who + " closed its connection"};
    return {Cause::lost, peer, "the connection to " + who + " broke: " + error.what()};
}

// -- sessions --

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
                        party_name(peer) + " sent a message of " + std::to_string(message->size) +
                            " bytes where " + std::to_string(wanted->size) + " were expected");
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
                        party_name(peer) + " sent messages that session " + std::to_string(channel.number) +
                            " had no use for");
}

void Hub::attend(bool begins) {
    const Lock lock(lock_);
    attended_ += begins ? 1 : -1;
    if (begins ? reading_ == &tender_ : attended_ == 0 && !has_rester_) tender_.ring();
}

}  // namespace trine::net
