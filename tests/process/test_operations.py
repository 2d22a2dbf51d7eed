"""What an operator sees and does: a disk that takes no writes, a polite stop, logs, metrics, memory that is locked."""
import ctypes
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import ssl
import subprocess
import threading
import time
import unittest
import urllib.request

from cluster import ED25519, QUORATE, QUORATED, SLOWNESS, ClusterTest, eventually, free_base_port
from proxy import PeerProxy

CAP_IPC_LOCK, PR_CAPBSET_DROP = 14, 24


def lock_little():
    """In the child, before it runs: as a container without rights has it."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)  # root may lock all, and has to lose that
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (64 * 1024, 64 * 1024))


class Events:
    """A stream of node1's events, from now on or behind an id."""

    def __init__(self, c, user, last_id=None):
        call = c.make_call("GET", "/v1/events", user=user)
        headers = call.headers if last_id is None else call.headers | {"Last-Event-ID": str(last_id)}
        context = ssl.create_default_context(cafile=c.dir / "ca.pem")
        self.connection = http.client.HTTPSConnection("127.0.0.1", c.port("node1"), timeout=30 * SLOWNESS, context=context)
        self.connection.request("GET", "/v1/events", headers=headers)
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            raise AssertionError((self.answer.status, self.answer.read()))
        self.last_id = None
        self._block()  # where it begins

    def _block(self):
        """The data of one event, or None for what is no event; raises EOFError at the end of the answer."""
        data = None
        while (line := self.answer.readline()) not in (b"\n", b""):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.last_id = int(value)
            if name == "data":
                data = json.loads(value)
        if not line:
            raise EOFError
        return data

    def until(self, kind, request=None):
        told = []
        while not told or told[-1]["kind"] != kind or request not in (None, told[-1]["request"]):
            if event := self._block():
                told.append(event)
        return told

    def rest(self):
        """All up to the end that the node has made."""
        told = []
        try:
            while True:
                if event := self._block():
                    told.append(event)
        except EOFError:
            self.close()
            return told

    def close(self):
        self.answer.close()
        self.connection.close()


class Operations(ClusterTest):
    def ready(self, c, node):
        return c.get("/readyz", node=node, signed=False)

    def change_config(self, c, name, old, new):
        file = c.dir / name / "config.toml"
        text = file.read_text()
        self.assertEqual(text.count(old), 1, text)
        file.write_text(text.replace(old, new))

    # ---- the disk

    def test_a_disk_that_takes_no_writes_and_does_again(self):
        c = self.cluster().up()
        key = c.create("ed")
        pid = c.processes["node3"].pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (16 * 1024, before[1]))  # no file of it grows beyond that

        def failed():
            c.sign_verified(key, "two are enough", node="node1")
            c.sign("ed", "it cannot be stored", node="node3", prefer=1)
            return self.ready(c, "node3").status == 503
        eventually(failed, 60, "node3 notices", every=0.2)
        told = eventually(lambda: (r := self.ready(c, "node3").body["checks"]).get("disk") and r, 20, "it says what the disk says")
        self.assertEqual((told["store"], told["disk"]), ("failed", os.strerror(27)))
        self.assertProblem(c.sign("ed", "not through it", node="node3", prefer=1), 503, "storage")
        for i in range(3):
            self.assertEqual(sorted(c.sign_verified(key, f"without it {i}", node="node1")), ["node1", "node2"])
        self.assertEqual(c.processes["node3"].pid, pid)
        self.assertIsNone(c.processes["node3"].poll())

        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        eventually(lambda: self.ready(c, "node3").status == 200, 60, "node3 is ready again, without a restart")
        self.assertIsNone(c.processes["node3"].poll())
        c.wait_ready()
        self.assertNotIn("disk", self.ready(c, "node3").body["checks"])
        c.kill("node2")
        for node in ("node1", "node3"):
            self.assertEqual(sorted(c.sign_verified(key, f"it is needed through {node}", node=node)), ["node1", "node3"])
        self.assertFalse(list((c.dir / "node3").glob("*.probe")))
        c.start("node2")
        c.wait_ready()
        files = []
        for name in c.names:
            files.append(c.directory / f"{name}.audit")
            files[-1].write_text(c.quorate("audit", "export", "--node", name).stdout)
        c.quorate("audit", "verify", *map(str, files))

    # ---- stopping

    def test_what_runs_is_finished_before_it_stops(self):
        c = self.cluster()
        proxy = PeerProxy(c)
        self.addCleanup(proxy.close)
        c.up()
        key = c.create("ed", ED25519)
        c.kill("node3")
        proxy.set_delay(1.0)  # a signature takes seconds
        replies = []
        asking = threading.Thread(target=lambda: replies.append(c.sign("ed", "under way", node="node1", prefer=20)))
        asking.start()

        def runs():
            return sum(c.get("/v1/node", node=n).body["sessions"] for n in ("node1", "node2")) == 2
        eventually(runs, 20, "the session runs", every=0.02)
        stopping = c.processes.pop("node1")
        stopping.send_signal(signal.SIGTERM)
        refused = eventually(lambda: (r := c.sign("ed", "too late", node="node1", prefer=1)).status == 503 and r, 5, "it takes no more",
                             every=0.01)
        self.assertProblem(refused, 503, "stopping")
        ready = self.ready(c, "node1")
        self.assertEqual((ready.status, ready.body["checks"].get("stopping")), (503, True))
        self.assertEqual(stopping.wait(15 * SLOWNESS), 0)
        asking.join(15 * SLOWNESS)
        self.assertEqual([r.status for r in replies], [201], replies)
        proxy.set_delay(0)
        c.start("node1")
        c.wait_ready("node1", "node2")
        c.sign_verified(key, "again", node="node1")

    def test_stopping_is_bounded(self):
        c = self.cluster()
        proxy = PeerProxy(c)
        self.addCleanup(proxy.close)
        c.up()
        c.create("ed", ED25519)
        c.kill("node3")
        asking = threading.Thread(target=lambda: c.sign("ed", "it never ends", node="node2", prefer=20))
        proxy.set_delay(1.0)
        asking.start()
        eventually(lambda: c.get("/v1/node", node="node1").body["sessions"] == 1, 20, "the session runs", every=0.02)
        proxy.blackhole()
        began = time.monotonic()
        self.assertEqual(c.kill("node1", signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - began, 12 * SLOWNESS)
        proxy.heal()
        c.start("node1")
        asking.join(60 * SLOWNESS)
        self.assertFalse(asking.is_alive())

    # ---- what it tells

    def test_log_lines_as_json(self):
        c = self.cluster()
        for name in c.names:
            self.change_config(c, name, 'level = "info"', 'level = "info"\nformat = "json"')
        c.up()
        c.create("ed")
        request = c.sign("ed", "hello").body["id"]
        lines = [json.loads(line) for line in c.log("node1").splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))
            self.assertEqual(line["node"], "node1")
            self.assertTrue(line["message"])
        of_request = [line["message"] for line in lines if line.get("request") == request]
        self.assertEqual(of_request, [f"{request} by admin, POST /v1/keys/ed/signatures: succeeded"])

    def test_metrics(self):
        c = self.cluster().up()
        c.create("ed")

        def values():
            with urllib.request.urlopen(f"http://127.0.0.1:{c.base + 201}/metrics", timeout=10) as reply:
                text = reply.read().decode()
            names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
            return names, {k: float(v) for k, v in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}
        c.sign("ed", "one")
        names, first = values()
        c.sign("ed", "two")
        _, second = values()
        self.assertEqual(second["quorate_mutation_seconds_count"] - first["quorate_mutation_seconds_count"], 1)
        self.assertEqual(second['quorate_mutation_seconds_bucket{le="+Inf"}'], second["quorate_mutation_seconds_count"])
        self.assertGreater(second["quorate_mutation_seconds_sum"], first["quorate_mutation_seconds_sum"])
        self.assertEqual(second["quorate_ready"], 1)
        pid = c.processes["node1"].pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
        self.assertLess(abs(second["process_resident_memory_bytes"] - resident), 16 * 2**20)
        self.assertLess(abs(second["process_start_time_seconds"] - time.time()), 300 * SLOWNESS)
        self.assertGreater(second["process_open_fds"], 10)
        self.assertLess(second["process_open_fds"], second["process_max_fds"])
        root = pathlib.Path(__file__).resolve().parents[2]
        # Every number is explained, and the dashboard asks for none that is not there.
        manual = (root / "docs" / "operations.md").read_text()
        self.assertEqual([n for n in sorted(names) if f"`{n}`" not in manual], [])
        self.assertEqual([n for n in re.findall(r"`((?:quorate|process)_[a-z_]+)`", manual) if n not in names], [])
        dashboard = json.loads((root / "packaging" / "grafana" / "quorate.json").read_text())
        asked = set()
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                asked |= {re.sub(r"_bucket$", "", n) for n in re.findall(r"(?:quorate|process)_[a-z_]+", target["expr"])}
        self.assertGreater(len(asked), 15)
        self.assertEqual(asked - names, set())

    def test_events(self):
        c = self.cluster().up()
        c.create("ed", ED25519)
        head = c.get("/v1/audit/head").body["seq"]
        admin, approver = Events(c, "admin"), Events(c, "approver")
        self.assertEqual(admin.last_id, head)
        ids = [c.sign("ed", "one").body["id"]]
        told = admin.until("succeeded", ids[0])
        mine = [e["kind"] for e in told if e["request"] == ids[0]]
        self.assertEqual((mine[0], mine[-1]), ("requested", "succeeded"), mine)
        admin.close()
        ids += [c.sign("ed", text).body["id"] for text in ("two", "three")]
        admin = Events(c, "admin", admin.last_id)
        told += admin.until("succeeded", ids[2])
        # A node that stops says so by the end of its answer.
        c.kill("node1", signal.SIGTERM)
        told += admin.rest()
        c.start("node1")
        c.wait_ready()
        admin = Events(c, "admin", admin.last_id)
        ids.append(c.sign("ed", "four").body["id"])
        told += admin.until("succeeded", ids[3])
        self.assertEqual([e["seq"] for e in told], list(range(head + 1, admin.last_id + 1)), "a gap, or a repetition")
        log = c.get(f"/v1/audit?after={head}&limit=200").body["items"]
        self.assertEqual(told, log[:len(told)])
        self.assertEqual([e["request"] for e in told if e["kind"] == "succeeded"], ids)
        # Of other people's signatures nothing; of what stops them, yes.
        approver.rest()
        approver = Events(c, "approver", head)
        self.assertEqual(c.post("/v1/freeze", {"scope": "all"}).status, 201)
        self.assertEqual([e["kind"] for e in approver.until("frozen")], ["frozen"])
        for stream in (admin, approver):
            stream.close()
        # The same by the command, from the first entry on.
        command = subprocess.Popen([QUORATE, "--dir", c.dir, "--node", "node1", "--json", "events", "--after", str(head)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        lines = [json.loads(command.stdout.readline()) for _ in told]
        command.send_signal(signal.SIGINT)
        command.stdout.close()
        self.assertEqual(command.wait(10 * SLOWNESS), 0)
        self.assertEqual(lines, told)

    # ---- the host

    def test_hardened(self):
        c = self.cluster().up()
        pid = c.processes["node1"].pid
        self.assertRegex(pathlib.Path(f"/proc/{pid}/status").read_text(), r"NoNewPrivs:\s+1\n")
        self.assertRegex(pathlib.Path(f"/proc/{pid}/limits").read_text(), r"Max core file size\s+0\s+0\s")
        self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0, "it can be dumped")

    def test_memory_that_cannot_be_locked(self):
        c = self.cluster()

        def start():
            return subprocess.Popen([QUORATED, "--config", c.dir / "node1" / "config.toml"], preexec_fn=lock_little,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.change_config(c, "node1", 'lock_memory = "tried"', 'lock_memory = "required"')
        refused = start()
        out, _ = refused.communicate(timeout=20 * SLOWNESS)
        self.assertEqual(refused.returncode, 1, out)
        for words in ("memory is not locked", "RLIMIT_MEMLOCK is 64 KiB", "does not start", 'lock_memory = "tried"'):
            self.assertIn(words, out)
        self.change_config(c, "node1", 'lock_memory = "required"', 'lock_memory = "tried"')
        c.processes["node1"] = process = start()
        self.addCleanup(process.stdout.close)
        eventually(lambda: c.raw("GET", "/healthz", node="node1").status == 200, 20, "it starts all the same")

    def test_a_demo_where_memory_cannot_be_locked(self):
        c = self.cluster()
        done = c.quorate("demo", "--json", "--dir", c.directory / "demo", "--base-port", str(free_base_port()), preexec_fn=lock_little)
        self.assertNotIn("not locked", done.stdout)
        self.assertIn("memory is not locked", (c.directory / "demo" / "node1" / "log").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
