"""Refresh and reshare of real processes that are killed at random moments, while clients sign.

QUORATE_RESHARE_ROUNDS is the number of refreshes and reshares (default 15), QUORATE_RESHARE_SEED another seed;
QUORATE_REFRESH_KEYS how many keys one command refreshes (default 40).
"""
import json
import os
import random
import shlex
import signal
import subprocess
import threading
import time
import unittest

from cluster import ECDSA, ED25519, QUORATE, SLOWNESS, ClusterTest, eventually, verifies

ROUNDS = int(os.environ.get("QUORATE_RESHARE_ROUNDS", "15"))
KEYS = int(os.environ.get("QUORATE_REFRESH_KEYS", "40"))
SEED = int(os.environ.get("QUORATE_RESHARE_SEED", "44"))


class Stream(threading.Thread):
    """One client that signs one message after the other; what gets no answer is sent again, to another node, as the same request."""

    def __init__(self, cluster, key, seed):
        super().__init__(daemon=True)
        self.c, self.key, self.random = cluster, key, random.Random(seed)
        self.stopping = threading.Event()
        self.signed, self.resent, self.problems, self.slowest = 0, 0, [], 0.0

    def run(self):
        while not self.stopping.is_set():
            self.one(f"{self.key['name']} signs {self.signed}")

    def one(self, text):
        idempotency_key = f"stream-{self.key['name']}-{self.signed}"
        began, last = time.monotonic(), None
        while time.monotonic() - began < 60 * SLOWNESS:
            node = self.random.choice(self.c.names)
            try:
                reply = self.c.sign(self.key["name"], text, node=node, idempotency_key=idempotency_key, prefer=10)
            except OSError as e:
                last = e
                time.sleep(0.05)
                continue
            last = reply
            if reply.status == 201:
                if not verifies(self.key, text.encode(), bytes.fromhex(reply.body["result"]["signature"]["hex"])):
                    self.problems.append(f"not a signature: {reply}")
                self.signed += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                return
            self.resent += 1
            time.sleep(0.05)
        self.problems.append(f"{text}: lost: {last}")
        self.stopping.set()

    def stop(self):
        self.stopping.set()
        self.join(90 * SLOWNESS)


class Reshare(ClusterTest):
    def views(self, name):
        return {node: self.c.get(f"/v1/keys/{name}", node=node).body for node in self.c.names}

    def one_epoch(self, name):
        """The key as all nodes show it, once they agree."""
        def agreed():
            views = self.views(name)
            return views if len({v["certificate"] for v in views.values()}) == 1 else None
        return eventually(agreed, 30, f"all nodes have one certificate of {name} in force")[self.c.names[0]]

    def test_the_commands(self):
        self.c = self.cluster(4).up()
        for name, algorithm in (("hot", ECDSA), ("cold", ED25519)):
            key = self.c.create(name, algorithm, participants=self.c.names[:3])
            refreshed = self.c.quorate_json("key", "refresh", name)["result"]["key"]
            self.assertGreater(refreshed["epoch"], key["epoch"])
            grown = self.c.quorate_json("key", "reshare", name, "--threshold", "3", "--participants", "node1,node2,node3,node4")["result"]["key"]
            self.assertEqual((grown["threshold"], len(grown["participants"])), (3, 4))
            moved = self.c.quorate_json("key", "reshare", name, "--threshold", "2", "--participants", "node3,node4")["result"]["key"]
            self.assertEqual(moved["participants"], ["node3", "node4"])
            for view in (refreshed, grown, moved):
                self.assertEqual((view["id"], view["public_key"]), (key["id"], key["public_key"]))
            self.assertEqual(self.one_epoch(name)["certificate"], moved["certificate"])
            self.assertEqual(self.c.sign_verified(key, "by the new ones"), ["node3", "node4"])
            # For the certificate that was in force before: nothing happens.
            late = self.c.post(f"/v1/keys/{name}/refresh", {"certificate": key["certificate"]})
            self.assertProblem(late, 409, "other_certificate")
            unknown = self.c.post(f"/v1/keys/{name}/reshare", {"threshold": 2, "participants": ["node1", "nobody"]})
            self.assertProblem(unknown, 422, "unknown_participant")
            self.assertEqual(self.c.quorate_json("key", "archive", name)["result"]["key"]["state"], "archived")
            for node in ("node3", "node4"):
                self.assertProblem(self.c.sign(name, "by nobody", node=node), 409, "key_archived")
            time.sleep(1.1)  # of two requests of one second the one that archives decides
            self.assertEqual(self.c.quorate_json("key", "unarchive", name)["result"]["key"]["state"], "active")
            self.c.sign_verified(key, "by the same ones again", node="node3")
        self.assertIn("epoch ", self.c.quorate("key", "show", "hot").stdout)

    def test_refreshing_everything_is_interrupted_and_goes_on(self):
        self.c = self.cluster(3).up()
        keys = [self.c.create(f"k{i}", ED25519, node=self.c.names[i % 3]) for i in range(KEYS)]
        environment = dict(os.environ, HOME=str(self.c.home), QUORATE_DIR=str(self.c.dir))
        began = time.monotonic()
        run = subprocess.Popen([QUORATE, "--json", "key", "refresh", "--all", "--parallel", "8"], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.stdout.close)
        self.addCleanup(run.stderr.close)
        self.addCleanup(run.kill)
        self.assertRegex(run.stderr.readline(), rf"^refreshed \d+ of {KEYS}, 0 failed$")
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60 * SLOWNESS)
        took = time.monotonic() - began
        first = json.loads(out)
        self.assertEqual((run.returncode, first["failed"]), (1, []), err)
        self.assertGreater(first["refreshed"], 0)
        self.assertGreater(first["not_begun"], 0)
        epochs = {key["name"]: self.one_epoch(key["name"])["epoch"] for key in keys}
        self.assertEqual(sum(epoch > 1 for epoch in epochs.values()), first["refreshed"])

        words = shlex.split(first["go_on"])
        began = time.monotonic()
        rest = json.loads(self.c.quorate(*words[1:], timeout=(60 + KEYS) * SLOWNESS).stdout)
        took += time.monotonic() - began
        print(f"{KEYS} keys: {first['refreshed']} until interrupted, {rest['refreshed']} by the command it then named, 0 failed, {took:.0f} s")
        self.assertEqual((rest["refreshed"], rest["left_out"]), (first["not_begun"], first["refreshed"]))
        for key in keys:
            now = self.one_epoch(key["name"])
            self.assertGreater(now["epoch"], 1)
            self.assertEqual(now["epoch"] != epochs[key["name"]], epochs[key["name"]] == 1, "each key once")
            self.assertEqual(now["public_key"], key["public_key"])
            self.c.sign_verified(key, "by new shares")

    def test_killed_at_random_moments_while_clients_sign(self):
        chance = random.Random(SEED)
        self.c = self.cluster(5).up()
        keys = [self.c.create("hot", ECDSA, participants=self.c.names[:3]), self.c.create("cold", ED25519, participants=self.c.names[:3])]
        streams = [Stream(self.c, key, SEED + i) for i, key in enumerate(keys)]
        for stream in streams:
            stream.start()
            self.addCleanup(stream.stop)
        done = {"succeeded": 0, "failed": 0, "killed": 0}
        for k in range(ROUNDS):
            key = keys[k % len(keys)]
            members = sorted(chance.sample(self.c.names, chance.randint(2, 5)))
            body = {"threshold": chance.randint(2, len(members)), "participants": members}
            target = f"/v1/keys/{key['name']}/" + ("refresh" if chance.random() < 0.3 else "reshare")
            if target.endswith("refresh"):
                body = {}
            through, answer = chance.choice(self.c.names), []

            def ask(node, key=f"round-{k}", target=target, body=body, answer=answer):
                try:
                    answer.append(self.c.post(target, body, node=node, idempotency_key=key, prefer=20))
                except OSError:
                    pass

            asking = threading.Thread(target=ask, args=(through,))
            asking.start()
            time.sleep(chance.uniform(0, 0.25))
            victim = chance.choice(self.c.names)
            self.c.kill(victim)
            done["killed"] += 1
            time.sleep(chance.uniform(0, 0.3))
            self.c.start(victim)
            self.c.wait_ready()
            asking.join(60 * SLOWNESS)
            if not answer:  # the node that was asked is the one that was killed
                ask(chance.choice([n for n in self.c.names if n != through]))
            state = answer[-1].body.get("state") if answer and answer[-1].status in (201, 202) else "failed"
            done["succeeded" if state == "succeeded" else "failed"] += 1
            if answer:
                self.assertIn(answer[-1].status, (201, 202, 409, 503, 504), answer[-1])
            view = self.one_epoch(key["name"])
            self.assertEqual(view["public_key"], key["public_key"])
            self.c.sign_verified(key, f"after round {k}", node=chance.choice(self.c.names))
            for stream in streams:
                self.assertEqual(stream.problems, [])
        for stream in streams:
            stream.stop()
            self.assertFalse(stream.is_alive())
            self.assertEqual(stream.problems, [])
            self.assertGreater(stream.signed, ROUNDS)
        self.assertGreater(done["succeeded"], 0)
        print(f"{ROUNDS} rounds: {done}; signed {[s.signed for s in streams]}, resent {[s.resent for s in streams]}, "
              f"slowest {max(s.slowest for s in streams):.2f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
