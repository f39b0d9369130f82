// Binds TLS connections for the time in which they are set up; then they belong to a hub.
#include <poll.h>

#include <algorithm>

#include "bind/net.hpp"
#include "bind/rooms.hpp"
#include "net/tls.hpp"

namespace trine::bind {

namespace {

using net::Clock;
using net::Connection;
using net::Context;
using py::arg;
using Step = Connection::Step;

constexpr u64 largest_read = u64{1} << 20;

std::string text(const Text& given, const char* name) {
    if (!py::isinstance<py::str>(given.object)) throw py::type_error(std::string(name) + " must be a str");
    return py::cast<std::string>(given.object);
}

// Attempts something again and again, each time that the socket may have become ready for it.
template <class Attempt>
void until_done(Connection& connection, Clock::duration timeout, Attempt attempt) {
    const auto deadline = Clock::now() + timeout;
    for (;;) {
        const bool done = unlocked([&] {
            const Step step = attempt();
            if (step == Step::done) return true;
            const auto left = std::min<Clock::duration>(deadline - Clock::now(), signal_slice);
            pollfd polled{connection.descriptor(),
                          static_cast<short>(step == Step::wants_write ? POLLOUT : POLLIN), 0};
            const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
            ::poll(&polled, 1, std::max(0, static_cast<int>(milliseconds)));
            return false;
        });
        if (done) return;
        answer_signals();
        if (Clock::now() >= deadline) {
            PyErr_SetString(PyExc_TimeoutError, "timed out");
            throw py::error_already_set();
        }
    }
}

TlsConnection connect(const Context& context, const Int& descriptor, const py::object& host) {
    const auto socket = static_cast<int>(integer(descriptor.object, "descriptor", 0, (u64{1} << 31) - 1));
    std::optional<std::string> name;
    if (!host.is_none()) name = text({host}, "host");
    return {std::make_shared<Connection>(context, socket, name)};
}

py::bytes read(const TlsConnection& self, const Int& size, const Seconds& timeout) {
    std::string bytes(integer(size.object, "size", 0, largest_read), '\0');
    std::size_t filled = 0;
    // A share of its own: another thread may close it meanwhile.
    const auto connection = self.connection;
    until_done(self.open(), duration(timeout, "timeout"), [&] {
        while (filled < bytes.size()) {
            const std::size_t count =
                connection->read({reinterpret_cast<u8*>(bytes.data()) + filled, bytes.size() - filled});
            if (count == 0) return Step::wants_read;
            filled += count;
        }
        return Step::done;
    });
    return bytes;
}

void write(const TlsConnection& self, const AnyBytes& data, const Seconds& timeout) {
    std::span<const u8> rest = borrowed(data, "data");
    const auto connection = self.connection;
    until_done(self.open(), duration(timeout, "timeout"), [&] {
        while (!rest.empty()) {
            const auto record = rest.first(std::min(rest.size(), net::record_bytes));
            if (!connection->write(record)) return Step::wants_write;
            rest = rest.subspan(record.size());
        }
        return Step::done;
    });
}

}  // namespace

Connection& TlsConnection::open() const {
    if (!connection) throw py::value_error("the connection has been closed");
    return *connection;
}

void add_net_tls(py::module_& module) {
    py::class_<Context>(
        module, "TlsContext",
        "One party's certificates, for calling and for being called: TLS 1.3 with certificates "
        "on both sides.")
        .def(py::init([](const Text& authority, const Text& certificate, const Text& key) {
                 return Context(text(authority, "authority"), text(certificate, "certificate"),
                                text(key, "key"));
             }),
             arg("authority"), arg("certificate"), arg("key"),
             "From the paths of PEM files. Raises ssl.SSLError if one of them cannot be used.");

    py::class_<TlsConnection>(module, "TlsConnection",
                              "A TLS 1.3 connection on a connected socket; raises what ssl.SSLSocket would.")
        .def(py::init(&connect), arg("context"), arg("descriptor"), arg("host") = py::none(),
             "Takes the socket's descriptor over. The caller gives the host that the far end's certificate "
             "must "
             "name.")
        .def(
            "handshake",
            [](const TlsConnection& self, const Seconds& timeout) {
                const auto connection = self.connection;
                until_done(self.open(), duration(timeout, "timeout"),
                           [&] { return connection->handshake(); });
            },
            arg("timeout"), "Each end learns who the other is. Raises TimeoutError, ssl.SSLError, OSError.")
        .def("read", &read, arg("size"), arg("timeout"), "Exactly so many bytes, at most 2^20.")
        .def("write", &write, arg("data"), arg("timeout"), "Writes all of the data.")
        .def(
            "certificate",
            [](const TlsConnection& self) {
                const std::vector<u8> der = self.open().certificate();
                return py::bytes(reinterpret_cast<const char*>(der.data()), der.size());
            },
            "The far end's certificate (DER), which has been verified.")
        .def(
            "break_off",
            [](const TlsConnection& self) {
                if (self.connection) self.connection->break_off();
            },
            "Makes every read and write fail at once, in whatever thread.")
        .def(
            "close", [](TlsConnection& self) { self.connection.reset(); },
            "Gives the connection up, and closes it unless a hub has taken it.");
}

}  // namespace trine::bind
