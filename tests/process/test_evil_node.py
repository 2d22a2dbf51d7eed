"""node3 is a program that misbehaves (tests/evil_node): the honest nodes keep signing, and name it, or nobody."""

import pathlib
import subprocess
import time
import unittest

from cluster import BIP340, ED25519, QUORATED, ClusterTest, eventually

EVIL = QUORATED.parent / "evil_node"


class EvilNodeTest(ClusterTest):
    def evil(self, mode, create=True):
        """A cluster with the key `hot` (2 of 3), made while all were honest, and node3 replaced."""
        c = self.cluster().up()
        key = c.create("hot") if create else None
        c.kill("node3")
        self.replace(c, mode)
        return c, key

    def replace(self, c, mode):
        with open(c.dir / "node3" / "log", "ab") as log:
            c.processes["node3"] = subprocess.Popen([EVIL, "--dir", c.dir, "--node", "node3", "--mode", mode],
                                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def connected():
            peers = c.get("/v1/node", node="node1").body["peers"] + c.get("/v1/node", node="node2").body["peers"]
            return sum(p["node"] == "node3" and p["connected"] for p in peers) == 2

        eventually(connected, 30, f"the evil node3 ({mode}) is connected")

    def with_node3(self, c, key, node="node1"):
        """Signs with node2 away, so that only {node1, node3} is left: the record of a request that has met node3."""
        c.kill("node2")
        reply = c.sign(key["name"], "with node3 only", node=node, prefer=40)
        requests = c.get("/v1/requests?limit=1&kind=sign", node=node).body["items"]
        c.start("node2")
        c.wait_ready("node1", "node2")
        return reply, requests[0]

    def honest_sign(self, c, key, times=4):
        for i in range(times):
            began = time.monotonic()
            c.sign_verified(key, f"honest {i}", node=f"node{1 + i % 2}", prefer=40)
            self.assertLess(time.monotonic() - began, 45)

    def blamed(self, record):
        return {b["node"] for b in record.get("blame", [])}

    def test_honest_control(self):
        c, key = self.evil("honest")
        reply, _ = self.with_node3(c, key)
        self.assertEqual(reply.status, 201, reply)

    def test_bad_share_is_named(self):
        c, key = self.evil("bad_share")
        reply, record = self.with_node3(c, key)
        self.assertNotEqual(reply.status, 201)
        self.assertEqual(self.blamed(record), {"node3"})
        self.honest_sign(c, key)

    def test_silent_after_accept(self):
        c, key = self.evil("silent_after_accept")
        reply, record = self.with_node3(c, key)
        self.assertProblem(reply, 504, "no_quorum")
        self.assertEqual(self.blamed(record), set())
        self.assertIn("node3", record["silent"])
        self.honest_sign(c, key)

    def test_garbage_frames_name_their_sender(self):
        c, key = self.evil("garbage_frames")
        reply, record = self.with_node3(c, key)
        self.assertNotEqual(reply.status, 201)
        self.assertEqual(self.blamed(record), {"node3"}, (reply, record))
        self.honest_sign(c, key)

    def test_claims_in_other_names_change_nothing(self):
        c, key = self.evil("claim_other_id")
        self.honest_sign(c, key)
        for node in ("node1", "node2"):
            for item in c.get("/v1/requests?limit=50", node=node).body["items"]:
                self.assertLessEqual(self.blamed(item), {"node3"}, item)
                self.assertIn(item["state"], ("succeeded", "running"), item)

    def test_flood(self):
        c, key = self.evil("flood")
        began = time.monotonic()
        while time.monotonic() - began < 6:
            self.honest_sign(c, key, times=2)
        self.assertEqual(c.get("/readyz", signed=False).status, 200)
        status = pathlib.Path(f"/proc/{c.processes['node1'].pid}/status").read_text()
        memory = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        self.assertLess(memory, 400_000, "kB resident after the flood")

    def key_generation_fails(self, mode, algorithm, blame):
        c, key = self.evil(mode)
        reply = c.create_key("cold", algorithm=algorithm, prefer=60)
        self.assertNotEqual(reply.status, 201)
        self.assertNotEqual(reply.status, 202, "it hangs")
        record = c.get("/v1/requests?limit=1&kind=create_key&key=cold").body["items"][0]
        self.assertEqual(record["state"], "failed", record)
        self.assertLessEqual(self.blamed(record), blame, record)
        self.assertEqual(c.get("/v1/keys/cold").status, 404)
        self.honest_sign(c, key, times=2)
        # Among honest nodes the name is free again.
        made = c.create_key("cold", participants=["node1", "node2"], prefer=60)
        if mode != "wrong_certificate":
            self.assertEqual(made.status, 201, made)
        return record

    def test_bad_dkg_share_is_named(self):
        record = self.key_generation_fails("bad_dkg_share", ED25519, {"node3"})
        self.assertEqual(self.blamed(record), {"node3"}, record)

    def test_equivocation(self):
        self.key_generation_fails("equivocate", BIP340, {"node3", ""})

    def test_wrong_certificate(self):
        record = self.key_generation_fails("wrong_certificate", ED25519, {"node3"})
        self.assertEqual(self.blamed(record), {"node3"}, record)

    def test_silence_in_key_generation(self):
        self.key_generation_fails("silent_after_accept", ED25519, set())


if __name__ == "__main__":
    unittest.main()
