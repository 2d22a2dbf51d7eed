"""A window of the policy among real nodes: what was signed counts on every node, also after kill -9, and no number of
requests at once passes it."""
import collections
import concurrent.futures
import unittest

from cluster import ED25519, ClusterTest


def policy(count):
    return {
        "users": [{"id": "admin", "groups": ["admins"]}],
        "admins": {"group": "admins", "min": 1, "delay_hours": 0}, "readers": ["admins"],
        "rules": [{"id": "keys", "if": {"kind": "create_key"}, "then": "allow"},
                  {"id": "a-day", "if": {"kind": "sign", "window": {"hours": 24, "count": count, "per": "key"}}, "then": "allow"}],
        "default": "deny"}


class Windows(ClusterTest):
    def assertDenied(self, reply, count):
        self.assertProblem(reply, 403, "denied")
        self.assertIn(f"a-day: a node has no room in its window: at most {count} requests per key in 24 hours", reply.body["detail"])

    def test_two_a_day_whoever_dies(self):
        c = self.cluster(3, policy(2)).up()
        key = c.create("ed", ED25519)
        c.sign_verified(key, "one")
        c.sign_verified(key, "two", node="node2")

        def third(node):
            self.assertDenied(c.sign("ed", "three through " + node, node=node), 2)

        for name in c.names:
            third(name)
        for name in c.names:
            c.kill(name)
        c.up()
        for name in c.names:
            third(name)
        # Another key has a sum of its own.
        c.sign_verified(c.create("other", ED25519), "one")

    def test_a_thousand_at_once_never_pass_it(self):
        most, many = 20, 1000
        c = self.cluster(3, policy(most)).up()
        c.create("ed", ED25519)
        with concurrent.futures.ThreadPoolExecutor(48) as pool:
            replies = list(pool.map(lambda k: c.sign("ed", f"message {k}", node=c.names[k % 3], prefer=60), range(many)))
        ends = collections.Counter(reply.status for reply in replies)
        self.assertEqual(ends[201] + ends[403], many, ends)
        self.assertLessEqual(ends[201], most)
        # Denied for good, or not where one node may have spent its part when another found no room (docs/windows.md).
        may_be_spent = [reply for reply in replies if reply.status == 403 and reply.body["code"] == "window_exceeded"]
        for reply in replies:
            if reply.status == 403:
                self.assertIn(reply.body["code"], ("denied", "window_exceeded"))
                self.assertIn(f"a-day: a node has no room in its window: at most {most} requests per key in 24 hours", reply.body["detail"])
        # What came to nothing keeps no room: one after the other they fit up to the last, and not one more.
        made = ends[201]
        while (reply := c.sign("ed", f"later {made}", node=c.names[made % 3], prefer=60)).status == 201:
            made += 1
        self.assertLessEqual(made, most)
        self.assertGreaterEqual(made, most - len(may_be_spent), "room was lost where nobody can have spent it")
        for name in c.names:
            self.assertDenied(c.sign("ed", "one too many", node=name), most)
        print(f"windows: {ends[201]} of {most} at once, {made} in the end, {len(may_be_spent)} not denied for good", flush=True)


if __name__ == "__main__":
    unittest.main()
