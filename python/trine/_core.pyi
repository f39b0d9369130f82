"""
The compiled core: arithmetic on rings, fields, bits and shares, the pseudorandom generator, the parties' links.

Arrays are C-contiguous, of exactly the dtype that is shown; results go into arrays that the caller
made (or new ones, where it is said), which share no memory with the inputs unless it is said that they may.
The kernels run without the GIL. `threads` (1..1024) is how many to use at most; `isa` the instruction set, "auto" or one of
available_isas(). Neither changes a bit of the results.

Raises TypeError or ValueError, which name the argument, what it must be and what it is, but never show
an element: it may be secret.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Channel', 'FRAME_HEADER_BYTES', 'Generator', 'Hub', 'Keystream', 'PackedOperand', 'Program', 'TlsConnection', 'TlsContext', 'available_isas', 'bits_add_unpacked', 'bits_from_planes', 'bits_pack', 'bits_pack_sum', 'bits_to_planes', 'bits_unpack', 'compare_leaf', 'compare_merge', 'compare_monomials', 'field_add', 'field_conv2d', 'field_matmul', 'field_mul', 'field_neg', 'field_sub', 'field_sum', 'field_sumpool', 'frame_pack', 'frame_unpack', 'keep_freed_memory', 'rectify_program', 'round_multiply', 'round_quotient', 'round_share_upper', 'round_times_known', 'round_unflip', 'rss_and', 'rss_conv2d', 'rss_conv2d_packed', 'rss_matmul', 'rss_matmul_packed', 'rss_mul', 'sign_products_program', 'truncate_program', 'z2k_add', 'z2k_conv2d', 'z2k_matmul', 'z2k_mul', 'z2k_neg', 'z2k_sub', 'z2k_sum', 'z2k_sumpool']
class Keystream:
    """
    The keystreams of one key, AES-128-CTR: every stream number gives another keystream.
    
    It holds the expanded key, which is wiped when it goes, and can be neither copied nor pickled.
    Calls from several threads take turns.
    """
    def __init__(self, key: bytes) -> None:
        """
        key has 16 bytes.
        """
    def __repr__(self) -> str:
        ...
    def bytes(self, stream: int, out: numpy.typing.NDArray[numpy.uint8], *, block: int = 0, threads: int = 1) -> None:
        """
        Fills out (uint8, any shape) with the keystream.
        
        Its 16-byte blocks are AES(key, stream || i), both 64-bit big endian, for i = block, block + 1, ...
        Raises ValueError if the last of them would be beyond 2^64 - 1.
        """
    def field(self, stream: int, prime: int, out: numpy.typing.NDArray[numpy.uint64], *, block: int = 0) -> None:
        """
        Fills out (uint64, any shape) with numbers uniform in [0, prime).
        
        They are the words of uint64, cut to the prime's bit length, in order, without those >= prime;
        how many words are dropped depends on the keystream alone.
        """
    def uint64(self, stream: int, out: numpy.typing.NDArray[numpy.uint64], *, block: int = 0, threads: int = 1) -> None:
        """
        Fills out (uint64, any shape) with the same bytes, read little endian.
        
        See bytes.
        """
class Generator:
    """
    Draws from one 16-byte key; each opens the key's next stream, so no position is used twice.
    
    See Keystream. Holds a secret: not to be copied, printed or pickled. One thread at a time.
    """
    def __init__(self, key: bytes) -> None:
        ...
    def draw(self, out: numpy.typing.NDArray[numpy.uint64], width: int = 64) -> None:
        """
        Fills out (uint64, any shape) with numbers uniform in [0, 2^width).
        
        They are the low bits of the stream's little-endian numbers of 1, 2, 4 or 8 bytes, whichever is the least that
        holds `width` (1..64) bits.
        """
    def draw_field(self, prime: int, out: numpy.typing.NDArray[numpy.uint64]) -> None:
        """
        Fills out (uint64, any shape) as Keystream.field does.
        """
    def exclusive_or(self, out: numpy.typing.NDArray[numpy.uint64]) -> None:
        """
        out ^= what draw would give at 64 bits.
        """
    def subtract(self, out: numpy.typing.NDArray[numpy.uint64], width: int = 64) -> None:
        """
        out -= what draw would give, modulo 2^64.
        """
    def uint64(self, shape: int | tuple[int, ...], width: int = 64) -> numpy.typing.NDArray[numpy.uint64]:
        """
        A new array of that shape, filled as by draw.
        
        See draw.
        """
    @property
    def draws(self) -> int:
        """
        Draws so far: the number of the next one's stream.
        """
class PackedOperand:
    """
    The right operand of rss_matmul or rss_conv2d in the form that the kernels read, made once for many products.
    
    It holds ya + yb and ya, so as many bytes as ya and yb together, and remembers the instruction set it was packed for.
    It cannot be copied or pickled, and shows nothing but its shape.
    """
    def __init__(self, ya: numpy.typing.NDArray[numpy.uint64], yb: numpy.typing.NDArray[numpy.uint64], *, isa: str = 'auto') -> None:
        """
        ya, yb = y_i, y_{i+1} are party i's replicated share of a matrix [K, N] or a kernel [KH, KW, C, O].
        """
    def __repr__(self) -> str:
        ...
    @property
    def shape(self) -> tuple[int, ...]:
        """
        Shape of the shared matrix or kernel.
        """
class Program:
    """
    One party's side of a protocol, from its first message to its last, for Channel.run.
    
    It holds shares: not to be copied or pickled.
    """
class TlsContext:
    """
    One party's certificates, for calling and for being called: TLS 1.3 with certificates on both sides.
    """
    def __init__(self, authority: str, certificate: str, key: str) -> None:
        """
        From the paths of PEM files. Raises ssl.SSLError if one of them cannot be used.
        """
class TlsConnection:
    """
    A TLS 1.3 connection on a connected socket; raises what ssl.SSLSocket would.
    """
    def __init__(self, context: TlsContext, descriptor: int, host: typing.Any = None) -> None:
        """
        Takes the socket's descriptor over. The caller gives the host that the far end's certificate must name.
        """
    def break_off(self) -> None:
        """
        Makes every read and write fail at once, in whatever thread.
        """
    def certificate(self) -> bytes:
        """
        The far end's certificate (DER), which has been verified.
        """
    def close(self) -> None:
        """
        Gives the connection up, and closes it unless a hub has taken it.
        """
    def handshake(self, timeout: float) -> None:
        """
        Each end learns who the other is. Raises TimeoutError, ssl.SSLError, OSError.
        """
    def read(self, size: int, timeout: float) -> bytes:
        """
        Exactly so many bytes, at most 2^20.
        """
    def write(self, data: bytes, timeout: float) -> None:
        """
        Writes all of the data.
        """
class Channel:
    """
    One session on a hub; see trine.net.Channel.
    """
    def attend(self, begins: bool) -> None:
        """
        Says that a thread begins, or ends, to compute, and will collect again soon.
        """
    def collect(self, expect: collections.abc.Mapping[int, collections.abc.Sequence[int]]) -> dict[int, list[numpy.typing.NDArray[numpy.uint8]]]:
        """
        The next message of each peer named, in pieces of these sizes, each an array of its own.
        """
    def fail(self, error: Exception) -> None:
        """
        Makes every later wait raise the error; the first one stays.
        """
    def finish(self) -> None:
        """
        Raises the session's error, or ProtocolError if messages are left that nobody asked for.
        """
    def post(self, send: collections.abc.Mapping[int, collections.abc.Sequence[numpy.typing.NDArray[numpy.uint8]]]) -> None:
        """
        One message to each peer named, the concatenation of its parts, which stay as they are until sent.
        """
    def run(self, program: Program) -> tuple[int, int]:
        """
        Runs one party's side of a protocol, without a word of Python between its messages.
        
        Returns (rounds, payload bytes that this party sent); raises what post and collect do.
        """
class Hub:
    """
    One party's links and their sessions.
    """
    def __init__(self, party: int, *, timeout: float, patience: float, attention: float, spin: float, early_sessions: int) -> None:
        ...
    def attach_inbound(self, peer: int, connection: TlsConnection, process: bytes, key: bytes) -> bool:
        """
        The same for a link that the peer has called.
        """
    def attach_outbound(self, peer: int, connection: TlsConnection, process: bytes, key: bytes) -> bool:
        """
        Takes a link over, in the place of an older one; False if the hub is closed.
        """
    def close(self) -> None:
        """
        Breaks all links for good.
        """
    def close_session(self, session: int) -> None:
        ...
    def drop(self, peer: int, error: Exception) -> None:
        """
        Breaks the link by which the peer sends.
        """
    def fail_session(self, session: int, error: Exception) -> None:
        ...
    def has_outbound(self, peer: int) -> bool:
        ...
    def last_session(self) -> int:
        ...
    def missing(self) -> list[int]:
        """
        The parties that are not linked in both directions.
        """
    def news(self) -> list[tuple[int, typing.Any, bool]]:
        """
        (peer, control message, True) for each that has come, and (peer, error, whether it was linked
        in both directions) for each link that broke.
        """
    def note_session(self, session: int) -> None:
        ...
    def open(self, session: int) -> tuple[Channel, bytes, bytes]:
        """
        (channel, the key of the link from party i - 1, that of the link to party i + 1).
        """
    def rest(self) -> None:
        """
        The same for the thread that computes when it has nothing to compute; until wake() is called, too.
        """
    def send_control(self, peer: int, payload: bytes) -> None:
        """
        Queues a control message. Raises PartyLostError if the peer is not linked.
        """
    def tend(self) -> None:
        """
        Looks after the links for a moment, or until there is news; always by the same thread.
        """
    def wake(self) -> None:
        """
        Ends a rest, or the next one before it begins.
        """
def available_isas() -> list[str]:
    """
    The values that `isa` may have here besides "auto", slowest first.
    """
def bits_add_unpacked(data: numpy.typing.NDArray[numpy.uint8], width: int, out: numpy.typing.NDArray[numpy.uint64]) -> None:
    """
    out += what bits_unpack gives, modulo 2^64; any shape of n elements.
    
    data has ceil(n * width / 8) bytes.
    """
def bits_from_planes(planes: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1) -> None:
    """
    The inverse of bits_to_planes: out[n] from planes[width, ceil(n / 64)]; bits from `width` up are 0.
    """
def bits_pack(x: numpy.typing.NDArray[numpy.uint64], width: int, out: numpy.typing.NDArray[numpy.uint8], *, threads: int = 1) -> None:
    """
    Packs the low `width` (1..64) bits of each of x[n] into out[ceil(n * width / 8)].
    
    Element e occupies the bits e * width and up of one little-endian bit string; bits left over are 0.
    """
def bits_pack_sum(x: numpy.typing.NDArray[numpy.uint64], y: numpy.typing.NDArray[numpy.uint64], width: int, out: numpy.typing.NDArray[numpy.uint8]) -> None:
    """
    Packs x + y modulo 2^width, as bits_pack does; any shape of n elements.
    
    out has ceil(n * width / 8) bytes.
    """
def bits_to_planes(x: numpy.typing.NDArray[numpy.uint64], planes: numpy.typing.NDArray[numpy.uint64], *, low: int = 0, threads: int = 1) -> None:
    """
    planes[width, ceil(n / 64)]: bit b of word v of plane j = bit low + j of x[64 v + b], x of any shape.
    
    Bits left over are 0; low is at most 64 - width.
    """
def bits_unpack(data: numpy.typing.NDArray[numpy.uint8], shape: int | tuple[int, ...], width: int, *, threads: int = 1) -> numpy.typing.NDArray[numpy.uint64]:
    """
    The inverse of bits_pack: a new array of that shape, of n elements, from data[ceil(n * width / 8)].
    
    Bits left over are ignored.
    """
def compare_leaf(r_planes: numpy.typing.NDArray[numpy.uint64], table: numpy.typing.NDArray[numpy.uint64], constant: bool, less: numpy.typing.NDArray[numpy.uint64], equal: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1) -> None:
    """
    This XOR share of [C < R] and of [C == R] on each group of four bits, from one of compare_monomials(C).
    
    r_planes[w, words] is R in the clear; table[rows, words] the share; `constant` whether this share also
    carries the empty monomial, 1 (just one share does); less and equal are [ceil(w / 4), words]. Both are
    linear in the table, so the shares' results XOR to the answer.
    """
def compare_merge(less_a: numpy.typing.NDArray[numpy.uint64], less_b: numpy.typing.NDArray[numpy.uint64], equal_a: numpy.typing.NDArray[numpy.uint64], equal_b: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1) -> None:
    """
    This party's XOR part of one level of the tree that joins groups in pairs, on replicated shares.
    
    less_*[groups, words] and equal_*[groups - 1, words], which lacks the lowest group, are x_i and x_{i+1}.
    out first has equal_high & equal_low of each pair but the lowest, then less_high ^ (equal_high & less_low)
    of all pairs. An odd group at the high end is left out.
    """
def compare_monomials(c_planes: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1) -> None:
    """
    All products of bit-planes within groups of four, c_planes[w, words] -> out[rows, words].
    
    Groups are counted from the low end; the last one may have 1..3 planes. A group of b planes gives 2^b - 1
    rows: for S = 1, 2, ..., the AND of the planes whose bits are set in S.
    """
def field_add(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = a + b modulo prime, element by element; out may be a or b itself.
    """
def field_conv2d(x: numpy.typing.NDArray[numpy.uint64], w: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], stride: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (0, 0, 0, 0), *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[N, OH, OW, O] = the convolution modulo prime of x[N, H, W, C] with w[KH, KW, C, O], kernels not flipped.
    
    stride is (height, width); padding is (top, bottom, left, right), with zeros.
    OH = (H + top + bottom - KH) // stride height + 1, likewise OW; 0 where the kernel does not fit.
    """
def field_matmul(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[M, N] = a[M, K] . b[K, N] modulo prime.
    """
def field_mul(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = a * b modulo prime, element by element; out may be a or b itself.
    """
def field_neg(a: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = -a modulo prime, element by element; out may be a itself.
    """
def field_sub(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = a - b modulo prime, element by element; out may be a or b itself.
    """
def field_sum(a: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[outer, inner] = the sum modulo prime of a[outer, axis, inner] over its middle axis.
    """
def field_sumpool(x: numpy.typing.NDArray[numpy.uint64], prime: int, out: numpy.typing.NDArray[numpy.uint64], window: tuple[int, int], stride: tuple[int, int], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[N, OH, OW, C] = the sums modulo prime over windows (height, width) of x[N, H, W, C], `stride` apart.
    
    A window that does not fit is left out: OH = (H - window height) // stride height + 1, likewise OW.
    """
def frame_pack(kind: int, length: int, session: int, sequence: int) -> bytes:
    """
    The header of a frame: kind 1 is control, 2 data.
    
    Raises ProtocolError if frames of this kind may not be so long, or the sequence is used up.
    """
def frame_unpack(header: bytes) -> tuple[int, int, int, int]:
    """
    (kind, length, session, sequence) of a frame, from its header.
    
    Raises ProtocolError unless every field is as it must be.
    """
def keep_freed_memory() -> None:
    """
    From now on this process keeps what it frees, up to a gigabyte, for its next computation.
    
    For processes that do nothing else: memory that goes back to the system has to be fetched page by page again.
    """
def rectify_program(party: int, keys: tuple[Generator, Generator, Generator], x: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64]], shift: int, width: int, out_width: int, truncation: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64] | None] | None, sign: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64] | None] | None, a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64]) -> Program:
    """
    trine.mpc.compare.rectify; see truncate_program.
    
    sign has mask, pad, planes, bit, table, two halves, zero, two shares of the bit as numbers, then a share of
    zero for each level of the tree and for the opening.
    """
def round_multiply(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], ya: numpy.typing.NDArray[numpy.uint64], yb: numpy.typing.NDArray[numpy.uint64], zero: numpy.typing.NDArray[numpy.uint64], width: int, out: numpy.typing.NDArray[numpy.uint64], message: numpy.typing.NDArray[numpy.uint8], *, isa: str = 'auto') -> None:
    """
    out = xa * (ya + yb) + xb * ya + zero: this party's masked part of x * y; message is out, packed.
    
    All arrays have one shape; see rss_mul. `width` bits of each element go into the message.
    """
def round_quotient(base: numpy.typing.NDArray[numpy.uint64], wrap: numpy.typing.NDArray[numpy.uint64], flip: numpy.typing.NDArray[numpy.uint64], top: numpy.typing.NDArray[numpy.uint64], shift: int, out: numpy.typing.NDArray[numpy.uint64], *, isa: str = 'auto') -> None:
    """
    One share of a truncated number: out = base + 2^shift ((1 - 2 flip) wrap + (top & flip)).
    
    base, wrap and out have one shape, of n elements; flip[ceil(n / 64)] and top have a bit for each;
    top may be empty, for a share that lacks that term.
    """
def round_share_upper(known: numpy.typing.NDArray[numpy.uint64], bits: int, shift: int, pad: numpy.typing.NDArray[numpy.uint64], width: int, out: numpy.typing.NDArray[numpy.uint64], message: numpy.typing.NDArray[numpy.uint8], *, isa: str = 'auto') -> None:
    """
    out = (known modulo 2^bits) >> shift, less pad; message is out, packed by width bits.
    
    known, pad and out have one shape; shift is less than bits.
    """
def round_times_known(half: numpy.typing.NDArray[numpy.uint64], plane: numpy.typing.NDArray[numpy.uint64], pad: numpy.typing.NDArray[numpy.uint64], signs: bool, width: int, out: numpy.typing.NDArray[numpy.uint64], message: numpy.typing.NDArray[numpy.uint8], *, isa: str = 'auto') -> None:
    """
    out = half * bit - pad, or half * (1 - 2 bit) - pad if `signs`; message is out, packed by width bits.
    
    half, pad and out have one shape, of n elements; plane[ceil(n / 64)] has a bit for each.
    """
def round_unflip(flip: numpy.typing.NDArray[numpy.uint64], value: numpy.typing.NDArray[numpy.uint64], product: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, isa: str = 'auto') -> None:
    """
    One share of a bit times a value: out = value - product where flip, else product.
    
    `product` is a share of (bit xor flip) * value. value, product and out have one shape, of n elements;
    flip[ceil(n / 64)] has a bit for each.
    """
def rss_and(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], ya: numpy.typing.NDArray[numpy.uint64], yb: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = (xa & (ya ^ yb)) ^ (xb & ya): this party's XOR share of x & y, bit by bit.
    
    xa, xb = x_i, x_{i+1} are party i's replicated share of x, likewise y.
    """
def rss_conv2d(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], wa: numpy.typing.NDArray[numpy.uint64], wb: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], stride: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (0, 0, 0, 0), *, threads: int = 1, isa: str = 'auto') -> None:
    """
    The convolution of xa with wa + wb plus that of xb with wa, modulo 2^64, as one product of twice the depth.
    
    It is this party's additive share of the convolution of x with w; shapes as in z2k_conv2d, see rss_mul.
    """
def rss_conv2d_packed(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], w: PackedOperand, out: numpy.typing.NDArray[numpy.uint64], stride: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (0, 0, 0, 0), *, threads: int = 1) -> None:
    """
    rss_conv2d with a kernel that was packed before: the same bits.
    
    Shapes as in z2k_conv2d.
    """
def rss_matmul(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], ya: numpy.typing.NDArray[numpy.uint64], yb: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[M, N] = xa[M, K] . (ya + yb)[K, N] + xb . ya modulo 2^64, as one product of depth 2 K.
    
    It is this party's additive share of x . y; see rss_mul.
    """
def rss_matmul_packed(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], y: PackedOperand, out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1) -> None:
    """
    rss_matmul with a right operand that was packed before: the same bits.
    
    out[M, N] = xa[M, K] . (ya + yb)[K, N] + xb . ya modulo 2^64.
    """
def rss_mul(xa: numpy.typing.NDArray[numpy.uint64], xb: numpy.typing.NDArray[numpy.uint64], ya: numpy.typing.NDArray[numpy.uint64], yb: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = xa * (ya + yb) + xb * ya modulo 2^64: this party's additive share of x * y, element by element.
    
    xa, xb = x_i, x_{i+1} are party i's replicated share of x, likewise y (Araki et al. 2016).
    """
def sign_products_program(party: int, keys: tuple[Generator, Generator, Generator], x: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64]], values: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64]], width: int, out_width: int, sign: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64] | None] | None, a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64]) -> Program:
    """
    trine.mpc.compare.sign_products; see rectify_program.
    """
def truncate_program(party: int, keys: tuple[Generator, Generator, Generator], x: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64]], shift: int, width: int, out_width: int, truncation: collections.abc.Sequence[numpy.typing.NDArray[numpy.uint64] | None] | None, a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64]) -> Program:
    """
    trine.mpc.truncation.truncate; the result's shares go into a and b.
    
    keys are the generators of keys number `party` and `party` + 1 and of the party's own; x is one additive
    part or two shares; truncation has mask, pad, two bases, bit, and two shares of the wrap, with None for
    what the party does not have. It is drawn here if not given, and what it lacks is dealt on the way.
    """
def z2k_add(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = a + b modulo 2^64, element by element; out may be a or b itself.
    """
def z2k_conv2d(x: numpy.typing.NDArray[numpy.uint64], w: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], stride: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (0, 0, 0, 0), *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[N, OH, OW, O] = the convolution modulo 2^64 of x[N, H, W, C] with w[KH, KW, C, O], kernels not flipped.
    
    stride is (height, width); padding is (top, bottom, left, right), with zeros.
    OH = (H + top + bottom - KH) // stride height + 1, likewise OW; 0 where the kernel does not fit.
    """
def z2k_matmul(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[M, N] = a[M, K] . b[K, N] modulo 2^64.
    """
def z2k_mul(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = a * b modulo 2^64, element by element; out may be a or b itself.
    """
def z2k_neg(a: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = -a modulo 2^64, element by element; out may be a itself.
    """
def z2k_sub(a: numpy.typing.NDArray[numpy.uint64], b: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out = a - b modulo 2^64, element by element; out may be a or b itself.
    """
def z2k_sum(a: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[outer, inner] = the sum modulo 2^64 of a[outer, axis, inner] over its middle axis.
    """
def z2k_sumpool(x: numpy.typing.NDArray[numpy.uint64], out: numpy.typing.NDArray[numpy.uint64], window: tuple[int, int], stride: tuple[int, int], *, threads: int = 1, isa: str = 'auto') -> None:
    """
    out[N, OH, OW, C] = the sums modulo 2^64 over windows (height, width) of x[N, H, W, C], `stride` apart.
    
    A window that does not fit is left out: OH = (H - window height) // stride height + 1, likewise OW.
    """
FRAME_HEADER_BYTES: int = 20
