// Cuts messages into TLS records and puts them together again.
#include "net/link.hpp"

#include <algorithm>

namespace trine::net {

namespace {

// Read from one link before the others have their turn.
constexpr std::size_t turn_bytes = std::size_t{1} << 20;

}  // namespace

void Outbound::append(Message message) {
    if (!backlog_) {
        moved_ = Clock::now();
        backlog_ = true;
    }
    std::erase_if(message.pieces.spans, [](ConstBytes span) { return span.empty(); });
    queue_.push_back(std::move(message));
}

void Outbound::put(const HeaderBytes& header, Pieces pieces) {
    const std::lock_guard lock(queue_lock_);
    append({header, std::move(pieces)});
}

void Outbound::put_control(Pieces payload, u64 size) {
    const std::lock_guard lock(queue_lock_);
    append({pack({Kind::control, size, 0, controls_}), std::move(payload)});
    ++controls_;
}

bool Outbound::flush() {
    bool blocked = false;
    // What another thread puts while we write and cannot write itself is ours to see to.
    while (!blocked && backlog_) {
        const std::unique_lock writing(writing_, std::try_to_lock);
        if (!writing) return true;
        blocked = !write();
    }
    return !blocked;
}

bool Outbound::write() {
    while (!record_.empty() || next_record()) {
        if (!agreed.connection->write(record_)) return false;
        record_ = {};
        moved_ = Clock::now();
        if (piece_ == message_->pieces.spans.size()) message_.reset();
    }
    return true;
}

bool Outbound::next_record() {
    std::size_t filled = 0;
    if (!message_) {
        const std::lock_guard lock(queue_lock_);
        if (queue_.empty()) {
            backlog_ = false;
            return false;
        }
        message_ = std::move(queue_.front());
        queue_.pop_front();
        piece_ = offset_ = 0;
        std::ranges::copy(message_->header, stage_.begin());
        filled = header_bytes;
    }
    // Small pieces share a record, and a small message is one; what fills a record by itself is not copied
    // first.
    const std::vector<ConstBytes>& spans = message_->pieces.spans;
    while (piece_ < spans.size() && filled < record_bytes) {
        const ConstBytes rest = spans[piece_].subspan(offset_);
        const bool alone = rest.size() >= record_bytes;
        if (alone && filled > header_bytes) break;
        const ConstBytes some = rest.first(std::min(rest.size(), record_bytes - filled));
        if (alone && filled == 0) {
            record_ = some;
        } else {
            std::ranges::copy(some, stage_.begin() + static_cast<std::ptrdiff_t>(filled));
        }
        filled += some.size();
        offset_ += some.size();
        if (some.size() == rest.size()) {
            ++piece_;
            offset_ = 0;
        }
    }
    if (record_.empty()) record_ = ConstBytes(stage_).first(filled);
    return true;
}

void Outbound::listen() {
    const std::unique_lock writing(writing_, std::try_to_lock);
    if (!writing) return;  // the writer will notice
    u8 byte;
    if (agreed.connection->read({&byte, 1}) != 0)
        throw Fault(Cause::protocol, peer, party_name(peer) + " spoke where it was to listen");
}

bool Inbound::read(Receiver& receiver) {
    bool any = false;
    dry_ = false;
    for (std::size_t turn = 0; turn < turn_bytes;) {
        const Bytes into = room();
        if (!into.empty()) {
            const std::size_t count = agreed.connection->read(into);
            if (count == 0) {
                dry_ = true;
                break;
            }
            any = true;
            turn += count;
            (header_ ? offset_ : filled_) += count;
            if (header_) left_ -= count;
        } else if (!header_) {
            const Header header = unpack(head_);
            landing_ = receiver.begin(*this, header);
            header_ = header;
            left_ = header.length;
            piece_ = offset_ = 0;
        } else {
            const Header header = *header_;
            header_.reset();
            filled_ = 0;
            receiver.end(*this, header, std::move(landing_));
            // What is still in the kernel makes the socket readable.
            dry_ = !agreed.connection->holds_more();
            break;
        }
    }
    if (any) heard = Clock::now();
    return any;
}

// Where the next bytes go; nowhere if the header, or the payload, is complete.
Bytes Inbound::room() {
    if (!header_) return Bytes(head_).subspan(filled_);
    if (!landing_) return Bytes(waste_).first(std::min<u64>(left_, waste_.size()));
    const std::vector<Bytes>& spans = landing_->spans;
    while (piece_ < spans.size() && offset_ == spans[piece_].size()) {
        ++piece_;
        offset_ = 0;
    }
    return piece_ < spans.size() ? spans[piece_].subspan(offset_) : Bytes{};
}

}  // namespace trine::net
