"""Five nodes, 3 of 5, clients that sign without pause, and one fault after the other: nodes are killed, stopped for a while, cut off, deaf
in one direction, slow, restarted with an old database, replaced by one that lies.

QUORATE_CHAOS_SECONDS is how long (default 100), QUORATE_CHAOS_SEED another order. From 600 s on, memory and descriptors are asserted; a
shorter run tells them, for it ends before they have settled.
"""
import http.client
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest

from cluster import ECDSA, ED25519, QUORATED, SLOWNESS, ClusterTest, eventually, verifies
from proxy import PeerProxy

SECONDS = float(os.environ.get("QUORATE_CHAOS_SECONDS", "100"))
SEED = int(os.environ.get("QUORATE_CHAOS_SEED", "7"))
EVIL = QUORATED.parent / "evil_node"
LIES = ("bad_share", "garbage_frames", "silent_after_accept", "claim_other_id")

PREFER = 8             # seconds that a call asks to wait
CALL_ENDS = PREFER + 15  # by then it has its answer: the wait, 10 s for a disk that is slow, and some for the machine
REQUEST_ENDS = 60      # by then a request, resent over the nodes, has its signature
MOST_LOST = 0.001
RECOVERS = 45          # after a fault every node is ready again
WARM_UP = 0.25         # of the time: caches of some thousand requests fill
SETTLES = SECONDS >= 600 and SLOWNESS == 1  # then it says something about memory
MOST_GROWTH, MOST_GROWN_BYTES, MOST_DESCRIPTORS = 0.05, 16 * 2**20, 8


class Client(threading.Thread):
    """Signs one message after the other. What gets no signature is sent again, as the same request, to another node."""

    def __init__(self, chaos, key, number):
        super().__init__(daemon=True)
        self.chaos, self.c, self.key, self.name = chaos, chaos.c, key, f"{key['name']}-{number}"
        self.random = random.Random(f"{SEED} {self.name}")
        self.stopping = threading.Event()
        self.signed, self.resent, self.lost, self.false, self.late, self.slowest = 0, 0, [], [], [], 0.0
        self.problems = []

    def run(self):
        try:
            while not self.stopping.is_set():
                self.one()
                self.stopping.wait(self.random.uniform(0.02, 0.1))
        except Exception as e:  # noqa: BLE001, told by the test
            self.problems.append(f"{self.name}: {e!r}")

    def one(self):
        text = f"{self.name} signs {self.signed + len(self.lost)}"
        began, last = time.monotonic(), None
        while time.monotonic() - began < REQUEST_ENDS * SLOWNESS:
            node = self.random.choice(self.c.names)
            last = self.call(node, text)
            if last is not None and last.status == 201:
                if not verifies(self.key, text.encode(), bytes.fromhex(last.body["result"]["signature"]["hex"])):
                    self.false.append(f"{text}: {last}")
                self.signed += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                return
            if last is not None and last.status not in (202, 409, 429, 503, 504):
                self.problems.append(f"{text} through {node}: {last}")
            self.resent += 1
            time.sleep(0.1)
        self.lost.append(f"{text}: {last}")

    def call(self, node, text):
        """The reply, None if the connection ended without one."""
        call = self.c.make_call("POST", f"/v1/keys/{self.key['name']}/signatures", {"payload": {"kind": "message", "utf8": text}},
                                idempotency_key=text.replace(" ", "-"), prefer=PREFER)
        calm = self.chaos.calm(node)
        began = time.monotonic()
        try:
            return self.c.send(call, node, timeout=CALL_ENDS)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            took = time.monotonic() - began
            if took > CALL_ENDS * SLOWNESS and calm is not None and calm == self.chaos.calm(node):
                self.late.append(f"{text} through {node}: {took:.1f} s")

    def stop(self):
        self.stopping.set()
        self.join((REQUEST_ENDS + CALL_ENDS) * SLOWNESS)


class Chaos(ClusterTest):
    # ---- faults: each takes its victims, at most two, and leaves everything as it was

    def kill(self, victims):
        for name in victims:
            self.c.kill(name)
        self.rest()
        self.c.start(*victims)

    def pause(self, victims):
        self.disturb(victims)
        for name in victims:
            self.c.processes[name].send_signal(signal.SIGSTOP)
        self.rest()
        for name in victims:
            self.c.processes[name].send_signal(signal.SIGCONT)
        self.disturb(victims)
        self.stopped -= set(victims)

    def cut_off(self, victims):
        self.proxy.partition(victims, [n for n in self.c.names if n not in victims])
        self.rest()
        self.proxy.heal()

    def deaf(self, victims):
        for name in victims:
            self.proxy.blackhole(receiver=name)
        self.rest()
        self.proxy.heal()

    def slow(self, victims):
        for name in victims:
            self.proxy.set_delay(self.random.uniform(0.05, 0.3), sender=name)
        self.rest()
        self.proxy.heal()

    def reset(self, victims):
        end = time.monotonic() + self.random.uniform(2, 4)
        while time.monotonic() < end:
            for name in victims:
                self.proxy.reset(name)
            time.sleep(0.5)

    def no_quorum(self, _):
        """Two, two and one: nobody can sign, and every call still ends."""
        names = list(self.c.names)
        self.random.shuffle(names)
        for part in (names[:2], names[2:4]):
            self.proxy.partition(part, [n for n in names if n not in part])
        self.rest()
        self.proxy.heal()

    def lie(self, victims):
        name = victims[0]
        self.c.kill(name)
        mode = self.lies.pop(0)
        self.lies.append(mode)
        with open(self.c.dir / name / "log", "ab") as log:
            self.c.processes[name] = subprocess.Popen([EVIL, "--dir", self.c.dir, "--node", name, "--mode", mode],
                                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.rest()
        self.c.kill(name)
        self.c.start(name)
        self.c.wait_ready(timeout=RECOVERS)
        # An ECDSA pair that has seen a false oblivious transfer is quarantined until new shares are dealt.
        for key in self.keys:
            eventually(lambda key=key: self.c.post(f"/v1/keys/{key['name']}/refresh", {}, node=self.witness, prefer=20).status == 201,
                       RECOVERS, f"{key['name']} is refreshed after {mode}", every=0.5)

    def old_database(self, name):
        self.c.kill(name)
        for file in (self.c.dir / name).glob("quorate.db*"):
            file.unlink()
        for file in self.snapshot.iterdir():
            shutil.copy2(file, self.c.dir / name / file.name)
        self.c.start(name)

    # ---- the run

    def rest(self):
        time.sleep(self.random.uniform(1.5, 4))

    def disturb(self, names):
        self.stopped |= set(names)
        for name in names:
            self.disturbances[name] += 1

    def calm(self, node):
        """None while it is stopped; otherwise a number that changes when it is."""
        return None if node in self.stopped else self.disturbances[node]

    def numbers(self, node):
        connection = http.client.HTTPConnection("127.0.0.1", self.c.base + 200 + int(node.removeprefix("node")), timeout=10 * SLOWNESS)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return float(values["process_resident_memory_bytes"]), int(float(values["process_open_fds"]))

    def test_whatever_fails_three_of_five_sign(self):
        self.random = random.Random(SEED)
        self.c = self.cluster(5)
        self.proxy = PeerProxy(self.c)
        self.addCleanup(self.proxy.close)
        self.c.up()
        self.stopped, self.disturbances, self.lies = set(), dict.fromkeys(self.c.names, 0), list(LIES)
        self.keys = [self.c.create("hot", ECDSA, threshold=3), self.c.create("cold", ED25519, threshold=3)]

        # One node is never killed, so that it shows what a process gathers; one goes back to the database of now.
        self.witness, old = self.random.sample(self.c.names, 2)
        self.c.kill(old, signal.SIGTERM)
        self.snapshot = self.c.directory / "snapshot"
        self.snapshot.mkdir()
        for file in (self.c.dir / old).glob("quorate.db*"):
            shutil.copy2(file, self.snapshot / file.name)
        self.c.start(old)
        self.c.wait_ready()

        clients = [Client(self, self.keys[i % 2], i) for i in range(3)]
        for client in clients:
            client.start()
            self.addCleanup(client.stop)
        began = time.monotonic()
        self.memory = []
        faults = [self.kill, self.pause, self.cut_off, self.deaf, self.slow, self.reset, self.lie, self.no_quorum]
        done, order = {f.__name__: 0 for f in faults}, []
        while time.monotonic() - began < 0.8 * SECONDS or not all(done.values()):
            if not order:
                order = self.random.sample(faults, len(faults))
            fault = order.pop()
            ends = fault in (self.kill, self.lie)
            candidates = [n for n in self.c.names if not (ends and n == self.witness)]
            fault(self.random.sample(candidates, self.random.randint(1, 2)))
            self.c.wait_ready(timeout=RECOVERS)
            done[fault.__name__] += 1
            for client in clients:
                self.assertEqual(client.problems + client.false, [], fault.__name__)
            self.memory.append((time.monotonic() - began, self.numbers(self.witness)))
        # From here on four are healthy: one rests until all that it has forgotten is over.
        self.old_database(old)
        self.assertEqual(eventually(lambda: self.c.get("/readyz", node=old, signed=False).body["checks"], RECOVERS, "it answers")["node"], old)
        eventually(lambda: self.c.get("/readyz", node=old, signed=False).body["checks"]["store"] == "rolled_back", RECOVERS,
                   f"{old} finds out that its database is an old copy")
        others = [n for n in self.c.names if n != old]
        while time.monotonic() - began < SECONDS:
            self.pause([self.random.choice(others)])
        self.c.wait_ready(*others, timeout=RECOVERS)

        for client in clients:
            client.stopping.set()
        for client in clients:
            client.stop()
            self.assertFalse(client.is_alive(), f"{client.name} hangs")
        warm = next(numbers for t, numbers in self.memory if t > WARM_UP * SECONDS)
        settled, after = self.memory[-1][1], self.numbers(self.witness)
        step = max(1, len(self.memory) // 12)
        print("chaos memory, MiB at s:", "  ".join(f"{n[0] / 2**20:.1f} at {t:.0f}" for t, n in self.memory[::step]), flush=True)
        self.judge(clients, warm, settled, after, done, time.monotonic() - began)
        self.check_audit()

    def judge(self, clients, warm, settled, after, done, took):
        """Memory before the old database comes, with the faults that the warm-up has seen; and at the end."""
        signed = sum(c.signed for c in clients)
        lost = [text for c in clients for text in c.lost]
        for client in clients:
            self.assertEqual(client.problems, [])
            self.assertEqual(client.false, [], "signatures that do not verify")
            self.assertEqual(client.late, [], "calls that did not end in time")
            self.assertGreater(client.signed, 0, client.name)
        self.assertLessEqual(len(lost), MOST_LOST * (signed + len(lost)), lost)
        grown, in_all, descriptors = settled[0] - warm[0], after[0] - warm[0], after[1] - warm[1]
        if SETTLES:
            self.assertLess(grown, MOST_GROWTH * warm[0])
            self.assertLess(in_all, MOST_GROWN_BYTES)
            self.assertLessEqual(abs(descriptors), MOST_DESCRIPTORS)
        print(f"chaos: {took:.0f} s, faults {done} and one old database; {signed} signed, {len(lost)} lost, "
              f"{sum(c.resent for c in clients)} resent, slowest {max(c.slowest for c in clients):.1f} s; memory of {self.witness} "
              f"{warm[0] / 2**20:.1f} MiB {grown / 2**20:+.1f} MiB, {in_all / 2**20:+.1f} MiB at the end, descriptors {warm[1]} {descriptors:+d}"
              f"{'' if SETTLES else ' (not asserted)'}", flush=True)

    def check_audit(self):
        files = []
        for name in self.c.names:
            files.append(self.c.directory / f"{name}.audit")
            files[-1].write_text(self.c.quorate("audit", "export", "--node", name).stdout)
        self.c.quorate("audit", "verify", *map(str, files))


if __name__ == "__main__":
    unittest.main(verbosity=2)
