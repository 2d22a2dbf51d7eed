"""The policy changes: proposed and approved with the command at whichever nodes, under kill -9, heard of by nodes that were away."""
import json
import pathlib
import unittest

from cluster import ED25519, ClusterTest, eventually

POLICY = {
    "users": [{"id": "admin", "groups": ["admins"]}, {"id": "ana", "groups": ["council"]}, {"id": "ben", "groups": ["council"]},
              {"id": "eve", "groups": []}],
    "admins": {"group": "council", "min": 2, "delay_hours": 24}, "readers": ["admins", "council"],
    "rules": [{"id": "keys", "if": {"kind": "create_key", "by": ["group:admins"]}, "then": "allow"},
              {"id": "signs", "if": {"kind": "sign", "by": ["group:admins"]}, "then": "allow"}],
    "default": "deny"}


class Governance(ClusterTest):
    def setUp(self):
        super().setUp()
        self.c = self.cluster(3, POLICY).up()

    def version(self, node):
        return self.c.get("/v1/node", node=node).body["policy"]["version"]

    def everywhere(self, version, *nodes):
        for node in nodes or self.c.names:
            eventually(lambda n=node: self.version(n) == version, 40, f"{node} has version {version}")

    def file(self, change):
        document = self.c.get("/v1/policy").body
        change(document)
        path = self.c.dir / "next.json"
        path.write_text(json.dumps(document))
        return str(path)

    def propose(self, change, *words, user="ana"):
        done = self.c.quorate("--as", user, *words, "policy", "propose", "--yes", self.file(change), check=False)
        self.assertEqual(done.returncode, 4, done.stderr)
        return done.stdout.split()[0]

    def approve(self, request, *users, node="node2"):
        for user in users:
            self.c.quorate("--as", user, "--node", node, "request", "approve", "--yes", request)

    def state(self, request, node="node1"):
        return self.c.get(f"/v1/requests/{request}", node=node).body["state"]

    @staticmethod
    def stop(policy):
        policy["rules"] = [rule for rule in policy["rules"] if rule["id"] != "signs"]

    @staticmethod
    def loosen(policy):
        policy["rules"].append({"id": "eve-signs", "if": {"kind": "sign", "by": ["user:eve"]}, "then": "allow"})

    def test_a_tightening_is_in_force_at_once_and_stays(self):
        self.c.sign_verified(self.c.create("ed", ED25519), "before")
        file = self.file(self.stop)
        asked = self.c.quorate("--as", "ana", "policy", "propose", file, check=False, input="no\n")
        self.assertEqual(asked.returncode, 1, asked.stdout)
        self.assertIn("removed  rule signs", asked.stderr)
        request = self.propose(self.stop)
        shown = self.c.quorate("--as", "ben", "request", "approve", request, check=False, input="no\n")
        self.assertIn("removed  rule signs", shown.stderr)
        self.assertIn("in force once", shown.stderr)
        self.assertEqual(self.state(request), "pending_approval")
        self.c.kill("node3")  # two of three are a majority
        self.approve(request, "ana", "ben")
        self.everywhere(2, "node1", "node2")
        self.assertProblem(self.c.sign("ed", "after"), 403, "denied")
        view = self.c.get(f"/v1/requests/{request}").body
        self.assertEqual((view["state"], view["result"]["version"], len(view["result"]["applied_on"])), ("succeeded", 2, 2), view)
        for name in ("node1", "node2"):
            self.c.kill(name)
        self.c.up()  # each with the policy.json that it was made with
        self.everywhere(2)
        self.assertEqual(self.state(request, "node3"), "succeeded")
        self.assertProblem(self.c.sign("ed", "after", node="node3"), 403, "denied")
        checks = self.c.get("/readyz", node="node3", signed=False).body["checks"]
        self.assertEqual(checks["policy"], "ok")
        old = self.c.quorate_json("--node", "node3", "policy", "show", "--version", "1")
        self.assertIn("signs", [rule["id"] for rule in old["rules"]])
        self.assertEqual(self.c.get("/v1/policy?version=2", node="node3").body, self.c.get("/v1/policy").body)
        self.assertProblem(self.c.get("/v1/policy?version=3"), 404, "unknown_version")
        # What was proposed over the old version comes too late.
        late = self.c.send(self.c.make_call("PUT", "/v1/policy", json.loads(pathlib.Path(file).read_text()) | {"version": 2, "previous": "1" * 64},
                                            user="ana", if_match="1"))
        self.assertProblem(late, 412, "version_not_current")

    def test_a_loosening_waits_and_any_admin_stops_it(self):
        diff = self.c.quorate("policy", "diff", self.file(self.loosen)).stdout
        self.assertIn("loosens  rule eve-signs is new", diff)
        self.assertIn("waits 24 h", diff)
        request = self.propose(self.loosen, "--node", "node3")
        self.assertProblem(self.c.get(f"/v1/requests/{request}", user="eve"), 404)
        self.approve(request, "ben", "ana")
        for node in self.c.names:
            eventually(lambda n=node: self.state(request, n) == "scheduled", 20, f"{node} waits")
        view = self.c.get(f"/v1/requests/{request}").body
        self.assertTrue(view["loosens"] and view["effective_at"] > view["created_at"], view)
        for name in self.c.names:
            self.c.kill(name)
        self.c.up()
        again = self.c.get(f"/v1/requests/{request}").body
        self.assertEqual((again["state"], again["effective_at"]), ("scheduled", view["effective_at"]))
        self.assertIn("is cancelled", self.c.quorate("--as", "ben", "request", "cancel", request).stdout)
        self.everywhere(1)

    def test_who_may(self):
        eve = self.c.quorate("--as", "eve", "policy", "propose", "--yes", self.file(self.stop), check=False)
        self.assertEqual(eve.returncode, 3, eve.stderr)
        document = self.c.get("/v1/policy").body
        no_match = self.c.send(self.c.make_call("PUT", "/v1/policy", document, user="ana"))
        self.assertProblem(no_match, 428, "precondition_required")
        request = self.propose(self.stop)
        one = self.c.quorate("--as", "ana", "request", "approve", "--yes", request)
        self.assertIn("needs 2 of council, has 1", one.stdout)
        self.assertNotEqual(self.c.quorate("--as", "admin", "request", "approve", "--yes", request, check=False).returncode, 0)
        self.assertIn("is rejected", self.c.quorate("--as", "ben", "request", "reject", request).stdout)
        self.everywhere(1)


if __name__ == "__main__":
    unittest.main()
