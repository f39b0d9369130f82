// Says in Python's exceptions what went wrong on the network.
#include "bind/net.hpp"
#include "bind/rooms.hpp"
#include "net/frame.hpp"
#include "net/tls.hpp"

namespace trine::bind {

namespace {

void raise(const py::object& error) { PyErr_SetObject(py::type::of(error).ptr(), error.ptr()); }

// As Python's own ssl module would say it, so that there is one place where its words are explained.
py::object to_exception(const net::TlsError& error) {
    using Kind = net::TlsError::Kind;
    const auto builtins = py::module_::import("builtins");
    const std::string text = error.what();
    switch (error.kind) {
        case Kind::system:
            return builtins.attr("OSError")(error.number, text);
        case Kind::closed:
            return builtins.attr("ConnectionResetError")(text);
        default:
            break;
    }
    const bool untrusted = error.kind == Kind::untrusted;
    const auto ssl = py::module_::import("ssl");
    const auto made = ssl.attr(untrusted ? "SSLCertVerificationError" : "SSLError")(1, text);
    made.attr("reason") = py::str(text).attr("upper")().attr("replace")(" ", "_");
    if (untrusted) made.attr("verify_message") = text;
    return made;
}

}  // namespace

py::object to_exception(const net::Fault& fault) {
    if (fault.cause == net::Cause::given) return *static_cast<const py::object*>(fault.given.get());
    const auto errors = py::module_::import("trine.errors");
    const std::string text = fault.what();
    if (fault.cause == net::Cause::protocol) return errors.attr("ProtocolError")(text);
    return errors.attr(fault.cause == net::Cause::lost ? "PartyLostError" : "PartyTimeoutError")(fault.party,
                                                                                                 text);
}

net::Clock::duration duration(const Seconds& given, const char* name) {
    const double value = PyFloat_AsDouble(given.object.ptr());
    if (PyErr_Occurred()) {
        PyErr_Clear();
        throw py::type_error(std::string(name) + " must be a number of seconds");
    }
    // A century is for ever, and fits the clock.
    constexpr double century = 100.0 * 365 * 24 * 3600;
    if (!(value >= 0 && value <= century))
        throw py::value_error(std::string(name) + " must be from 0 seconds to a century");
    return std::chrono::duration_cast<net::Clock::duration>(std::chrono::duration<double>(value));
}

std::span<const u8> borrowed(const AnyBytes& given, const char* name) {
    if (!PyBytes_Check(given.object.ptr())) throw py::type_error(std::string(name) + " must be bytes");
    return {reinterpret_cast<const u8*>(PyBytes_AS_STRING(given.object.ptr())),
            static_cast<std::size_t>(PyBytes_GET_SIZE(given.object.ptr()))};
}

void add_net_errors(py::module_& module) {
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (const net::Fault& fault) {
            raise(to_exception(fault));
        } catch (const net::TlsError& error) {
            raise(to_exception(error));
        }
    });

    module.attr("FRAME_HEADER_BYTES") = net::header_bytes;

    module.def(
        "frame_pack",
        [](const Int& kind, const Int& length, const Int& session, const Int& sequence) {
            const auto bytes =
                net::pack({static_cast<net::Kind>(integer(kind.object, "kind", 1, 2)),
                           integer(length.object, "length", 0), integer(session.object, "session", 0),
                           integer(sequence.object, "sequence", 0)});
            return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        },
        py::arg("kind"), py::arg("length"), py::arg("session"), py::arg("sequence"),
        "The header of a frame: kind 1 is control, 2 data.\n\n"
        "Raises ProtocolError if frames of this kind may not be so long, or the sequence is used up.");

    module.def(
        "frame_unpack",
        [](const AnyBytes& header) {
            const auto bytes = borrowed(header, "header");
            if (bytes.size() != net::header_bytes)
                throw py::value_error("header must be " + std::to_string(net::header_bytes) + " bytes, not " +
                                      std::to_string(bytes.size()));
            const net::Header read = net::unpack(bytes.first<net::header_bytes>());
            return py::make_tuple(static_cast<int>(read.kind), read.length, read.session, read.sequence);
        },
        py::arg("header"),
        "(kind, length, session, sequence) of a frame, from its header.\n\n"
        "Raises ProtocolError unless every field is as it must be.");
}

}  // namespace trine::bind
