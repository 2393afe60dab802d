"""Who would get a connection to an address and port, found out without making one.

The kernel is asked over a netlink socket (`sock_diag`, as `ss` does), 5 microseconds a question. Where it does not
answer, /proc/net/tcp is read, which costs milliseconds where the kernel's table of connections is large.
"""

import os
import socket
import struct
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

Target = tuple[str, int]  # IPv4 address, port


@dataclass(frozen=True, slots=True)
class Listeners:
    """The sockets among which the kernel would choose, by inode; `wildcard`: they are bound to no address."""

    inodes: frozenset[int]
    wildcard: bool


class ListenTable(Protocol):
    """A look at what listens now."""

    def look(self, targets: Collection[Target]) -> Mapping[Target, Listeners]:
        """Those of the targets that have listeners. Raises OSError."""
        ...


def open_table() -> ListenTable:
    """The best that this machine offers."""
    try:
        table = SockDiag()
        table.look([("127.0.0.1", 1)])
    except OSError:
        return ProcNet()
    return table


_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP = 0x001, 0x300
_LISTEN = 1 << 10  # TCPF_LISTEN
_V6ONLY = 11  # INET_DIAG_SKV6ONLY
_NOT_FOUND = 2  # ENOENT

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_QUESTION = struct.Struct("=BBBBI")  # family, protocol, extensions, padding, states
_SOCKET_ID = struct.Struct("!HH16s16sI8s")  # ports, addresses, interface, cookie (all ones: none)
_ANSWER = struct.Struct("=BBBB4x16s16x12x16xI")  # family, ...; local address; inode
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96
_ATTRIBUTE = struct.Struct("=HH")  # length, type


@dataclass(frozen=True, slots=True)
class _Socket:
    inode: int
    wildcard: bool
    v6only: bool


class SockDiag:
    """Asks over netlink."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _SOCK_DIAG)
        self._socket.connect((0, 0))
        self._sequence = 0

    def look(self, targets: Collection[Target]) -> dict[Target, Listeners]:
        found = {}
        for target in targets:
            for one in self._ask(socket.AF_INET, target, _REQUEST):
                inodes = self._wildcards(target[1]) if one.wildcard else [one.inode]
                found[target] = Listeners(frozenset(inodes), one.wildcard)
        return found

    def _wildcards(self, port: int) -> Iterator[int]:
        for family in (socket.AF_INET, socket.AF_INET6):
            for one in self._ask(family, ("0.0.0.0", port), _REQUEST | _DUMP):
                if one.wildcard and not one.v6only:
                    yield one.inode

    def _ask(self, family: int, target: Target, flags: int) -> Iterator[_Socket]:
        """The sockets that would take a connection to the target; with _DUMP all that listen on its port."""
        address, port = target
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        identity = _SOCKET_ID.pack(port, 0, socket.inet_aton(address), b"", 0, b"\xff" * 8)
        body = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, _LISTEN) + identity
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, flags, self._sequence, 0) + body)
        while True:
            # The kernel has answered before `send` returns, and goes on with a long answer at each `recv`.
            for kind, sequence, answer in _messages(self._socket.recv(65536)):
                if sequence != self._sequence:
                    continue  # the rest of a question that failed half-way
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", answer)[0]
                    if number not in (0, _NOT_FOUND):
                        raise OSError(number, os.strerror(number))
                    return
                if kind == _DONE:
                    return
                yield _parse(answer)
                if not flags & _DUMP:
                    return


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each message of a datagram."""
    while len(data) >= _HEADER.size:
        length, kind, _flags, sequence, _port = _HEADER.unpack_from(data)
        yield kind, sequence, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _parse(answer: bytes) -> _Socket:
    family, _state, _timer, _retransmissions, address, inode = _ANSWER.unpack_from(answer)
    v6only = False
    attributes = answer[_ANSWER.size :]
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _V6ONLY:
            v6only = attributes[_ATTRIBUTE.size] != 0
        attributes = attributes[max(_ATTRIBUTE.size, (length + 3) & ~3) :]
    address = address[:4] if family == socket.AF_INET else address
    return _Socket(inode, not any(address), v6only)


class ProcNet:
    """Reads /proc/net/tcp and tcp6. It cannot tell an IPv6 socket that takes IPv4 from one that does not."""

    def __init__(self, folder: str = "/proc/net") -> None:
        self._folder = folder

    def look(self, targets: Collection[Target]) -> dict[Target, Listeners]:
        ports = {port for _address, port in targets}
        bound: dict[Target, set[int]] = defaultdict(set)
        wildcards: dict[int, set[int]] = defaultdict(set)
        for address, port, inode in self._listening(ports):
            if address is None:
                wildcards[port].add(inode)
            else:
                bound[address, port].add(inode)
        found = {}
        for target in targets:
            if target in bound:
                found[target] = Listeners(frozenset(bound[target]), False)
            elif target[1] in wildcards:
                found[target] = Listeners(frozenset(wildcards[target[1]]), True)
        return found

    def _listening(self, ports: Collection[int]) -> Iterator[tuple[str | None, int, int]]:
        for name in ("tcp", "tcp6"):
            with suppress(FileNotFoundError), open(f"{self._folder}/{name}", encoding="ascii") as table:
                next(table)  # the head line
                for line in table:
                    fields = line.split()
                    if fields[3] != "0A":
                        break  # listening sockets come first
                    address, _, port = fields[1].partition(":")
                    if int(port, 16) in ports:
                        yield _address(address), int(port, 16), int(fields[9])


def _address(text: str) -> str | None:
    """The address of a row, None for a wildcard; IPv4 mapped into IPv6 is IPv4."""
    # Each word of 32 bits is printed as a number in the machine's own byte order.
    words = (int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8))
    address = b"".join(words)
    if not any(address):
        return None
    if len(address) == 16 and not address.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET6, address)
    return socket.inet_ntoa(address[-4:])
