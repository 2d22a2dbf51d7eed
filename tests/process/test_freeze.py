"""Any admin freezes with the command; the nodes keep it over kill -9 and tell those that were away; the admins lift it."""
import time
import unittest

from cluster import ED25519, ClusterTest, eventually

POLICY = {
    "users": [{"id": "admin", "groups": ["admins"]}, {"id": "ana", "groups": ["council"]}, {"id": "ben", "groups": ["council"]},
              {"id": "eve", "groups": []}],
    "admins": {"group": "council", "min": 2, "delay_hours": 0}, "readers": ["admins", "council"],
    "rules": [{"id": "keys", "if": {"kind": "create_key", "by": ["group:admins"]}, "then": "allow"},
              {"id": "signs", "if": {"kind": "sign", "by": ["group:admins"]}, "then": "allow"}],
    "default": "deny"}


class Freeze(ClusterTest):
    def setUp(self):
        super().setUp()
        self.c = self.cluster(3, POLICY).up()

    def frozen(self, node):
        return [entry["scope"] for entry in self.c.get("/v1/node", node=node).body["frozen"]]

    def test_a_key_is_frozen_and_lifted(self):
        self.c.sign_verified(self.c.create("ed", ED25519), "before")
        id = self.c.get("/v1/keys/ed").body["id"]
        self.assertEqual(self.c.quorate("--as", "eve", "freeze", "ed", check=False).returncode, 3)
        self.c.kill("node3")
        done = self.c.quorate("--as", "ana", "freeze", "ed")
        self.assertIn("frozen on node1", done.stdout)
        self.assertIn("frozen on node2", done.stdout)
        self.assertIn("not on    node3", done.stdout)
        for node in ("node1", "node2"):
            self.assertEqual(self.frozen(node), [id])
            self.assertProblem(self.c.sign("ed", "after", node=node), 409, "frozen")
            self.c.kill(node)
        self.c.up()
        for node in self.c.names:
            eventually(lambda n=node: self.frozen(n) == [id], 20, f"{node} knows it")
            self.assertProblem(self.c.sign("ed", "after", node=node), 409, "frozen")
        time.sleep(1.1)  # an unfreeze of the freeze's second would be told to come again
        asked = self.c.quorate("--as", "ben", "--node", "node3", "unfreeze", "ed", check=False)
        self.assertEqual(asked.returncode, 4, asked.stderr)
        request = asked.stdout.split()[0]
        shown = self.c.quorate("--as", "ben", "request", "approve", request, check=False, input="no\n")
        self.assertIn("unfreeze, asked for by ben", shown.stderr)
        self.assertIn("key        ed", shown.stderr)
        for user in ("ben", "ana"):
            self.assertEqual(self.frozen("node1"), [id])
            self.c.quorate("--as", user, "request", "approve", "--yes", request)
        for node in self.c.names:
            eventually(lambda n=node: self.frozen(n) == [], 20, f"{node} has lifted it")
        self.c.sign_verified(self.c.get("/v1/keys/ed").body, "again")
        kinds = [e["kind"] for e in self.c.get("/v1/audit?limit=200", node="node2").body["items"]]
        self.assertIn("frozen", kinds)
        self.assertIn("unfrozen", kinds)

    def test_too_few_nodes_have_it(self):
        self.c.kill("node2")
        self.c.kill("node3")
        done = self.c.quorate("--as", "ana", "freeze", "all", check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("could sign together", done.stdout)
        self.c.start("node2", "node3")
        self.c.wait_ready()
        for node in self.c.names:
            eventually(lambda n=node: self.frozen(n) == ["all"], 20, f"{node} knows it")
        created = self.c.send(self.c.make_call("POST", "/v1/keys", {"name": "ed", "algorithm": ED25519, "threshold": 2, "participants": self.c.names}))
        self.assertProblem(created, 409, "frozen")
        self.assertProblem(self.c.send(self.c.make_call("POST", "/v1/unfreeze", {"scope": "none"}, user="ana")), 404, "unknown_key")


if __name__ == "__main__":
    unittest.main()
