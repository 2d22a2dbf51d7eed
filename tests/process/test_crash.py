"""Nodes that are killed (SIGKILL) at any moment: nothing half-made stays, and what was agreed is kept."""
import os
import random
import threading
import time
import unittest

from cluster import BIP340, ECDSA, ED25519, SLOWNESS, ClusterTest, eventually

SEED = int(os.environ.get("QUORATE_TEST_SEED", "1"))
ROUNDS = int(os.environ.get("QUORATE_TEST_ROUNDS", "20"))


class Crash(ClusterTest):
    def ask_in_background(self, call):
        """Runs call() in a thread; the returned function waits for it and gives its reply, None if the connection broke."""
        box = []

        def run():
            try:
                box.append(call())
            except OSError:
                box.append(None)
            except Exception as e:  # http.client's own: the node died in the middle of its answer
                box.append(None if "http.client" in type(e).__module__ else e)
        thread = threading.Thread(target=run)
        thread.start()

        def result():
            thread.join(90 * SLOWNESS)
            self.assertFalse(thread.is_alive(), "a call hangs")
            if isinstance(box[0], Exception):
                raise box[0]
            return box[0]
        return result

    def state_of_key(self, c, name):
        """Of a key of that name, as each node sees it, once they agree: None (there is none), or its record."""
        def agreed():
            views = [c.get(f"/v1/keys/{name}", node=node) for node in c.names]
            statuses = {v.status for v in views}
            if statuses == {404}:
                return [None]  # a list, for it is true
            if statuses == {200}:
                ids = {v.body["id"] for v in views}
                self.assertEqual(len(ids), 1, f"nodes have different keys under one name: {views}")
                return [views[0].body]
            return None
        return eventually(agreed, 30, f"all nodes agree on the key {name}")[0]

    def settled(self, c, request_id):
        """The final state of a request as every node that knows it tells it."""
        final = ("succeeded", "failed", "denied", "expired", "cancelled", "rejected")

        def look():
            states = {}
            for node in c.names:
                reply = c.get(f"/v1/requests/{request_id}", node=node)
                if reply.status == 200:
                    states[node] = reply.body["state"]
            return states if all(s in final for s in states.values()) and states else None
        return eventually(look, 90, f"{request_id} comes to an end")

    def test_killed_while_keys_are_made(self):
        c = self.cluster().up()
        rng = random.Random(SEED)
        start = time.monotonic()
        c.create("measure")
        typical = time.monotonic() - start
        outcomes = {"made": 0, "free": 0}
        for i in range(ROUNDS):
            name, victim = f"key{i}", rng.choice(c.names)
            delay = rng.random() * typical * 1.3
            algorithm = rng.choice((ED25519, BIP340, ECDSA))
            with self.subTest(round=i, seed=SEED, victim=victim, delay=round(delay, 4)):
                reply_of = self.ask_in_background(lambda: c.create_key(name, algorithm, node="node1", prefer=20))
                time.sleep(delay)
                c.kill(victim)
                time.sleep(rng.random() * 0.3)
                c.start(victim)
                reply = reply_of()
                c.wait_ready()
                if reply is not None:
                    self.assertIn(reply.status, (201, 202, 409, 422, 500, 503, 504), reply)
                    self.assertNotEqual(reply.status, 500, reply)
                request_id = None
                if reply is not None and isinstance(reply.body, dict):
                    request_id = reply.body.get("id") or (reply.body.get("request") or {}).get("id")
                if request_id and reply.status == 202:
                    self.settled(c, request_id)
                key = self.state_of_key(c, name)
                if reply is not None and reply.status == 201:
                    self.assertIsNotNone(key, "a key that was shown to its user is gone")
                    self.assertEqual(key["id"], reply.body["result"]["key"]["id"])
                if key is None:
                    outcomes["free"] += 1
                    eventually(lambda: self.made_now(c, name, algorithm), 90, f"the name {name} is free again", 0.5)
                    key = self.state_of_key(c, name)
                else:
                    outcomes["made"] += 1
                self.assertEqual(key["state"], "active")
                for node in c.names:
                    c.sign_verified(key, f"{name} through {node}", node=node)
        print(f"keys: {outcomes}, one takes {typical * 1000:.0f} ms", flush=True)

    def made_now(self, c, name, algorithm):
        reply = c.create_key(name, algorithm, node="node2")
        if reply.status == 201:
            return reply.body["result"]["key"]
        self.assertIn(reply.status, (409, 422, 503, 504), reply)
        view = c.get(f"/v1/keys/{name}")
        return view.body if view.status == 200 else None

    def test_killed_while_signing(self):
        c = self.cluster().up()
        keys = [c.create("ed"), c.create("taproot", BIP340), c.create("bitcoin", ECDSA)]
        rng = random.Random(SEED)
        times = []
        for i in range(6):
            start = time.monotonic()
            c.sign_verified(keys[i % 3], f"measure {i}")
            times.append(time.monotonic() - start)
        typical = sorted(times)[3]
        succeeded = 0
        for i in range(ROUNDS):
            key, victim = keys[i % 3], rng.choice(c.names)
            delay = rng.random() * typical * 1.2
            with self.subTest(round=i, seed=SEED, victim=victim, delay=round(delay, 4)):
                text = f"message {i}"
                call = c.make_call("POST", f"/v1/keys/{key['name']}/signatures",
                                   {"payload": {"kind": "message", "utf8": text}}, idempotency_key=f"crash-{i}", prefer=30)
                reply_of = self.ask_in_background(lambda: c.send(call, "node1"))
                time.sleep(delay)
                c.kill(victim)
                reply = reply_of()
                if victim != "node1":
                    # Two are left, so the request of the third succeeds.
                    self.assertIsNotNone(reply)
                    self.assertEqual(reply.status, 201, reply)
                # The client does what clients do: it sends the same request again, to whoever is there.
                other = next(n for n in c.names if n != victim)
                again = eventually(lambda: self.signed_again(c, key, text, f"crash-{i}", other), 60, "a resend succeeds", 0.5)
                if reply is not None and reply.status == 201:
                    self.assertEqual(again["result"]["signature"], reply.body["result"]["signature"])
                    succeeded += 1
                c.start(victim)
                c.wait_ready()
                again = eventually(lambda: self.signed_again(c, key, text, f"crash-{i}", victim), 60,
                                   "the one that was killed knows it", 0.5)
                c.sign_verified(key, f"after {i}", node=victim)
        print(f"signatures: {succeeded} of {ROUNDS} with the first call, one takes {typical * 1000:.1f} ms", flush=True)

    def signed_again(self, c, key, text, idempotency_key, node):
        reply = c.post(f"/v1/keys/{key['name']}/signatures", {"payload": {"kind": "message", "utf8": text}}, node=node,
                       idempotency_key=idempotency_key)
        if reply.status == 201:
            return reply.body
        self.assertIn(reply.status, (202, 409, 503, 504), reply)
        return None

    def test_one_down_then_back_then_needed(self):
        c = self.cluster().up()
        keys = [c.create("ed"), c.create("taproot", BIP340), c.create("bitcoin", ECDSA)]
        for gone in c.names:
            c.kill(gone)
            others = [n for n in c.names if n != gone]
            for key in keys:
                for node in others:
                    self.assertEqual(sorted(c.sign_verified(key, f"{gone} is down", node=node)), others)
            c.start(gone)
            c.wait_ready()
            # The one that came back has to take part when another is gone.
            c.kill(others[0])
            for key in keys:
                self.assertEqual(sorted(c.sign_verified(key, "needed", node=others[1])), sorted([gone, others[1]]))
                self.assertEqual(sorted(c.sign_verified(key, "needed", node=gone)), sorted([gone, others[1]]))
            c.start(others[0])
            c.wait_ready()

    def test_all_killed_at_once(self):
        c = self.cluster().up()
        key = c.create("ed")
        signed = c.sign("ed", "before")
        for name in c.names:
            c.kill(name)
        c.up()
        self.assertEqual(self.state_of_key(c, "ed")["id"], key["id"])
        c.sign_verified(key, "after")
        for node in c.names:
            self.assertEqual(c.get("/v1/requests/" + signed.body["id"], node=node).body["state"], "succeeded")

    def test_stops_politely_within_bounds(self):
        import signal
        c = self.cluster().up()
        key = c.create("ed")
        for name in c.names:
            self.assertEqual(c.kill(name, signal.SIGTERM), 0, name)
        c.up()
        c.sign_verified(key, "again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
