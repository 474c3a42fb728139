"""Between Kamailio and a database server: a connection whose COMMIT can be held
back, so that it reaches the server when who has sent it is dead."""
import selectors
import socket
import threading

from . import net

# As the clients of PostgreSQL and MySQL put it into a message of its own.
COMMIT = {"postgres": b"COMMIT\0", "mysql": b"\x03COMMIT"}


class Wire:
    """Passes on what comes to .port, until hold(): from then on the first
    COMMIT waits for release(), also when its sender hangs up. Other connections
    are not touched by that."""

    def __init__(self, base):
        self.mark = COMMIT[base.kind]
        self.target = base.server.port
        self.url = base.url
        self._armed = False
        self._held = threading.Event()  # a COMMIT is here
        self._go = threading.Event()
        self._done = threading.Event()  # the server has answered it
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = base.url.replace(":%d/" % self.target, ":%d/" % self.port)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,),
                             daemon=True).start()

    def _pass_on(self, client):
        server = socket.create_connection(("127.0.0.1", self.target))
        other = {client: server, server: client}
        with selectors.DefaultSelector() as ready, client, server:
            for sock in other:
                ready.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    try:
                        data = key.fileobj.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        return
                    if key.fileobj is client and self._armed and \
                            self.mark in data:
                        self._armed = False
                        self._keep(server, data)
                        return
                    other[key.fileobj].sendall(data)

    def _keep(self, server, data):
        self._held.set()
        self._go.wait()
        server.sendall(data)
        server.recv(65536)
        self._done.set()

    def hold(self):
        self._armed = True

    def wait_held(self):
        net.wait_until(self._held.is_set, 10, "a COMMIT is on its way")

    def release(self):
        """It reaches the server, which has carried it out afterwards."""
        self._go.set()
        net.wait_until(self._done.is_set, 10, "the server answers")

    def close(self):
        self._go.set()
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()
