"""RPC clients for Kamailio: BINRPC over ctl's socket, JSON-RPC over a FIFO,
a datagram socket or HTTP.

Structures come back as lists of pairs (class Struct), so that the order of
fields, which is part of the interface, can be compared.
"""
import http.client
import json
import os
import select
import socket
import struct
import time


class Fault(Exception):
    """The server answered with a fault."""

    def __init__(self, code, text):
        super().__init__("%s %s" % (code, text))
        self.code = code
        self.text = text


class Struct(list):
    """[(name, value), ...] that can also be read by name."""

    def __getitem__(self, key):
        if isinstance(key, (int, slice)):
            return super().__getitem__(key)
        for name, value in self:
            if name == key:
                return value
        raise KeyError(key)

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def names(self):
        return [name for name, _ in self]


_INT, _STR, _DOUBLE, _STRUCT, _ARRAY, _AVP, _BYTES = range(7)
_END = object()


def _record(kind, data):
    size = len(data)
    if size < 8:
        return bytes([size << 4 | kind]) + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(length) << 4 | kind]) + length + data


def _encode(value):
    if isinstance(value, bool) or isinstance(value, int):
        value = int(value)
        if value == 0:
            return bytes([_INT])
        data = (value & 0xFFFFFFFF).to_bytes(4, "big").lstrip(b"\0")
        return _record(_INT, data)
    if isinstance(value, float):
        return _record(_DOUBLE, struct.pack(">i", int(value * 1000)))
    if isinstance(value, str):
        value = value.encode("latin-1")
    return _record(_STR, value + b"\0")


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def record(self):
        head = self.data[self.at]
        self.at += 1
        kind, size = head & 15, head >> 4 & 7
        if head & 0x80:
            if size == 0:
                return _END
            length = int.from_bytes(self.data[self.at:self.at + size], "big")
            self.at += size
            size = length
        if kind in (_STRUCT, _ARRAY):
            return self.group(kind)
        data = self.data[self.at:self.at + size]
        self.at += size
        if kind == _INT:
            number = int.from_bytes(data, "big")
            return number - (1 << 32) if number >= 1 << 31 else number
        if kind == _DOUBLE:
            return int.from_bytes(data, "big", signed=True) / 1000
        if kind in (_STR, _AVP):
            data = data[:-1]
        return data.decode("latin-1")

    def group(self, kind):
        # What is an array for the command goes as a structure without names.
        out = Struct() if kind == _STRUCT else []
        while True:
            named = self.data[self.at] & 15 == _AVP
            item = self.record()
            if item is _END:
                return out if all(type(i) is tuple for i in out) \
                    else list(out)
            out.append((item, self.record()) if named else item)

    def all(self):
        out = []
        while self.at < len(self.data):
            out.append(self.record())
        return out


def binrpc(path, method, *args, timeout=10.0):
    """Calls @method; returns the list of what it printed."""
    body = b"".join(_encode(a) for a in (method,) + args)
    cookie = os.urandom(4)
    length = struct.pack(">I", len(body))
    head = bytes([0xA1, 0 << 4 | 3 << 2 | 3]) + length + cookie
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(path)
        sock.sendall(head + body)
        answer = _receive(sock)
    kind, payload = answer
    values = _Reader(payload).all()
    if kind == 3:
        raise Fault(values[0], values[1] if len(values) > 1 else "")
    return values


def _exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(min(count - len(data), 1 << 20))
        if not more:
            raise ConnectionError("the server closed the RPC connection")
        data += more
    return data


def _receive(sock):
    head = _exactly(sock, 2)
    size, cookie = (head[1] >> 2 & 3) + 1, (head[1] & 3) + 1
    rest = _exactly(sock, size + cookie)
    return head[1] >> 4, _exactly(sock, int.from_bytes(rest[:size], "big"))


def _request(method, args, **more):
    return json.dumps(dict({"jsonrpc": "2.0", "method": method,
                            "params": list(args), "id": 1}, **more)).encode()


def _answer(text):
    reply = json.loads(text, object_pairs_hook=Struct, strict=False)
    if "error" in reply.names():
        raise Fault(reply["error"]["code"], reply["error"]["message"])
    return reply["result"]


def json_datagram(path, method, *args, timeout=10.0):
    """JSON-RPC by datagram; answers above 128 KB get lost."""
    mine = "%s.%d.%d" % (path, os.getpid(), time.monotonic_ns())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(mine)
        try:
            sock.settimeout(timeout)
            sock.sendto(_request(method, args), path)
            return _answer(sock.recv(1 << 20).decode("latin-1"))
        finally:
            os.unlink(mine)


def json_fifo(path, method, *args, timeout=30.0):
    """JSON-RPC through the FIFO at @path."""
    text = json_fifo_text(path, method, *args, timeout=timeout)
    return _answer(text.decode("latin-1"))


def json_fifo_text(path, method, *args, timeout=30.0):
    """The same, not parsed. The reply FIFO lies beside the other; its name may
    not contain a dot."""
    name = "reply-%d-%d" % (os.getpid(), time.monotonic_ns())
    reply = os.path.join(os.path.dirname(path), name)
    os.mkfifo(reply)
    fd = os.open(reply, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # While we hold the other end, too, it has not been hung up.
        with open(reply, "wb", buffering=0):
            with open(path, "wb") as fifo:
                fifo.write(_request(method, args, reply_name=name) + b"\n")
            deadline = time.monotonic() + timeout
            data = _read_some(fd, deadline)
        return data + _read_rest(fd, deadline)
    finally:
        os.close(fd)
        os.unlink(reply)


def _read_some(fd, deadline):
    """What is there, as soon as something is; nothing at the end."""
    if not select.select([fd], [], [], max(deadline - time.monotonic(), 0))[0]:
        raise TimeoutError("no answer through the FIFO")
    return os.read(fd, 1 << 20)


def _read_rest(fd, deadline):
    parts = []
    while not parts or parts[-1]:
        parts.append(_read_some(fd, deadline))
    return b"".join(parts)


def json_http(port, method, *args, timeout=10.0):
    """JSON-RPC over HTTP to 127.0.0.1:@port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", "/RPC", _request(method, args),
                           {"Content-Type": "application/json"})
        return _answer(connection.getresponse().read().decode("latin-1"))
    finally:
        connection.close()
