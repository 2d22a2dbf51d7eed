"""A key that no node ever held whole owns an address on a real Ethereum virtual machine: Hardhat's node, from npm's registry, on loopback.

What two nodes sign is mined, and the chain itself says who sent it.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import unittest
import urllib.request

from cluster import BINARIES, ECDSA, SLOWNESS, ClusterTest, eventually, free_base_port

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "transactions" / "judges"))
import run as judges  # noqa: E402  tests/transactions/judges/run.py

CHAIN = 31337
ETHER = 10**18
OTHER = "0x3535353535353535353535353535353535353535"


class Chain:
    def __init__(self, directory, port):
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(directory / "node.log", "wb")  # noqa: SIM115  closed in close()
        command = ["node", "node_modules/hardhat/internal/cli/bootstrap.js", "node", "--hostname", "127.0.0.1", "--port", str(port)]
        self.process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def __call__(self, method, *parameters):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20 * SLOWNESS) as answer:
            reply = json.loads(answer.read())
        if "error" in reply:
            raise AssertionError(f"{method}: {reply['error']}")
        return reply["result"]

    def number(self, method, *parameters):
        return int(self(method, *parameters), 16)


def word(value):
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")


def text(value):
    raw = value.encode()
    return word(len(raw)) + raw.ljust(-(-len(raw) // 32) * 32, b"\0")


class Evm(ClusterTest):
    def setUp(self):
        super().setUp()
        self.chain = self.start_chain()
        self.c = self.cluster().up()

    def start_chain(self):
        if shutil.which("node") is None or shutil.which("npm") is None:
            self.skipTest("node and npm are not installed")
        directory = BINARIES / "evm"
        try:
            judges.install(directory, HERE / "evm")
        except SystemExit as e:
            if e.code != 77:
                raise AssertionError(e.code) from e
            self.skipTest("npm's registry cannot be reached")
        shutil.copy(HERE / "evm" / "hardhat.config.js", directory)
        self.contracts = directory / "node_modules" / "@openzeppelin" / "contracts" / "build" / "contracts"
        chain = Chain(directory, free_base_port() + 1)
        self.addCleanup(chain.close)

        def answers():
            if chain.process.poll() is not None:
                raise AssertionError(f"the chain has ended: {(directory / 'node.log').read_text()[-3000:]}")
            return chain.number("eth_chainId") == CHAIN

        eventually(answers, 60, "the chain answers", every=0.2)
        return chain

    def fund(self, address, amount):
        sender = self.chain("eth_accounts")[0]  # the chain's own, which it signs for
        self.chain("eth_sendTransaction", {"from": sender, "to": address, "value": hex(amount)})
        self.assertEqual(self.chain.number("eth_getBalance", address, "latest"), amount)

    def send(self, key, sender, path=None, node="node1", **fields):
        """Signs by two nodes, broadcasts, and lets the chain say what it has mined."""
        payload = {"kind": "eth_transaction", "fields": {
            "chain_id": CHAIN, "nonce": self.chain.number("eth_getTransactionCount", sender, "latest"), **fields}}
        reply = self.c.post(f"/v1/keys/{key}/signatures", {"payload": payload} | ({"path": path} if path else {}), node=node)
        self.assertEqual(reply.status, 201, reply)
        result = reply.body["result"]
        self.assertEqual(len(result["signers"]), 2)
        name = self.chain("eth_sendRawTransaction", result["signed_transaction"])
        self.assertEqual(name, result["transaction_hash"])
        mined = self.chain("eth_getTransactionByHash", name)
        self.assertEqual(mined["from"], sender)
        self.assertIsNotNone(mined["blockNumber"])
        receipt = self.chain("eth_getTransactionReceipt", name)
        self.assertEqual(receipt["status"], "0x1")
        return mined, receipt

    def fees(self):
        base = int(self.chain("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
        return {"max_fee_per_gas": 2 * base + 10**9, "max_priority_fee_per_gas": 10**9}

    def test_transfers_a_contract_and_its_tokens(self):
        self.c.create("treasury", ECDSA)
        view = self.c.get("/v1/keys/treasury/derive?path=m").body
        checksummed = view["addresses"]["ethereum"]
        address = checksummed.lower()
        self.fund(address, 10 * ETHER)

        mined, receipt = self.send("treasury", address, gas=21000, to=OTHER, value=str(ETHER), **self.fees())
        self.assertEqual(mined["type"], "0x2")
        self.assertEqual(self.chain.number("eth_getBalance", OTHER, "latest"), ETHER)
        spent = ETHER + int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        self.assertEqual(self.chain.number("eth_getBalance", address, "latest"), 10 * ETHER - spent)

        # A token contract whose whole supply is the key's.
        artifact = json.loads((self.contracts / "ERC20PresetFixedSupply.json").read_text(encoding="utf-8"))
        supply = 10**24
        name, symbol = text("Quorum"), text("QRM")
        arguments = word(0x80) + word(0x80 + len(name)) + word(supply) + word(address) + name + symbol
        mined, receipt = self.send("treasury", address, node="node2", gas=3_000_000,
                                   data=artifact["bytecode"] + arguments.hex(), **self.fees())
        self.assertIsNone(mined["to"])
        token = receipt["contractAddress"]
        self.assertEqual(self.balance(token, address), supply)

        # transfer(address,uint256)
        data = "0xa9059cbb" + word(OTHER).hex() + word(5 * ETHER).hex()
        payload_facts = self.c.post("/v1/transactions/inspect", {"key": "treasury", "payload": {
            "kind": "eth_transaction", "fields": {"chain_id": CHAIN, "nonce": 2, "gas": 100_000, "to": token, "data": data, **self.fees()}}})
        self.assertEqual(payload_facts.status, 200, payload_facts)
        moved = [m for m in payload_facts.body["facts"]["movements"] if m["kind"] == "transfer"]
        self.assertEqual([(m["asset"], m["to"], m["amount"]) for m in moved],
                         [(f"eip155:{CHAIN}/erc20:{token}", OTHER, str(5 * ETHER))])
        self.send("treasury", address, node="node3", gas=100_000, to=token, data=data, **self.fees())
        self.assertEqual(self.balance(token, OTHER), 5 * ETHER)
        self.assertEqual(self.balance(token, address), supply - 5 * ETHER)

    def test_the_older_types_and_a_child_key(self):
        self.c.create("treasury", ECDSA)
        child = self.c.get("/v1/keys/treasury/derive?path=m/0/7").body["addresses"]["ethereum"].lower()
        self.fund(child, ETHER)
        price = {"gas_price": self.chain.number("eth_gasPrice")}
        mined, _ = self.send("treasury", child, "m/0/7", gas=21000, to=OTHER, value="1", **price)
        self.assertEqual(mined["type"], "0x0")
        mined, _ = self.send("treasury", child, "m/0/7", gas=60000, to=OTHER, value="1", access_list=[
            {"address": OTHER, "storage_keys": ["0x" + "00" * 32]}], **price)
        self.assertEqual(mined["type"], "0x1")
        self.assertEqual(self.chain.number("eth_getBalance", OTHER, "latest"), 2)
        # For another chain: signed, and refused by this one.
        with self.assertRaisesRegex(AssertionError, "eth_sendRawTransaction"):
            self.send("treasury", child, "m/0/7", gas=21000, to=OTHER, value="1", **(price | {"chain_id": 1}))

    def balance(self, token, owner):
        return self.chain.number("eth_call", {"to": token, "data": "0x70a08231" + word(owner).hex()}, "latest")  # balanceOf


if __name__ == "__main__":
    unittest.main()
