"""Requests that wait for people: approved with the command and through REST at whichever node, under kill -9."""
import json
import unittest

from cluster import ECDSA, ED25519, ClusterTest, eventually

TO = "0x3535353535353535353535353535353535353535"
FIELDS = {"chain_id": 1, "nonce": 9, "gas": 21000, "gas_price": 20000000000, "to": TO, "value": "1000000000000000000"}
POLICY = {
    "users": [{"id": "admin", "groups": ["admins"]}, {"id": "bot", "groups": ["bots"]}, {"id": "bob", "groups": ["treasury"]},
              {"id": "carol", "groups": ["treasury"]}, {"id": "eve", "groups": []}],
    "admins": {"group": "admins", "min": 1, "delay_hours": 0}, "readers": ["admins"],
    "rules": [
        {"id": "keys", "if": {"kind": "create_key", "by": ["group:admins"]}, "then": "allow"},
        {"id": "small", "if": {"kind": "sign", "by": ["group:bots"], "payload": ["eth_transaction"], "asset": ["eip155:1/slip44:60"], "max": "1000"}, "then": "allow"},
        {"id": "large", "if": {"kind": "sign", "by": ["group:bots", "group:admins"]},
         "then": {"approve": [{"group": "treasury", "min": 2}], "expires_hours": 48}}],
    "default": "deny"}


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Approvals(ClusterTest):
    def setUp(self):
        super().setUp()
        self.c = self.cluster(3, POLICY).up()

    def ask(self, key, payload, node="node1", user="bot", **more):
        return self.c.post(f"/v1/keys/{key}/signatures", {"payload": payload}, node=node, user=user, **more)

    def waiting(self, key, payload, **more):
        reply = self.ask(key, payload, **more)
        self.assertEqual((reply.status, reply.body["state"]), (202, "pending_approval"), reply)
        self.assertEqual(reply.headers["Location"], "/v1/requests/" + reply.body["id"])
        return reply.body["id"]

    def state(self, request, node="node1"):
        return self.c.get(f"/v1/requests/{request}", node=node).body["state"]

    def vote(self, request, user, decision="approve", node="node1", intent=None, signed=None):
        intent = intent or self.c.get(f"/v1/requests/{request}", node=node).body["intent"]
        text = "quorate/approval/v1\n" + jcs({"decision": signed or decision, "approver": user, "intent": intent})
        body = {"decision": decision, "signature": self.c.user_key(user).sign(text.encode()).hex()}
        return self.c.post(f"/v1/requests/{request}/approvals", body, node=node, user=user)

    def test_two_people_and_a_large_transfer(self):
        self.c.create("hot", ECDSA)
        small = self.ask("hot", {"kind": "eth_transaction", "fields": dict(FIELDS, value="1000")})
        self.assertEqual(small.status, 201, small)
        payload = {"kind": "eth_transaction", "fields": FIELDS}
        request = self.waiting("hot", payload)
        # bob sees what it does before he says yes; what his program shows it has understood by itself.
        done = self.c.quorate("--as", "bob", "--node", "node2", "request", "approve", request, check=False, input="no\n")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"transfer   {FIELDS['value']} of eip155:1/slip44:60", done.stderr)
        self.assertIn(f"to {TO}", done.stderr)
        self.assertEqual(self.state(request), "pending_approval")
        done = self.c.quorate("--as", "bob", "--node", "node2", "request", "approve", request, input="yes\n")
        self.assertIn("is pending_approval; needs 2 of treasury, has 1", done.stdout)
        # All of them die; what was said is not lost.
        for name in self.c.names:
            self.c.kill(name)
        self.c.up()
        view = self.c.get(f"/v1/requests/{request}", node="node3").body
        self.assertEqual(view["needs"], [{"group": "treasury", "min": 2, "have": 1}])
        self.assertEqual([(a["approver"], a["decision"]) for a in view["approvals"]], [("bob", "approve")])
        # The node that took the request is gone when the last one approves.
        self.c.kill("node1")
        self.c.quorate("--as", "carol", "--node", "node3", "request", "approve", "--yes", request)
        eventually(lambda: self.state(request, "node2") == "succeeded", 40, "the others go on with it")
        result = self.c.get(f"/v1/requests/{request}", node="node2").body["result"]
        self.assertTrue(result["signed_transaction"].startswith("0x"), result)
        self.c.start("node1")
        self.c.wait_ready()
        eventually(lambda: self.state(request) == "succeeded", 30, "node1 hears of it")
        log = self.c.get("/v1/audit?after=0&limit=200", node="node2").body["items"]
        self.assertIn(["bob", "carol"], [e["entry"].get("approved_by") for e in log if e["request"] == request])

    def test_nobody_else_and_nothing_else(self):
        self.c.create("ed", ED25519)
        message = {"kind": "message", "utf8": "x"}
        self.assertProblem(self.ask("ed", message, user="eve"), 403, "denied")
        request, other = self.waiting("ed", message), self.waiting("ed", {"kind": "message", "utf8": "y"})
        intent = self.c.get(f"/v1/requests/{request}").body["intent"]
        self.assertProblem(self.c.get(f"/v1/requests/{request}", user="eve"), 404)
        self.assertProblem(self.vote(request, "eve", intent=intent), 404, "not_found")
        self.assertProblem(self.vote(request, "bot"), 403, "not_an_approver")
        for wrong in (self.vote(request, "bob", intent=self.c.get(f"/v1/requests/{other}").body["intent"]),
                      self.vote(request, "bob", signed="reject"), self.vote(request, "bob", intent=dict(intent, key_name="cold"))):
            self.assertProblem(wrong, 400, "malformed_body")
            self.assertEqual(wrong.body["pointer"], "/signature")
        for body in ({}, {"decision": "maybe", "signature": "00" * 64}, {"decision": "approve", "signature": "zz"},
                     {"decision": "approve", "signature": "00" * 64, "more": 1}):
            self.assertProblem(self.c.post(f"/v1/requests/{request}/approvals", body, user="bob"), 400, "malformed_body")
        for _ in range(2):
            self.assertEqual(self.vote(request, "bob").body["needs"][0]["have"], 1)
        # Both were made within one second, maybe: the order among them is that of their ids.
        self.assertCountEqual([r["id"] for r in self.c.get("/v1/requests?state=pending_approval", user="carol").body["items"]], [other, request])
        rejected = self.vote(request, "carol", "reject", node="node2")
        self.assertEqual((rejected.status, rejected.body["state"]), (200, "rejected"), rejected)
        for node in self.c.names:
            eventually(lambda n=node: self.state(request, n) == "rejected", 10, f"{node} has it")
        self.assertProblem(self.c.post(f"/v1/requests/{other}/cancel", {}, user="bob"), 404)
        cancelled = self.c.post(f"/v1/requests/{other}/cancel", {}, node="node3", user="bot")
        self.assertEqual((cancelled.status, cancelled.body["state"]), (200, "cancelled"), cancelled)
        self.assertProblem(self.vote(other, "bob", node="node3"), 409, "not_pending")

    def test_the_command_says_how_it_stands(self):
        self.c.create("ed", ED25519)
        done = self.c.quorate("--as", "bot", "sign", "--key", "ed", "--message", "hello", check=False)
        self.assertEqual(done.returncode, 4, done.stderr)  # waiting
        request = done.stdout.split()[0]
        self.assertIn("needs 2 of treasury, has 0", done.stdout)
        self.assertEqual(self.c.quorate("--as", "eve", "request", "approve", "--yes", request, check=False).returncode, 1)
        self.assertIn("is rejected", self.c.quorate("--as", "bob", "request", "reject", request).stdout)
        again = self.c.quorate("--as", "carol", "request", "approve", "--yes", request, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("waits for nobody", again.stderr)
        request = self.c.quorate("--as", "bot", "sign", "--key", "ed", "--message", "bye", check=False).stdout.split()[0]
        self.assertIn("is cancelled", self.c.quorate("--as", "bot", "request", "cancel", request).stdout)
        done = self.c.quorate("--json", "policy", "simulate", "--key", "ed", "--message", "x", "--user", "bot", check=False)
        self.assertEqual(done.returncode, 4, done.stderr)
        simulated = json.loads(done.stdout)
        self.assertEqual((simulated["policy"]["decision"], simulated["needs"], simulated["expires_hours"]),
                         ("approve", [{"group": "treasury", "min": 2}], 48))


if __name__ == "__main__":
    unittest.main()
