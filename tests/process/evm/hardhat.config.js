// The compiler is named because it must be; nothing is compiled here.
module.exports = { solidity: "0.8.28", networks: { hardhat: { chainId: 31337 } } };
