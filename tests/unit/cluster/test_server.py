"""The part of the HTTPS server that is ours: roles, and what becomes of connections."""

import asyncio
import ssl

import pytest

from trine.cluster.server import ROLE, build_server
from trine.net.certificates import role_host


class Certificate:
    def __init__(self, *names):
        self.names = names

    def getpeercert(self):
        return {"subjectAltName": [("DNS", name) for name in self.names]}


class Transport(asyncio.Transport):
    def __init__(self, *names, unsent=0):
        super().__init__({"ssl_object": Certificate(*names), "sslcontext": True})
        self.unsent = unsent
        self.did = []

    def abort(self):
        self.did.append("abort")

    def close(self):
        self.did.append("close")

    def is_closing(self):
        return bool(self.did)

    def write(self, data):
        self.did.append("write")

    def get_write_buffer_size(self):
        return self.unsent


@pytest.fixture
def connect():
    """Makes a connection to an application that notes the roles of its callers."""
    roles = []
    loop = asyncio.new_event_loop()

    async def app(scope, receive, send):
        roles.append(scope[ROLE])

    server = build_server(app, ssl.create_default_context())

    def connect(transport):
        protocol = server.config.http_protocol_class(
            config=server.config, server_state=server.server_state, app_state={}, _loop=loop
        )
        protocol.connection_made(transport)
        return protocol

    yield connect, roles, loop
    loop.close()


def test_the_context_is_the_given_one():
    context = ssl.create_default_context()
    assert build_server(lambda scope: None, context).config.ssl is context


def test_the_application_is_told_the_role(connect):
    connect, roles, loop = connect
    protocol = connect(Transport(role_host("owner")))
    loop.run_until_complete(protocol.app({}, None, None))
    assert roles == ["owner"]


@pytest.mark.parametrize("names", [(), ("example.org",), (role_host("owner"), role_host("client"))])
def test_whoever_has_no_role_is_dropped(connect, names):
    transport = Transport(*names)
    connect[0](transport)
    assert transport.did == ["abort"]


@pytest.mark.parametrize(("unsent", "did"), [(0, ["close", "abort"]), (1, ["close"])])
def test_idle_connections_are_dropped_unless_something_is_still_to_be_sent(connect, unsent, did):
    transport = Transport(role_host("client"), unsent=unsent)
    connect[0](transport).shutdown()
    assert transport.did == did


def test_endless_headers_are_cut_off_and_large_bodies_are_not(connect):
    connect, _, loop = connect
    start = b"POST /x HTTP/1.1\r\nHost: a\r\n"
    endless = Transport(role_host("client"))
    protocol = connect(endless)
    protocol.data_received(start)
    for _ in range(70):
        assert endless.did == []
        protocol.data_received(b"Long: ".ljust(1000, b"x"))
        if endless.did:
            break
    assert endless.did == ["abort"]
    large = Transport(role_host("client"))
    protocol = connect(large)
    for _ in range(2):
        protocol.data_received(start + b"Content-Length: 200000\r\n\r\n" + bytes(100_000))
        protocol.data_received(bytes(100_000))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert "abort" not in large.did
