"""Two people approve, one with a key and one with a passkey and no key; what is not exactly that does not count."""
import hashlib
import json
import unittest

from authenticator import Authenticator, b64, for_the_api
from cluster import ED25519, ClusterTest, eventually


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class WebAuthn(ClusterTest):
    def setUp(self):
        super().setUp()
        self.carol, self.dave = Authenticator("carol"), Authenticator("dave", "localhost", "http://localhost:8000")
        policy = {
            "users": [{"id": "admin", "groups": ["admins"]}, {"id": "bot", "groups": ["bots"]}, {"id": "eve", "groups": []},
                      {"id": "bob", "groups": ["treasury"]},
                      {"id": "carol", "groups": ["treasury"], "webauthn": [self.carol.in_policy()]},
                      {"id": "dave", "groups": ["treasury"], "webauthn": [self.dave.in_policy()]}],
            "admins": {"group": "admins", "min": 1, "delay_hours": 0}, "readers": ["admins"],
            "rules": [{"id": "keys", "if": {"kind": "create_key", "by": ["group:admins"]}, "then": "allow"},
                      {"id": "two", "if": {"kind": "sign", "by": ["group:bots"]}, "then": {"approve": [{"group": "treasury", "min": 2}]}}],
            "default": "deny"}
        self.c = self.cluster(3, policy).up()
        self.c.create("ed", ED25519)

    def waiting(self, text):
        reply = self.c.sign("ed", text, user="bot")
        self.assertEqual((reply.status, reply.body["state"]), (202, "pending_approval"), reply)
        return reply.body["id"]

    def challenge(self, request, approver="carol", decision="approve"):
        """As docs/approvals.md says, without this repository's programs."""
        intent = self.c.get(f"/v1/requests/{request}").body["intent"]
        text = "quorate/approval/v1\n" + jcs({"decision": decision, "approver": approver, "intent": intent})
        return b64(hashlib.sha256(text.encode()).digest())

    def post(self, request, credential, approver="carol", decision="approve", user="bob", node="node1", **more):
        body = {"decision": decision, "approver": approver, "webauthn": for_the_api(credential), **more}
        return self.c.post(f"/v1/requests/{request}/approvals", body, user=user, node=node)

    def refused(self, reply, pointer):
        self.assertProblem(reply, 400, "malformed_body")
        self.assertEqual(reply.body["pointer"], pointer, reply)

    def have(self, request):
        return self.c.get(f"/v1/requests/{request}").body["needs"][0]["have"]

    def test_a_key_and_a_passkey(self):
        self.assertFalse((self.c.dir / "users" / "carol.pem").exists())
        request = self.waiting("x")
        # What a page is given, after the program has understood the request by itself.
        done = self.c.quorate("--as", "bob", "request", "challenge", request, "--approver", "carol")
        self.assertIn("message    x", done.stderr)
        asked = self.c.quorate_json("--as", "bob", "request", "challenge", request, "--approver", "carol")
        self.assertEqual(asked["challenge"], self.challenge(request))
        self.assertEqual(asked["credentials"], [self.carol.in_policy()])
        self.assertIn(asked["challenge"], done.stdout)
        self.assertEqual(self.c.quorate("--as", "bob", "request", "challenge", request, check=False).returncode, 1)
        file = self.c.directory / "assertion.json"
        file.write_text(json.dumps(self.carol.get(asked["challenge"])))
        done = self.c.quorate("--as", "bot", "--node", "node2", "request", "approve", request, "--approver", "carol", "--webauthn", str(file))
        self.assertIn("is pending_approval; needs 2 of treasury, has 1", done.stdout)
        # It is verified anew by all, also after they have all died.
        for name in self.c.names:
            self.c.kill(name)
        self.c.up()
        self.assertEqual(self.have(request), 1)
        self.c.quorate("--as", "bob", "--node", "node3", "request", "approve", "--yes", request)
        eventually(lambda: self.c.get(f"/v1/requests/{request}").body["state"] == "succeeded", 30, "it is signed")
        view = self.c.get(f"/v1/requests/{request}").body["approvals"]
        self.assertEqual([(a["approver"], a["decision"], sorted(a)) for a in view],
                         [("bob", "approve", ["approver", "decision", "signature"]), ("carol", "approve", ["approver", "decision", "webauthn"])])
        self.assertEqual(view[1]["webauthn"], for_the_api(json.loads(file.read_text())))
        log = [e for n in self.c.names for e in self.c.get("/v1/audit?after=0&limit=200", node=n).body["items"] if e["request"] == request]
        self.assertIn(view[1], [v for e in log for v in e["entry"].get("votes", [])])

    def test_nothing_else_counts(self):
        request, other = self.waiting("x"), self.waiting("y")
        good = self.carol.get(self.challenge(request))
        for what, credential, pointer in (
                ("another request's", self.carol.get(self.challenge(other)), "/webauthn/client_data_json"),
                ("a rejection", self.carol.get(self.challenge(request, decision="reject")), "/webauthn/client_data_json"),
                ("another person's challenge", self.carol.get(self.challenge(request, "dave")), "/webauthn/client_data_json"),
                ("another page", self.carol.get(self.challenge(request), origin="https://evil.com"), "/webauthn/client_data_json"),
                ("within another page", self.carol.get(self.challenge(request), crossOrigin=True), "/webauthn/client_data_json"),
                ("a registration", self.carol.get(self.challenge(request), type="webauthn.create"), "/webauthn/client_data_json"),
                ("nobody verified", self.carol.get(self.challenge(request), flags=0x01), "/webauthn/authenticator_data"),
                ("nobody present", self.carol.get(self.challenge(request), flags=0x04), "/webauthn/authenticator_data"),
                ("more than it says", self.carol.get(self.challenge(request), extensions=b"\xa0"), "/webauthn/authenticator_data"),
                ("another's", self.dave.get(self.challenge(request)), "/webauthn/credential"),
                ("another domain", dict(Authenticator("carol", "localhost", self.carol.origin).get(self.challenge(request)), id=good["id"]),
                 "/webauthn/authenticator_data"),
                ("another key", dict(Authenticator("dave").get(self.challenge(request)), id=good["id"]), "/webauthn/signature")):
            with self.subTest(what):
                self.refused(self.post(request, credential), pointer)
        for changed, pointer in (({"signature": "00"}, "/signature"), ({"more": 1}, "/more"), ({"webauthn": {}}, "/webauthn/credential"),
                                 ({"webauthn": dict(for_the_api(good), signature="AA==")}, "/webauthn/signature"),
                                 ({"approver": ""}, "/approver"), ({"decision": "maybe"}, "/decision")):
            with self.subTest(changed=changed):
                self.refused(self.post(request, good, **changed), pointer)
        # Who does not see the request posts nothing about it; who is not asked approves nothing.
        self.assertProblem(self.post(request, good, user="eve"), 404, "not_found")
        self.assertProblem(self.post(request, good, approver="eve"), 403, "not_an_approver")
        self.assertProblem(self.post(request, good, approver="mallory"), 403, "not_an_approver")
        self.assertEqual(self.have(request), 0)
        # Posted by anybody who sees it, at any node; again and again it is one person.
        for user, node in (("bot", "node1"), ("admin", "node2"), ("bob", "node3")):
            self.assertEqual(self.post(request, good, user=user, node=node).body["state"], "pending_approval")
        self.assertEqual(self.post(request, self.carol.get(self.challenge(request))).body["state"], "pending_approval")
        eventually(lambda: self.have(request) == 1, 10, "one person")
        self.assertEqual(self.have(other), 0)
        reply = self.post(request, self.dave.get(self.challenge(request, "dave", "reject")), approver="dave", decision="reject", node="node2")
        self.assertEqual((reply.status, reply.body["state"]), (200, "rejected"), reply)


if __name__ == "__main__":
    unittest.main()
