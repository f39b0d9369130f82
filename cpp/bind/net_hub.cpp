// Binds the hub and its channels; the arrays that messages come from and go to are NumPy's.
#include <pybind11/stl.h>

#include <algorithm>
#include <mutex>

#include "bind/net.hpp"
#include "bind/program.hpp"
#include "bind/rooms.hpp"
#include "net/hub.hpp"

namespace trine::bind {

namespace {

using net::Clock;
using net::Owner;
using py::arg;
using Hub = net::Hub;

using News = Given<"list[tuple[int, typing.Any, bool]]">;
using Received = Given<"dict[int, list[numpy.typing.NDArray[numpy.uint8]]]">;
using Opened = Given<"tuple[Channel, bytes, bytes]">;
using Send =
    Given<"collections.abc.Mapping[int, collections.abc.Sequence[numpy.typing.NDArray[numpy.uint8]]]">;
using Expect = Given<"collections.abc.Mapping[int, collections.abc.Sequence[int]]">;
using Error = Given<"Exception">;
using ProgramArgument = Given<"Program">;
using Costs = Given<"tuple[int, int]">;

// Python objects that were let go of in threads without the GIL, until somebody comes by who holds it.
class Graveyard : public std::enable_shared_from_this<Graveyard> {
  public:
    using Objects = std::vector<py::object>;

    Owner keep(Objects objects) {
        return {new Objects(std::move(objects)), [yard = shared_from_this()](Objects* kept) {
                    const std::lock_guard lock(yard->lock_);
                    yard->dead_.emplace_back(kept);
                }};
    }
    void empty() {
        std::vector<std::unique_ptr<Objects>> dead;
        const std::lock_guard lock(lock_);
        dead.swap(dead_);
    }

  private:
    std::mutex lock_;
    std::vector<std::unique_ptr<Objects>> dead_;
};

int index_of(const Int& party) {
    return static_cast<int>(integer(party.object, "party", 0, net::parties - 1));
}

std::string text_of(std::span<const u8> bytes) { return {bytes.begin(), bytes.end()}; }

ConstBytes bytes_of(const py::object& part) {
    // What is good is recognised at once; what is not is for in() to explain.
    if (py::isinstance<py::array>(part)) {
        const auto array = py::reinterpret_borrow<py::array>(part);
        if (array.dtype().num() == py::detail::npy_api::NPY_UBYTE_ && (array.flags() & py::array::c_style))
            return {static_cast<const u8*>(array.data()), static_cast<std::size_t>(array.size())};
    }
    return in(ByteArray{part}, "a part of a message").data;
}

// A hub as one of its Python objects holds it.
struct Held {
    std::shared_ptr<Graveyard> graveyard = std::make_shared<Graveyard>();
    std::shared_ptr<Hub> hub;
    int party;

    explicit Held(int index) : party(index) {}
    Held(const Held&) = default;
    Held& operator=(const Held&) = delete;
    ~Held() {
        hub.reset();
        graveyard->empty();
    }

    int peer(const py::handle& given) const {
        const int index = index_of({py::reinterpret_borrow<py::object>(given)});
        if (index == party)
            throw py::value_error("party " + std::to_string(party) + " is no peer of its own");
        return index;
    }
    net::Fault fault(const py::object& error) const {
        if (!PyExceptionInstance_Check(error.ptr())) throw py::type_error("error must be an exception");
        const Owner kept = graveyard->keep({error});
        return {net::Cause::given, -1, "",
                Owner(kept, &static_cast<Graveyard::Objects*>(kept.get())->front())};
    }
};

class PyHub {
  public:
    PyHub(const Int& party, const Seconds& timeout, const Seconds& patience, const Seconds& attention,
          const Seconds& spin, const Int& early_sessions)
        : held_(index_of(party)) {
        held_.hub = std::make_shared<Hub>(
            Hub::Settings{held_.party, duration(timeout, "timeout"), duration(patience, "patience"),
                          duration(attention, "attention"), duration(spin, "spin"),
                          integer(early_sessions.object, "early_sessions", 1)});
    }

    template <bool Outbound>
    bool attach(const Int& given, const Given<"TlsConnection">& connection, const AnyBytes& process,
                const AnyBytes& key) {
        const int peer = held_.peer(given.object);
        if (!py::isinstance<TlsConnection>(connection.object))
            throw py::type_error("connection must be a TlsConnection");
        static_cast<void>(connection.object.cast<const TlsConnection&>().open());
        net::Agreed agreed{connection.object.cast<const TlsConnection&>().connection,
                           text_of(borrowed(process, "process")), text_of(borrowed(key, "key"))};
        Hub& hub = *held_.hub;
        return unlocked([&] {
            return Outbound ? hub.attach_outbound(peer, std::move(agreed))
                            : hub.attach_inbound(peer, std::move(agreed));
        });
    }

    bool has_outbound(const Int& peer) const { return held_.hub->has_outbound(held_.peer(peer.object)); }
    std::vector<int> missing() const { return held_.hub->missing(); }
    void drop(const Int& given, const Error& error) {
        const int peer = held_.peer(given.object);
        held_.hub->drop(peer, held_.fault(error.object));
    }
    void close() {
        unlocked([&] { held_.hub->close(); });
    }
    void send_control(const Int& given, const AnyBytes& payload) {
        const int peer = held_.peer(given.object);
        const auto bytes = borrowed(payload, "payload");
        net::Pieces pieces{{bytes}, held_.graveyard->keep({payload.object})};
        unlocked([&] { held_.hub->send_control(peer, bytes.size(), std::move(pieces)); });
        held_.graveyard->empty();
    }

    void tend() {
        unlocked([&] { held_.hub->tend(Clock::now() + signal_slice); });
        held_.graveyard->empty();
    }
    void rest() {
        unlocked([&] { held_.hub->rest(Clock::now() + signal_slice); });
    }
    void wake() { held_.hub->wake(); }
    News news() {
        py::list news;
        for (const net::Event& event : held_.hub->news()) {
            if (event.lost) {
                news.append(py::make_tuple(event.peer, to_exception(*event.lost), event.was_linked));
            } else {
                const Bytes payload = event.control.spans.front();
                news.append(py::make_tuple(
                    event.peer, py::bytes(reinterpret_cast<const char*>(payload.data()), payload.size()),
                    true));
            }
        }
        return {std::move(news)};
    }

    Opened open(const Int& session);
    void close_session(const Int& session) {
        held_.hub->close_session(integer(session.object, "session", 0));
    }
    void fail_session(const Int& session, const Error& error) {
        held_.hub->fail_session(integer(session.object, "session", 1), held_.fault(error.object));
    }
    u64 last_session() const { return held_.hub->last_session(); }
    void note_session(const Int& session) { held_.hub->note_session(integer(session.object, "session", 0)); }

  private:
    Held held_;
};

// Runs a protocol on a session's messages.
class Drive {
  public:
    // `memory` keeps what messages come from and land in.
    Drive(Hub& hub, net::Channel& channel, mpc::Site& site, mpc::Protocol<mpc::opening::Ended>& protocol,
          Owner memory)
        : hub_(hub), channel_(channel), site_(site), protocol_(protocol), memory_(std::move(memory)) {}

    // False if the time is up.
    bool advance(Clock::time_point until) {
        for (;;) {
            if (!waiting_) {
                if (protocol_.resume()) break;
                begin_round();
            }
            if (!hub_.collect(channel_, since_, until)) return false;
            waiting_ = false;
        }
        protocol_.take();
        return true;
    }
    u64 rounds() const { return rounds_; }
    u64 bytes() const { return bytes_; }

  private:
    void begin_round() {
        auto round = site_.take_round();
        std::vector<Hub::Outgoing> outgoing;
        std::vector<Hub::Incoming> incoming;
        for (int peer = 0; peer < net::parties; ++peer) {
            auto& [sent, expected] = round[static_cast<std::size_t>(peer)];
            if (!sent.empty()) {
                outgoing.push_back({peer, total(sent), {std::move(sent), memory_}});
                bytes_ += outgoing.back().size;
            }
            if (!expected.empty()) {
                const u64 size = total(expected);
                incoming.push_back(
                    {peer, std::make_shared<net::Landing>(net::Landing{std::move(expected), memory_, size})});
            }
        }
        ++rounds_;
        hub_.post(channel_, std::move(outgoing));
        hub_.expect(channel_, incoming);
        since_ = Clock::now();
        waiting_ = true;
    }
    template <class Pieces>
    static u64 total(const Pieces& pieces) {
        u64 size = 0;
        for (const auto& piece : pieces) size += piece.size();
        return size;
    }

    Hub& hub_;
    net::Channel& channel_;
    mpc::Site& site_;
    mpc::Protocol<mpc::opening::Ended>& protocol_;
    const Owner memory_;
    u64 rounds_ = 0, bytes_ = 0;
    bool waiting_ = false;
    Clock::time_point since_{};
};

class PyChannel {
  public:
    PyChannel(Held held, std::shared_ptr<net::Channel> channel)
        : held_(std::move(held)), channel_(std::move(channel)) {}

    void post(const Send& send) {
        std::vector<Hub::Outgoing> outgoing;
        for (const auto& [peer, parts] : dictionary(send.object, "send")) {
            Hub::Outgoing message{held_.peer(peer), 0, {}};
            Graveyard::Objects arrays;
            for (const py::handle part : sequence(parts, "send")) {
                arrays.push_back(py::reinterpret_borrow<py::object>(part));
                message.pieces.spans.push_back(bytes_of(arrays.back()));
                message.size += message.pieces.spans.back().size();
            }
            message.pieces.owner = held_.graveyard->keep(std::move(arrays));
            outgoing.push_back(std::move(message));
        }
        unlocked([&] { held_.hub->post(*channel_, std::move(outgoing)); });
        held_.graveyard->empty();
    }

    Received collect(const Expect& expect) {
        py::dict received;
        std::vector<Hub::Incoming> incoming;
        for (const auto& [peer, sizes] : dictionary(expect.object, "expect")) {
            auto landing = std::make_shared<net::Landing>();
            py::list arrays;
            for (const py::handle size : sequence(sizes, "expect")) {
                const u64 count = integer(py::reinterpret_borrow<py::object>(size), "a size", 0,
                                          net::largest_payload(net::Kind::data));
                py::array_t<u8> array(static_cast<py::ssize_t>(count));
                landing->spans.emplace_back(array.mutable_data(), count);
                landing->size += count;
                arrays.append(std::move(array));
            }
            // Should the wait be broken off, they must outlive it.
            landing->owner = held_.graveyard->keep({arrays});
            incoming.push_back({held_.peer(peer), std::move(landing)});
            received[peer] = std::move(arrays);
        }
        held_.hub->expect(*channel_, incoming);
        incoming.clear();
        try {
            wait();
        } catch (...) {
            held_.hub->forget(*channel_);
            throw;
        }
        held_.graveyard->empty();
        return {std::move(received)};
    }

    Costs run(const ProgramArgument& given) {
        if (!py::isinstance<Program>(given.object)) throw py::type_error("program must be a Program");
        auto& program = given.object.cast<Program&>();
        const auto protocol = std::move(program.protocol);
        if (!protocol) throw py::value_error("the program has been run");
        Drive drive{*held_.hub, *channel_, *program.site, *protocol, held_.graveyard->keep({given.object})};
        try {
            while (!unlocked([&] { return drive.advance(Clock::now() + signal_slice); })) answer_signals();
        } catch (...) {
            held_.hub->forget(*channel_);
            throw;
        }
        held_.graveyard->empty();
        return {py::make_tuple(drive.rounds(), drive.bytes())};
    }

    void fail(const Error& error) { held_.hub->fail(*channel_, held_.fault(error.object)); }
    void finish() { held_.hub->finish(*channel_); }
    void attend(const Flag& begins) { held_.hub->attend(flag(begins, "begins")); }

  private:
    void wait() {
        const auto since = Clock::now();
        while (!unlocked([&] { return held_.hub->collect(*channel_, since, Clock::now() + signal_slice); }))
            answer_signals();
    }

    static py::dict dictionary(const py::object& given, const char* name) {
        if (PyDict_Check(given.ptr())) return py::reinterpret_borrow<py::dict>(given);
        if (!PyMapping_Check(given.ptr())) throw py::type_error(std::string(name) + " must be a mapping");
        return py::dict(given);
    }
    static py::sequence sequence(const py::handle& given, const char* name) {
        if (!PySequence_Check(given.ptr()))
            throw py::type_error(std::string(name) + " must map each peer to a sequence");
        return py::reinterpret_borrow<py::sequence>(given);
    }

    Held held_;
    std::shared_ptr<net::Channel> channel_;
};

Opened PyHub::open(const Int& session) {
    const Hub::Opened opened = held_.hub->open(integer(session.object, "session", 0));
    return {py::make_tuple(PyChannel(held_, opened.channel), py::bytes(opened.key_of_previous),
                           py::bytes(opened.key_of_next))};
}

}  // namespace

void add_net_hub(py::module_& module) {
    py::class_<PyChannel>(module, "Channel", "One session on a hub; see trine.net.Channel.")
        .def("post", &PyChannel::post, arg("send"),
             "One message to each peer named, the concatenation of its parts, which stay as they are until "
             "sent.")
        .def("collect", &PyChannel::collect, arg("expect"),
             "The next message of each peer named, in pieces of these sizes, each an array of its own.")
        .def("run", &PyChannel::run, arg("program"),
             "Runs one party's side of a protocol, without a word of Python between its messages.\n\n"
             "Returns (rounds, payload bytes that this party sent); raises what post and collect do.")
        .def("fail", &PyChannel::fail, arg("error"),
             "Makes every later wait raise the error; the first one stays.")
        .def("finish", &PyChannel::finish,
             "Raises the session's error, or ProtocolError if messages are left that nobody asked for.")
        .def("attend", &PyChannel::attend, arg("begins"),
             "Says that a thread begins, or ends, to compute, and will collect again soon.");

    py::class_<PyHub>(module, "Hub", "One party's links and their sessions.")
        .def(py::init<const Int&, const Seconds&, const Seconds&, const Seconds&, const Seconds&,
                      const Int&>(),
             arg("party"), py::kw_only(), arg("timeout"), arg("patience"), arg("attention"), arg("spin"),
             arg("early_sessions"))
        .def("attach_outbound", &PyHub::attach<true>, arg("peer"), arg("connection"), arg("process"),
             arg("key"), "Takes a link over, in the place of an older one; False if the hub is closed.")
        .def("attach_inbound", &PyHub::attach<false>, arg("peer"), arg("connection"), arg("process"),
             arg("key"), "The same for a link that the peer has called.")
        .def("has_outbound", &PyHub::has_outbound, arg("peer"))
        .def("missing", &PyHub::missing, "The parties that are not linked in both directions.")
        .def("drop", &PyHub::drop, arg("peer"), arg("error"), "Breaks the link by which the peer sends.")
        .def("close", &PyHub::close, "Breaks all links for good.")
        .def("send_control", &PyHub::send_control, arg("peer"), arg("payload"),
             "Queues a control message. Raises PartyLostError if the peer is not linked.")
        .def("tend", &PyHub::tend,
             "Looks after the links for a moment, or until there is news; always by the same thread.")
        .def("rest", &PyHub::rest,
             "The same for the thread that computes when it has nothing to compute; until wake() is called, "
             "too.")
        .def("wake", &PyHub::wake, "Ends a rest, or the next one before it begins.")
        .def("news", &PyHub::news,
             "(peer, control message, True) for each that has come, and (peer, error, whether it was "
             "linked\n"
             "in both directions) for each link that broke.")
        .def("open", &PyHub::open, arg("session"),
             "(channel, the key of the link from party i - 1, that of the link to party i + 1).")
        .def("close_session", &PyHub::close_session, arg("session"))
        .def("fail_session", &PyHub::fail_session, arg("session"), arg("error"))
        .def("last_session", &PyHub::last_session)
        .def("note_session", &PyHub::note_session, arg("session"));
}

}  // namespace trine::bind
