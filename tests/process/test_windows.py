"""A window of the policy among real nodes: what was signed counts on every node, also after kill -9."""
import unittest

from cluster import ED25519, ClusterTest

POLICY = {
    "users": [{"id": "admin", "groups": ["admins"]}],
    "admins": {"group": "admins", "min": 1, "delay_hours": 0}, "readers": ["admins"],
    "rules": [{"id": "keys", "if": {"kind": "create_key"}, "then": "allow"},
              {"id": "two-a-day", "if": {"kind": "sign", "window": {"hours": 24, "count": 2, "per": "key"}}, "then": "allow"}],
    "default": "deny"}


class Windows(ClusterTest):
    def test_two_a_day_whoever_dies(self):
        c = self.cluster(3, POLICY).up()
        c.create("ed", ED25519)
        c.sign_verified("ed", "one")
        c.sign_verified("ed", "two", node="node2")

        def third(node):
            reply = c.sign("ed", "three through " + node, node=node)
            self.assertProblem(reply, 403, "denied")
            self.assertIn("two-a-day: a node has no room in its window: at most 2 requests per key in 24 hours", reply.body["detail"])

        for name in c.names:
            third(name)
        for name in c.names:
            c.kill(name)
        c.up()
        for name in c.names:
            third(name)
        # Another key has a sum of its own.
        c.create("other", ED25519)
        c.sign_verified("other", "one")


if __name__ == "__main__":
    unittest.main()
