"""The way of the first five minutes, by the commands alone."""
import json
import os
import signal
import stat
import subprocess
import time
import unittest

from cluster import ECDSA, ED25519, BIP340, QUORATE, SLOWNESS, ClusterTest, eventually, free_base_port, verifies


class Quickstart(ClusterTest):
    def run_up(self, c, *words):
        environment = dict(os.environ, HOME=str(c.home), QUORATE_DIR=str(c.dir))
        up = subprocess.Popen([QUORATE, "up", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, up)
        return up

    def end(self, process):
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()

    def await_text(self, process, stream, wanted, timeout=60):
        """What the process has written since the last call, once all of `wanted` is in it."""
        os.set_blocking(stream.fileno(), False)
        text = b""

        def there():
            nonlocal text
            ended = process.poll() is not None
            try:
                text += os.read(stream.fileno(), 65536)
            except BlockingIOError:
                pass
            if all(w.encode() in text for w in wanted) and text.endswith(b"\n"):
                return True
            if ended:
                raise AssertionError(f"up ended with {process.returncode}: {text} {process.stderr.read()}")
            return False
        eventually(there, timeout, f"up says {wanted}")
        return text.decode()

    def await_ready(self, up):
        return self.await_text(up, up.stdout, ["ready"])

    def node_pids(self, c):
        """Of this cluster's nodes, by the config that they were started with."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    words = f.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            for name in c.names:
                if str(c.dir / name / "config.toml") in words and words[0].endswith("quorated"):
                    found[name] = int(entry)
        return found

    def shown(self, c, node, *words):
        """What a node shows of something that another one has just made; None while it does not know it yet."""
        done = c.quorate("--json", "--node", node, *words, check=False)
        answer = json.loads(done.stdout)
        if done.returncode == 0:
            return answer if answer.get("state") not in ("queued", "running") else None
        self.assertEqual(answer["error"]["status"], 404, answer)
        return None

    def test_init_up_create_sign_verify(self):
        c = self.cluster()
        up = self.run_up(c)
        text = self.await_ready(up)
        for i in range(1, 4):
            self.assertIn(f"https://127.0.0.1:{c.base + i}", text)

        status = c.quorate("node", "status")
        self.assertEqual(status.stdout.count("2 of 2 peers connected"), 3, status.stdout)

        for name, algorithm in (("ed", ED25519), ("eth", ECDSA), ("taproot", BIP340)):
            made = c.quorate_json("key", "create", "--name", name, "--algorithm", algorithm, "--threshold", "2")
            self.assertEqual(made["state"], "succeeded")
            self.assertEqual(made["kind"], "create_key")
            key = c.quorate_json("key", "show", name)
            self.assertEqual(key["public_key"], made["result"]["key"]["public_key"])
            self.assertEqual((key["threshold"], sorted(key["participants"]), key["state"], key["epoch"]),
                             (2, c.names, "active", 1))
            for node in c.names:
                shown = eventually(lambda: self.shown(c, node, "key", "show", name), 10, f"{node} knows the key")
                self.assertEqual(shown["public_key"], key["public_key"])

            message = f"message for {name}"
            signed = c.quorate_json("sign", "--key", name, "--message", message)
            result = signed["result"]
            self.assertEqual(len(result["signers"]), 2)
            signature = result["signature"]["hex"]
            self.assertTrue(verifies(key, message.encode(), bytes.fromhex(signature)))
            self.assertFalse(verifies(key, message.encode() + b"!", bytes.fromhex(signature)))
            if algorithm == ECDSA:
                parts = result["signature"]
                self.assertEqual(parts["r"] + parts["s"], signature)
                self.assertIn(parts["recovery_id"], range(4))
                self.assertTrue(parts["der"].startswith("30"))
            public = key["public_key"]["hex"]
            words = ["verify", "--algorithm", algorithm, "--public-key", public, "--signature", signature]
            self.assertEqual(c.quorate(*words, "--message", message).stdout, "valid\n")
            self.assertEqual(c.quorate(*words, "--message", message + "!", check=False).returncode, 1)

            shown = eventually(lambda: self.shown(c, "node3", "request", "show", signed["id"]), 10, "node3 knows the request")
            self.assertEqual((shown["state"], shown["requested_by"]), ("succeeded", "admin"))
            listed = c.quorate_json("request", "list", "--kind", "sign")
            self.assertIn(signed["id"], [item["id"] for item in listed["items"]])
        self.assertEqual([k["name"] for k in c.quorate_json("key", "list")["items"]], ["ed", "eth", "taproot"])

        # Ctrl-C: all stop, nothing is left, and it was no failure.
        pids = self.node_pids(c)
        self.assertEqual(sorted(pids), c.names)
        up.send_signal(signal.SIGINT)
        self.assertEqual(up.wait(30 * SLOWNESS), 0)
        self.assertEqual(self.node_pids(c), {})
        for name in c.names:
            self.assertIn("node", c.log(name))

        # And all is there again after a new start.
        up = self.run_up(c, "--json")
        self.assertTrue(json.loads(self.await_ready(up))["ready"])
        key = c.quorate_json("key", "show", "ed")
        signed = c.quorate_json("sign", "--key", "ed", "--message", "again")
        self.assertTrue(verifies(key, b"again", bytes.fromhex(signed["result"]["signature"]["hex"])))

    def test_openssl_verifies_what_was_signed(self):
        c = self.cluster().up()
        c.create("ed")
        c.create("k1", BIP340)
        pem, message, signature = (c.directory / n for n in ("key.pem", "message", "signature"))
        pem.write_text(c.quorate("key", "show", "ed", "--pem").stdout)
        message.write_bytes(bytes(range(256)) * 8)
        c.quorate("sign", "--key", "ed", "--message", f"@{message}", "--out", str(signature))
        self.assertEqual(signature.stat().st_size, 64)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", message, "-sigfile", signature]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        message.write_bytes(b"another")
        self.assertNotEqual(subprocess.run(command, capture_output=True, timeout=60).returncode, 0)
        # ECDSA, too, in the form that OpenSSL knows.
        c.create("eth", ECDSA)
        pem.write_text(c.quorate("key", "show", "eth", "--pem").stdout)
        message.write_bytes(b"pay the plumber")
        signed = c.quorate_json("sign", "--key", "eth", "--message", f"@{message}")
        signature.write_bytes(bytes.fromhex(signed["result"]["signature"]["der"]))
        command = ["openssl", "dgst", "-sha256", "-verify", pem, "-signature", signature, message]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # OpenSSL reads the secp256k1 key of another scheme as well.
        pem.write_text(c.quorate("key", "show", "k1", "--pem").stdout)
        done = subprocess.run(["openssl", "pkey", "-pubin", "-in", pem, "-noout", "-text"], capture_output=True, text=True,
                              timeout=60)
        self.assertIn("secp256k1", done.stdout, done.stderr)

    def test_up_tells_which_node_died_and_brings_it_back_alone(self):
        c = self.cluster()
        up = self.run_up(c)
        self.await_ready(up)
        key = c.create("ed")
        pids = self.node_pids(c)
        os.kill(pids["node2"], signal.SIGKILL)
        self.await_text(up, up.stderr, ["node2 ended (signal 9", "--node node2"], 10)
        time.sleep(1)
        self.assertNotIn("node2", self.node_pids(c))  # it is not started again by itself
        self.assertNotIn("node2", c.sign_verified(key, "without node2"))

        alone = self.run_up(c, "--node", "node2")
        self.await_ready(alone)
        os.kill(pids["node3"], signal.SIGKILL)
        eventually(lambda: "node3" not in self.node_pids(c), 10, "node3 is gone")
        self.assertEqual(sorted(c.sign_verified(key, "with node2 again")), ["node1", "node2"])
        alone.send_signal(signal.SIGTERM)
        self.assertEqual(alone.wait(30 * SLOWNESS), 0)
        up.send_signal(signal.SIGTERM)
        self.assertEqual(up.wait(30 * SLOWNESS), 0)
        self.assertEqual(self.node_pids(c), {})

    def test_up_ends_when_a_node_cannot_start(self):
        c = self.cluster()
        (c.dir / "node2" / "database.key").write_bytes(b"too short")
        up = self.run_up(c)
        self.assertEqual(up.wait(60 * SLOWNESS), 1)
        self.assertIn("node2 ended", up.stderr.read().decode())
        self.assertEqual(self.node_pids(c), {})

    def test_up_a_second_time_names_the_busy_address(self):
        c = self.cluster()
        self.await_ready(self.run_up(c))
        again = self.run_up(c)
        self.assertEqual(again.wait(30 * SLOWNESS), 1)
        self.assertIn(f"127.0.0.1:{c.base + 1}", again.stderr.read().decode())
        self.assertEqual(sorted(self.node_pids(c)), c.names)

    def test_nodes_go_with_their_supervisor(self):
        c = self.cluster()
        up = self.run_up(c)
        self.await_ready(up)
        up.kill()
        up.wait()
        eventually(lambda: self.node_pids(c) == {}, 20, "no node outlives up")

    def test_files_of_a_running_node_belong_to_its_owner(self):
        c = self.cluster().up()
        c.create("ed")
        for file in c.dir.rglob("*"):
            mode = stat.S_IMODE(file.stat().st_mode)
            if file.name != "log":  # made by this test's own harness
                self.assertEqual(mode, 0o700 if file.is_dir() else 0o600, file)

    def test_demo(self):
        c = self.cluster()
        keep = c.directory / "demo"
        done = c.quorate("demo", "--json", "--dir", str(keep), "--base-port", str(free_base_port()), timeout=300)
        report = json.loads(done.stdout)
        self.assertTrue(report["ok"])
        self.assertEqual(report["dir"], str(keep))
        print("demo:", json.dumps(report["timings"]), flush=True)
        self.assertEqual(sorted(report["timings"]["sign_ms"]), [ECDSA, ED25519, BIP340])
        # A step that fails is told by name, with exit code 1: here the directory is used.
        again = c.quorate("demo", "--dir", str(keep), check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn(str(keep), again.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
