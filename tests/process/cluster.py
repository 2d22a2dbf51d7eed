"""A cluster of real `quorated` processes in a temporary directory, and a client of its own for its REST API.

The binaries are taken from QUORATE_BINARY_DIR. Everything that waits is bounded.
"""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from ed25519 import SigningKey, verify_bip340, verify_ecdsa, verify_ed25519

BINARIES = pathlib.Path(os.environ.get("QUORATE_BINARY_DIR", "build/release")).resolve()
QUORATE, QUORATED = BINARIES / "quorate", BINARIES / "quorated"
# Sanitizers and a loaded machine make everything slower; nothing gets less strict by it.
SLOWNESS = float(os.environ.get("QUORATE_TEST_SLOWNESS", "1"))

ECDSA, ED25519, BIP340 = "ecdsa-secp256k1", "eddsa-ed25519", "schnorr-secp256k1"


def require_binaries():
    for program in (QUORATE, QUORATED):
        if not os.access(program, os.X_OK):
            raise unittest.SkipTest(f"{program} is not there: build it, or set QUORATE_BINARY_DIR")


def eventually(condition, timeout, what, every=0.05):
    """The first true value of condition(), which may raise OSError while things are starting."""
    end = time.monotonic() + timeout * SLOWNESS
    last = None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except (OSError, http.client.HTTPException) as e:
            last = e
        time.sleep(every)
    raise AssertionError(f"not within {timeout * SLOWNESS:.0f} s: {what}" + (f" ({last})" if last else ""))


def _free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_base_port(nodes=3):
    for _ in range(200):
        base = random.randrange(10_000, 32_000)
        if all(_free(base + offset + i) for offset in (0, 100, 200) for i in range(1, nodes + 1)):
            return base
    raise AssertionError("no free ports")


class Reply:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw
        try:
            self.body = json.loads(raw) if raw else None
        except ValueError:
            self.body = None

    def __repr__(self):
        return f"{self.status} {self.raw[:600]!r}"


def content_digest(body):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


class Call:
    """One signed call, with every part open to be changed by a test before it is sent. docs/http-signatures.md"""

    def __init__(self, key, user, cluster_id, method, target, body=None, idempotency_key=None, created=None, nonce=None,
                 prefer=None, tag=None, if_match=None):
        self.method, self.target, self.headers = method, target, {}
        self.body = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.nonce = nonce or base64.b32encode(os.urandom(20)).decode()
        created = int(time.time()) if created is None else created
        path, _, query = target.partition("?")
        covered = [("@method", method), ("@path", path), ("@query", "?" + query)]
        if method != "GET":
            self.headers["Content-Digest"] = content_digest(self.body)
            covered.append(("content-digest", self.headers["Content-Digest"]))
            self.headers["Content-Type"] = "application/json"
        if idempotency_key:
            self.headers["Idempotency-Key"] = idempotency_key
            covered.append(("idempotency-key", idempotency_key))
        if if_match:
            self.headers["If-Match"] = if_match
            covered.append(("if-match", if_match))
        if prefer is not None:
            self.headers["Prefer"] = f"wait={prefer}"
        names = " ".join(f'"{name}"' for name, _ in covered)
        tag = tag or f"quorate-v1:{cluster_id}"
        parameters = f'({names});created={created};nonce="{self.nonce}";keyid="{user}";alg="ed25519";tag="{tag}"'
        base = "".join(f'"{name}": {value}\n' for name, value in covered) + f'"@signature-params": {parameters}'
        self.headers["Signature-Input"] = "sig1=" + parameters
        self.headers["Signature"] = "sig1=:" + base64.b64encode(key.sign(base.encode())).decode() + ":"


class Cluster:
    """init in a directory of its own; nodes are started and killed one by one."""

    def __init__(self, nodes=3, policy=None):
        require_binaries()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="quorate-test-"))
        self.home = self.directory / "home"
        self.home.mkdir()
        self.dir = self.directory / "cluster"
        self.names = [f"node{i}" for i in range(1, nodes + 1)]
        more = []
        if policy is not None:
            (self.directory / "first.json").write_text(json.dumps(policy))
            more = ["--policy", str(self.directory / "first.json")]
        self.processes = {}
        try:
            for attempt in range(5):
                self.base = free_base_port(nodes)
                done = self.quorate("init", "--nodes", str(nodes), "--base-port", str(self.base), "--json", *more, check=False)
                if done.returncode == 0:
                    break
                if "in use" not in done.stderr or attempt == 4:
                    raise AssertionError(f"init: {done.stderr}")
            self.id = json.loads(done.stdout)["cluster"]
            self.keys = {}
        except BaseException:
            self.close()
            raise

    # ---- processes

    def quorate(self, *words, check=True, timeout=120, text=True, **more):
        environment = dict(os.environ, HOME=str(self.home), QUORATE_DIR=str(self.dir))
        done = subprocess.run([QUORATE, *words], env=environment, capture_output=True, text=text,
                              timeout=timeout * SLOWNESS, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"quorate {' '.join(words)}: exit {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def quorate_json(self, *words, **more):
        return json.loads(self.quorate("--json", *words, **more).stdout)

    def start(self, *names):
        for name in names or self.names:
            assert name not in self.processes, name
            with open(self.dir / name / "log", "ab") as log:
                self.processes[name] = subprocess.Popen([QUORATED, "--config", self.dir / name / "config.toml"],
                                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, name, number=signal.SIGKILL, timeout=15):
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            return process.wait(timeout * SLOWNESS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} did not end by signal {number} within {timeout} s") from None

    def run_to_end(self, name, timeout=20):
        """Starts a node that is expected to refuse: (exit status, what it wrote)."""
        done = subprocess.run([QUORATED, "--config", self.dir / name / "config.toml"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout * SLOWNESS)
        return done.returncode, done.stdout

    def log(self, name):
        file = self.dir / name / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_ready(self, *names, all_peers=True, timeout=30):
        """Until these nodes are ready and, unless all_peers is false, connected with every one of them."""
        names = names or self.names

        def missing(name):
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                raise AssertionError(f"{name} has ended: {self.log(name)[-1500:]}")
            reply = self.get("/readyz", node=name, signed=False)
            if reply.status != 200:
                return f"{name}: {reply}"
            if all_peers:
                status = self.get("/v1/node", node=name)
                for peer in status.body["peers"]:
                    if peer["node"] in names and not peer["connected"]:
                        return f"{name} lacks {peer['node']}"
            return None

        for name in names:
            eventually(lambda: missing(name) is None, timeout, f"{name} is ready; log: {self.log(name)[-800:]}")

    def up(self):
        self.start()
        self.wait_ready()
        return self

    def close(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes = {}
        if os.environ.get("QUORATE_TEST_KEEP"):
            print(f"kept {self.directory}", flush=True)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- REST

    def user_key(self, user):
        if user not in self.keys:
            self.keys[user] = SigningKey.from_pem((self.dir / "users" / f"{user}.pem").read_text())
        return self.keys[user]

    def make_call(self, method, target, body=None, user="admin", key=None, **more):
        return Call(key or self.user_key(user), user, self.id, method, target, body, **more)

    def port(self, node):
        return self.base + int(node.removeprefix("node"))

    def send(self, call, node="node1", timeout=90, context=None):
        return self.raw(call.method, call.target, call.body, call.headers, node, timeout, context)

    def raw(self, method, target, body=b"", headers=None, node="node1", timeout=90, context=None):
        context = context or ssl.create_default_context(cafile=self.dir / "ca.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port(node), timeout=timeout * SLOWNESS, context=context)
        try:
            connection.request(method, target, body=body if method != "GET" else None, headers=headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, target, node="node1", signed=True, user="admin"):
        if not signed:
            return self.raw("GET", target, node=node, timeout=10)
        return self.send(self.make_call("GET", target, user=user), node)

    def post(self, target, body, node="node1", prefer=30, **more):
        return self.send(self.make_call("POST", target, body, prefer=prefer, **more), node)

    # ---- keys

    def create_key(self, name, algorithm=ED25519, threshold=2, participants=None, node="node1", **more):
        body = {"name": name, "algorithm": algorithm, "threshold": threshold, "participants": self.names if participants is None else participants}
        return self.post("/v1/keys", body, node=node, **more)

    def create(self, *arguments, **more):
        reply = self.create_key(*arguments, **more)
        if reply.status != 201:
            raise AssertionError(f"create_key: {reply}")
        return reply.body["result"]["key"]  # every participant that is up has it now

    def sign(self, key, text, node="node1", **more):
        return self.post(f"/v1/keys/{key}/signatures", {"payload": {"kind": "message", "utf8": text}}, node=node, **more)

    def sign_verified(self, key, text, node="node1", **more):
        """Signs, checks the signature with this file's own verifier, and returns the signers."""
        reply = self.sign(key["name"], text, node, **more)
        if reply.status != 201:
            raise AssertionError(f"sign with {key['name']} through {node}: {reply}")
        result = reply.body["result"]
        if not verifies(key, text.encode(), bytes.fromhex(result["signature"]["hex"])):
            raise AssertionError(f"not a signature of {key['name']}: {reply}")
        return result["signers"]


def verifies(key, message, signature):
    if key["algorithm"] == ED25519:
        return verify_ed25519(bytes.fromhex(key["public_key"]["hex"]), message, signature)
    if key["algorithm"] == ECDSA:
        return verify_ecdsa(bytes.fromhex(key["public_key"]["hex"]), hashlib.sha256(message).digest(), signature)
    return verify_bip340(bytes.fromhex(key["public_key"]["x_only"]), hashlib.sha256(message).digest(), signature)


class ClusterTest(unittest.TestCase):
    """Every test gets what it starts taken away again."""

    def setUp(self):
        require_binaries()

    def cluster(self, nodes=3, policy=None):
        c = Cluster(nodes, policy)
        self.addCleanup(c.close)
        self.addCleanup(self._tell, c)
        return c

    def _tell(self, cluster):
        # What the nodes had to say about a failure is gone with the directory.
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.failures + outcome.errors):
            for name in cluster.names:
                print(f"---- {name}\n{cluster.log(name)[-3000:]}", flush=True)
        for name in cluster.names:
            for line in cluster.log(name).splitlines():
                if "Sanitizer" in line or "runtime error" in line or "assertion failed" in line:
                    raise AssertionError(f"{name}: {line}")

    def assertProblem(self, reply, status, code=None):
        self.assertEqual(reply.status, status, reply)
        self.assertEqual(reply.headers.get("Content-Type", "").split(";")[0], "application/problem+json", reply)
        if code is not None:
            self.assertEqual(reply.body["code"], code, reply)
        for word in ("stack", "terminate", "0x7f", ".cpp"):
            self.assertNotIn(word, reply.raw.decode())
