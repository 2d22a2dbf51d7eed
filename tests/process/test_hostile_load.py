"""One node floods its peers with messages of sessions that do not exist, and many clients are slow: the honest go on, in little memory.

QUORATE_HOSTILE_CONNECTIONS (default 600) are held open slowly; once all are there, and as many have been replaced,
QUORATE_HOSTILE_MESSAGES (default 20000) are taken from the flood. A connection costs memory as long as it is open (TLS buffers above all)
and their number is bounded; what must not grow is the memory from then on. From a million messages on, the time of a signature is asserted
too; a short run beside other programs only tells it.
"""
import os
import resource
import socket
import ssl
import subprocess
import threading
import time
import unittest
import urllib.request

from cluster import ED25519, QUORATED, SLOWNESS, ClusterTest, eventually

MESSAGES = int(os.environ.get("QUORATE_HOSTILE_MESSAGES", "20000"))
CONNECTIONS = int(os.environ.get("QUORATE_HOSTILE_CONNECTIONS", "600"))
EVIL = QUORATED.parent / "evil_node"
SIGNATURES = 100
MIB = 2**20
MOST_GROWN = 32 * MIB + CONNECTIONS * 32 * 2**10  # by the flood and the connections together
MOST_DRIFT = 8 * MIB  # while the flood goes on beside all of the connections: of a million messages, 8 bytes each
MOST_SLOWER = 2
WHOLE = 1_000_000
RSS = "process_resident_memory_bytes"


class SlowClients(threading.Thread):
    """Keeps so many connections to a node: half of them say nothing, half send a request byte by byte. Those that the node ends are opened
    again, from several addresses of the loopback."""

    def __init__(self, cluster, node, count):
        super().__init__(daemon=True)
        self.cluster, self.port, self.count = cluster, cluster.port(node), count
        self.stopping, self.opened, self.ended, self.most, self.all_there = threading.Event(), 0, 0, 0, False

    def connect(self, number):
        try:
            s = socket.create_connection(("127.0.0.1", self.port), timeout=2, source_address=(f"127.0.1.{1 + number % 8}", 0))
            if number % 2:
                context = ssl.create_default_context(cafile=self.cluster.dir / "ca.pem")
                s = context.wrap_socket(s, server_hostname="127.0.0.1")
                s.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\nA: ")
            s.setblocking(False)
            self.opened += 1
            return s
        except OSError:
            return None

    def step(self, s, number):
        """False: the node has ended it."""
        try:
            if number % 2:
                s.send(b"a")
            return s.recv(1) != b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False

    def run(self):
        held = {}
        while not self.stopping.is_set():
            for number in range(self.count):
                if self.stopping.is_set():
                    break
                if held.get(number) is None:
                    held[number] = self.connect(number)
                elif not self.step(held[number], number):
                    held.pop(number).close()
                    self.ended += 1
            self.most = max(self.most, sum(s is not None for s in held.values()))
            self.all_there = self.opened >= 2 * self.count  # and the allocator has seen them come and go
            self.stopping.wait(0.2)
        for s in held.values():
            if s is not None:
                s.close()


class HostileLoad(ClusterTest):
    def numbers(self, c, node):
        with urllib.request.urlopen(f"http://127.0.0.1:{c.base + 200 + int(node.removeprefix('node'))}/metrics", timeout=20) as reply:
            lines = reply.read().decode().splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def bogus(self, n):
        return sum(n[f"quorate_{name}_total"] for name in ("session_messages_dropped", "peer_messages_malformed", "peer_messages_dropped"))

    def sign_some(self, c, key, what, until):
        times, i = [], 0
        while not until() or len(times) < SIGNATURES:
            began = time.monotonic()
            c.sign_verified(key, f"{what} {i}", node="node1", prefer=40)
            times.append(time.monotonic() - began)
            i += 1
        times.sort()
        return times[len(times) // 2], times[int(len(times) * 0.99)], len(times)

    def test_honest_ones_go_on(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS + 512), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        c = self.cluster().up()
        key = c.create("ed", ED25519)
        c.kill("node3")
        calm = self.sign_some(c, key, "calm", lambda: True)
        before = self.numbers(c, "node1")

        with open(c.dir / "node3" / "log", "ab") as log:
            c.processes["node3"] = subprocess.Popen([EVIL, "--dir", c.dir, "--node", "node3", "--mode", "flood"], stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=log)
        slow = SlowClients(c, "node1", CONNECTIONS)
        slow.start()
        end = time.monotonic() + max(120, MESSAGES / 500) * SLOWNESS

        seen = []  # since all connections are there

        def enough():
            now = self.numbers(c, "node1")
            if slow.all_there:
                seen.append(now)
            taken = self.bogus(now) - self.bogus(seen[0]) if seen else 0
            self.assertLess(time.monotonic(), end, f"{taken} messages, {slow.opened} connections")
            return seen and taken >= MESSAGES
        hostile = self.sign_some(c, key, "hostile", enough)
        self.assertEqual(c.get("/readyz", signed=False).status, 200)
        slow.stopping.set()
        slow.join(60 * SLOWNESS)
        self.assertFalse(slow.is_alive())
        taken = self.bogus(seen[-1]) - self.bogus(before)
        kept = seen[0]["process_open_fds"] - before["process_open_fds"]
        alone, full, most = before[RSS], seen[0][RSS], max(n[RSS] for n in seen)
        print(f"hostile load: {taken:.0f} bogus messages, {slow.opened} slow connections, {slow.most} at once, of which the node keeps "
              f"{kept:.0f}, {slow.ended} ended by the node; a signature takes {calm[0] * 1000:.0f} ms (99 %: {calm[1] * 1000:.0f} ms) alone, "
              f"{hostile[0] * 1000:.0f} ms (99 %: {hostile[1] * 1000:.0f} ms) meanwhile, {hostile[2]} of them; memory "
              f"{alone / MIB:.1f} MiB alone, {full / MIB:.1f} "
              f"MiB once all connections are there, {most / MIB:.1f} MiB at most until the last message, {seen[-1][RSS] / MIB:.1f} MiB then",
              flush=True)
        self.assertLess(most - full, MOST_DRIFT, "it grows by messages")
        self.assertLess(most - alone, MOST_GROWN)
        self.assertGreater(slow.ended, 0, "slow clients are kept for ever")
        if MESSAGES >= WHOLE:
            self.assertLess(hostile[1], MOST_SLOWER * calm[1])
        c.kill("node3")

        def settled():
            n = self.numbers(c, "node1")
            return n["process_open_fds"] <= before["process_open_fds"] + 8 and n["quorate_sessions_running"] == 0
        eventually(settled, 60, "descriptors and sessions are those of before", every=0.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
