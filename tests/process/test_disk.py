"""Files that are not what the node left there, and nodes that are not who they say."""
import shutil
import unittest

from cluster import Cluster, ClusterTest


class Disk(ClusterTest):
    def refused(self, c, name, *words):
        status, text = c.run_to_end(name)
        self.assertNotIn(status, (0, -6, -11), text)
        self.assertTrue(text.strip(), "it says why")
        for word in words:
            self.assertIn(word, text.lower())
        self.assertNotIn("terminate called", text)
        return text

    def made(self):
        """A cluster with a key, all stopped."""
        c = self.cluster().up()
        c.create("ed")
        for name in c.names:
            c.kill(name, 15)
        return c

    def test_wrong_database_key(self):
        c = self.made()
        before = (c.dir / "node2" / "quorate.db").read_bytes()
        (c.dir / "node2" / "database.key").write_bytes(bytes(32))
        self.refused(c, "node2", "key")
        self.assertEqual((c.dir / "node2" / "quorate.db").read_bytes(), before)

    def test_no_database_key(self):
        c = self.made()
        (c.dir / "node2" / "database.key").unlink()
        self.refused(c, "node2", "database.key")
        # Nor is a new database made in place of one whose key is lost.
        self.assertTrue((c.dir / "node2" / "quorate.db").exists())

    def test_no_database(self):
        c = self.made()
        for file in (c.dir / "node2").glob("quorate.db*"):
            file.rename(c.directory / file.name)
        self.refused(c, "node2", "quorate.db", "missing", "had-database")
        self.assertFalse((c.dir / "node2" / "quorate.db").exists())
        for file in c.directory.glob("quorate.db*"):
            file.rename(c.dir / "node2" / file.name)
        c.up()

    def test_a_key_that_others_can_read(self):
        c = self.made()
        (c.dir / "node2" / "database.key").chmod(0o644)
        self.refused(c, "node2", "database.key")

    def test_database_of_another_node(self):
        c = self.made()
        for file in ("quorate.db", "database.key"):
            shutil.copy2(c.dir / "node1" / file, c.dir / "node2" / file)
        self.refused(c, "node2", "node1")

    def test_database_of_another_cluster(self):
        c, other = self.made(), self.made()
        for file in ("quorate.db", "database.key"):
            shutil.copy2(other.dir / "node2" / file, c.dir / "node2" / file)
        self.refused(c, "node2", "cluster")

    def test_a_damaged_database(self):
        c = self.made()
        file = c.dir / "node2" / "quorate.db"
        content = bytearray(file.read_bytes())
        for i in range(0, len(content), 512):
            content[i] ^= 1
        file.write_bytes(content)
        self.refused(c, "node2")

    def test_a_database_in_use(self):
        c = self.cluster().up()
        text = self.refused(c, "node2")
        self.assertTrue("in use" in text or "open" in text or "lock" in text or "address" in text.lower(), text)
        key = c.create("ed")
        c.sign_verified(key, "the first one goes on")

    def test_identity_of_another_node(self):
        c = self.made()
        shutil.copy2(c.dir / "node1" / "identity.pem", c.dir / "node2" / "identity.pem")
        self.refused(c, "node2", "identity")

    def test_certificate_that_the_cluster_does_not_name(self):
        c = self.made()
        for file in ("tls.key.pem", "tls.cert.pem"):
            shutil.copy2(c.dir / "node1" / file, c.dir / "node2" / file)
        self.refused(c, "node2")

    def test_key_and_certificate_that_do_not_belong_together(self):
        c = self.made()
        shutil.copy2(c.dir / "node1" / "tls.cert.pem", c.dir / "node2" / "tls.cert.pem")
        self.refused(c, "node2")

    def test_documents_that_were_changed(self):
        c = self.made()
        cluster, policy = c.dir / "cluster.json", c.dir / "policy.json"
        good = cluster.read_text(), policy.read_text()
        cluster.write_text(good[0].replace(str(c.base + 102), str(c.base + 103), 1))
        self.refused(c, "node2")
        cluster.write_text(good[0])
        policy.write_text(good[1].replace('"default": "deny"', '"default": "allow"'))
        self.refused(c, "node2", "policy")
        for text in ("", "{", "[]"):
            policy.write_text(text)
            self.refused(c, "node2", "policy")
        policy.write_text(good[1])
        c.up()

    def test_settings_that_are_wrong(self):
        c = self.made()
        file = c.dir / "node2" / "config.toml"
        good = file.read_text()
        for old, new, word in (('node = "node2"', 'node = "node9"', "node9"), ('level = "info"', 'level = "loud"', "level"),
                               ('key_file = "database.key"', "", "database_key"), ("[metrics]", "[metrix]", "metri"),
                               ('node = "node2"', "node = ", "config.toml")):
            file.write_text(good.replace(old, new))
            self.refused(c, "node2", word)
        file.unlink()
        self.refused(c, "node2", "config.toml")

    def test_a_port_in_use(self):
        import socket
        c = self.cluster()
        for offset in (2, 102, 202):
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", c.base + offset))
                s.listen()
                self.refused(c, "node2", str(c.base + offset))

    def test_a_node_of_another_cluster_is_not_let_in(self):
        # security.md 49: another cluster's node2 in the place of ours.
        c = self.cluster()
        other = Cluster()
        self.addCleanup(other.close)
        shutil.rmtree(c.dir / "node2")
        shutil.copytree(other.dir / "node2", c.dir / "node2")
        for name in ("cluster.json", "policy.json"):
            shutil.copy2(other.dir / name, c.dir / "node2" / name)
        config = c.dir / "node2" / "config.toml"
        text = config.read_text().replace("../cluster.json", "cluster.json").replace("../policy.json", "policy.json")
        for offset in (2, 102, 202):
            text = text.replace(str(other.base + offset), str(c.base + offset))
        config.write_text(text)
        c.start()
        c.wait_ready("node1", "node3")
        for peer in c.get("/v1/node").body["peers"]:
            self.assertEqual(peer["connected"], peer["node"] == "node3", peer)
        reply = c.create_key("ed")
        self.assertIn(reply.status, (422, 504), reply)
        self.assertIn("node2", reply.body["detail"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
