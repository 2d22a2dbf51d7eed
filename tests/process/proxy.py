"""A TCP proxy between the nodes of a Cluster: each directed pair can be delayed, silenced and reset.

    cluster = Cluster(3)
    proxy = PeerProxy(cluster)                      # before the nodes are started: it changes [peers] in their config.toml
    cluster.up()
    proxy.set_delay(0.010)                          # every pair, each way: a round trip takes 20 ms more
    proxy.set_delay(0.050, "node1", "node3")        # only what node1 sends to node3
    proxy.blackhole("node1", "node2")               # what node1 sends stays on the way; heal() lets it go on
    proxy.partition({"node1", "node2"}, {"node3"})  # both ways between the two sets
    proxy.reset("node1", "node2")                   # their connections end by RST
    proxy.heal()                                    # no delay, nothing silenced
    proxy.close()                                   # after the nodes

The proxy listens where cluster.json says that a node is. The node listens at an address of its own (127.0.0.11 is node1) and connects from
it (`[peers] source`), so the proxy knows who is calling. All of it is on loopback.
"""
import asyncio
import contextlib
import itertools
import socket
import struct
import threading

CHUNK = 64 * 1024
ON_THE_WAY = 256  # chunks of one direction of one connection; then the sender has to wait


class Link:
    """What one node sends to another."""

    def __init__(self):
        self.delay = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.bytes = 0


class PeerProxy:
    def __init__(self, cluster):
        self.cluster = cluster
        self.loop = asyncio.new_event_loop()
        self.links = {pair: Link() for pair in itertools.permutations(cluster.names, 2)}
        self.connections = {}  # (caller, called) → the writers of its connections
        self.tasks = set()
        self.servers = []
        for name in cluster.names:
            self._move(name)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._do(self._listen())

    # ---- where the nodes are

    @staticmethod
    def address(name):
        return f"127.0.0.{10 + int(name.removeprefix('node'))}"

    def port(self, name):
        return self.cluster.base + 100 + int(name.removeprefix("node"))

    def _move(self, name):
        config = self.cluster.dir / name / "config.toml"
        text = config.read_text()
        old = f'listen = "127.0.0.1:{self.port(name)}"'
        assert text.count(old) == 1, text
        config.write_text(text.replace(old, f'listen = "{self.address(name)}:{self.port(name)}"\nsource = "{self.address(name)}"'))

    # ---- what a test does; from any thread

    def set_delay(self, seconds, sender=None, receiver=None):
        def change():
            for link in self._chosen(sender, receiver):
                link.delay = seconds
        self._call(change)

    def blackhole(self, sender=None, receiver=None):
        self._call(lambda: [link.open.clear() for link in self._chosen(sender, receiver)])

    def partition(self, some, others):
        def change():
            for a, b in itertools.product(some, others):
                self.links[a, b].open.clear()
                self.links[b, a].open.clear()
        self._call(change)

    def reset(self, one=None, other=None):
        """Connections between the two, or of one with everybody."""
        def change():
            for pair, writers in self.connections.items():
                if one in (None, *pair) and other in (None, *pair):
                    for writer in list(writers):
                        _reset(writer)
        self._call(change)

    def heal(self):
        def change():
            for link in self.links.values():
                link.delay = 0.0
                link.open.set()
        self._call(change)

    def bytes_sent(self, sender=None, receiver=None):
        return sum(link.bytes for link in self._chosen(sender, receiver))

    def close(self):
        async def end():
            for server in self.servers:
                server.close()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
        self._do(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    # ---- the loop's thread

    def _chosen(self, sender, receiver):
        return [link for (a, b), link in self.links.items() if sender in (None, a) and receiver in (None, b)]

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def _call(self, function):
        async def run():
            function()
        self._do(run())

    async def _listen(self):
        for name in self.cluster.names:
            async def serve(reader, writer, called=name):
                task = asyncio.current_task()
                self.tasks.add(task)
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await self._connection(called, reader, writer)
                self.tasks.discard(task)
                _reset(writer)
            self.servers.append(await asyncio.start_server(serve, "127.0.0.1", self.port(name)))

    async def _connection(self, called, reader, writer):
        names = {self.address(name): name for name in self.cluster.names}
        caller = names.get(writer.get_extra_info("peername")[0])
        if caller is None or caller == called:
            return
        ends = {writer}
        self.connections.setdefault((caller, called), set()).update(ends)
        try:
            # A connection comes into being when packets go both ways.
            await self.links[caller, called].open.wait()
            await self.links[called, caller].open.wait()
            there_reader, there_writer = await asyncio.open_connection(self.address(called), self.port(called))
            ends.add(there_writer)
            self.connections[caller, called].update(ends)
            ways = [asyncio.ensure_future(self._carry(self.links[caller, called], reader, there_writer)),
                    asyncio.ensure_future(self._carry(self.links[called, caller], there_reader, writer))]
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                _reset(there_writer)
        finally:
            self.connections[caller, called] -= ends

    async def _carry(self, link, reader, writer):
        """Keeps the order and the distance in time of what is read. Ends with the connection."""
        way = asyncio.Queue(ON_THE_WAY)

        async def take():
            while True:
                data = await reader.read(CHUNK)
                await way.put((self.loop.time() + link.delay, data))
                if not data:
                    return

        taking = asyncio.ensure_future(take())
        getting = None
        try:
            while True:
                getting = asyncio.ensure_future(way.get())
                await asyncio.wait({getting, taking}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done() and taking.exception() is not None:
                    getting.cancel()
                    raise taking.exception()
                due, data = await getting
                await asyncio.sleep(max(0.0, due - self.loop.time()))
                await link.open.wait()
                if not data:
                    writer.write_eof()
                    return
                link.bytes += len(data)
                writer.write(data)
                await writer.drain()
        finally:
            for task in (taking, getting):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)


def _reset(writer):
    end = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if end is not None and end.fileno() >= 0:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
