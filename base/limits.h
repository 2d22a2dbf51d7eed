// Every bound in one place, with its unit. Whatever comes from outside is compared with one of these before it costs
// anything.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace quorate::limits {

using namespace std::chrono_literals;

// Committees
inline constexpr std::size_t kMaxParties = 32;  // members of one key; a PartyId is 1..32
inline constexpr std::size_t kMaxNodes = 64;    // nodes of one cluster
inline constexpr std::size_t kMinThreshold = 2;

// Names, bytes
inline constexpr std::size_t kMaxName = 63;                 // key, node, user, group, rule ids
inline constexpr std::size_t kMaxTag = 48;                  // bytes of a message tag
inline constexpr std::size_t kMaxSignedBytes = 128 * 1024;  // bytes of one message to be signed
inline constexpr std::size_t kMaxDigests = 8;    // signed together in one ECDSA session: each costs 40 KB per peer
inline constexpr std::size_t kMaxAddress = 255;  // host:port

// Peers
inline constexpr std::size_t kMaxFrame = 512 * 1024;           // bytes of one frame between nodes, header included
inline constexpr std::size_t kMaxPeerQueue = 8 * 1024 * 1024;  // bytes waiting to be written to one peer
inline constexpr std::size_t kMaxInboxPerPeer = 1024;  // envelopes of one peer that wait for a worker, and for the desk
inline constexpr std::size_t kMaxInboxBytesPerPeer = 8 * 1024 * 1024;  // the same in bytes
inline constexpr std::size_t kUselessAtOnce = 128;  // envelopes of one peer that lead to nothing, and …
inline constexpr auto kUselessEach = 500us;         // … one more in each: then it is not read for a while …
inline constexpr auto kReadRest = 2ms;              // … looking again so often
inline constexpr auto kHandshakeTimeout = 5s;
inline constexpr auto kHeartbeatEvery = 2s;
inline constexpr auto kPeerSilentAfter = 8s;    // no byte for so long: the connection is dropped
inline constexpr auto kReconnectFirst = 100ms;  // backoff doubles up to …
inline constexpr auto kReconnectMost = 5s;      // … this, with jitter
inline constexpr std::size_t kMaxPeerConnections = 2 * kMaxNodes + 64;  // accepted and not yet authenticated included

// Sessions
inline constexpr std::size_t kMaxSessions = 4096;         // running on one node
inline constexpr std::size_t kMaxSessionsPerPeer = 1024;  // proposed by one peer
inline constexpr auto kProposalTimeout = 3s;
inline constexpr auto kSignRoundTimeout = 5s;
inline constexpr auto kKeygenRoundTimeout = 15s;
inline constexpr std::size_t kMaxAttempts = 8;  // of one request, by one coordinator
inline constexpr auto kActivationWait = 2s;     // of a new key's coordinator, for the other members to have it, too
inline constexpr std::size_t kMaxSeenSignatures = 4096;  // valid ones that are remembered; and as many before them
inline constexpr std::size_t kMaxKnownKeys = 256;        // certificates that are kept decoded
inline constexpr std::size_t kMaxExaminedBefore = 128;   // requests whose examination is kept; and as many before them
inline constexpr std::size_t kMaxExaminedBody = 4096;    // bytes of the body of one
inline constexpr std::uint32_t kMaxStrikes =
    8;  // restarts amid a pair's signings, of one certificate: then it is quarantined
inline constexpr std::size_t kMaxQuarantineList = 256;  // quarantines in one message

// HTTP
inline constexpr std::size_t kMaxBody = 256 * 1024;
inline constexpr std::size_t kMaxHeaders = 8 * 1024;
inline constexpr std::size_t kMaxJsonDepth = 16;
inline constexpr std::size_t kMaxJsonNodes = 100'000;
inline constexpr std::size_t kMinHttpThreads = 4, kMaxHttpThreads = 512;
inline constexpr std::size_t kHandshakesAtOnce = 64;        // of one address, that no request follows, and …
inline constexpr auto kHandshakeEach = 250ms;               // … one more in each
inline constexpr std::size_t kCommonHandshakesAtOnce = 64;  // the same of all that have used up their own
inline constexpr auto kCommonHandshakeEach = 16ms;
inline constexpr std::size_t kMaxHandshakeSources = 4096;  // addresses told apart; what more there are share the common
inline constexpr std::size_t kMaxHttpQueue = 1024;         // requests that wait for a thread
inline constexpr std::size_t kMaxCallsPerUser = 256;  // of one user at once: for a thread, on one, or for their result
inline constexpr std::size_t kMaxWaitingCalls = 384;  // of all users, for their result; one: as many as are free
inline constexpr auto kHttpCallTotal = 90s;           // for the node's answer, should it never come
inline constexpr auto kHttpRequestTotal = 20s;        // from the first byte to the last of a request
inline constexpr auto kClockBehind = 60s;             // `created` may lie so far in the past …
inline constexpr auto kClockAhead = 10s;              // … or in the future
inline constexpr auto kNonceMemory = 150s;
inline constexpr std::size_t kMaxNoncesPerUser = 300'000;  // 2,000 calls a second
inline constexpr std::size_t kMinNonce = 16, kMaxNonce = 64;
inline constexpr std::size_t kMaxIdempotencyKey = 255;
inline constexpr auto kPreferWaitDefault = 10s, kPreferWaitMost = 60s;
inline constexpr std::size_t kMaxListPage = 200;
inline constexpr std::size_t kMaxTarget = 2048;  // bytes of a request-target: path and query
inline constexpr std::size_t kMaxSignatureField =
    2048;  // bytes of one Signature-Input, Signature or Content-Digest value
inline constexpr std::size_t kMaxNoncesInAll = 1'000'000;  // of all users; one may have as many as are still free
inline constexpr std::size_t kMaxHttpConnections =
    1024;  // open on one listener; the next one ends the one that idles longest
inline constexpr std::size_t kMaxHttpPerSource = 384;    // of them from one IPv4 address or IPv6 /64 …
inline constexpr std::size_t kMaxHttpPerLoopback = 512;  // … and from the machine itself, a proxy perhaps
inline constexpr std::size_t kMaxUncheckedBody =
    16 * 1024;                                    // bytes of a body that is read before its signature is checked
inline constexpr std::size_t kMaxFiles = 16'384;  // descriptors that the process asks for
inline constexpr std::size_t kReservedFiles =
    kMaxPeerConnections + 128;                              // of them, not for HTTP: mesh, database, logs, metrics
inline constexpr std::size_t kMaxReply = 16 * 1024 * 1024;  // bytes of an answer that a client reads

// Requests
inline constexpr auto kRequestLife = 60s;                       // without approvals
inline constexpr auto kRequestMemory = std::chrono::hours(24);  // past expires_at
inline constexpr auto kIdempotencyMemory = std::chrono::hours(24 * 7);
inline constexpr std::size_t kMaxOpenRequests = 10'000;
inline constexpr std::size_t kMaxKeys = 100'000;
inline constexpr std::size_t kMaxMemo = 1024;  // bytes

// Policy
inline constexpr std::size_t kMaxPolicyBytes = 1024 * 1024;
inline constexpr std::size_t kMaxUsers = 10'000, kMaxRules = 1'000, kMaxListEntries = 100'000;
inline constexpr std::size_t kMaxGroupsPerUser = 64;
inline constexpr std::size_t kMaxConditionEntries = 1'000;  // of one list in an `if`
inline constexpr std::int64_t kMaxDelayHours = 24 * 365;
inline constexpr std::size_t kMaxRecoveryBytes = 64 * 1024;         // of a recovery of the admins, with its signatures
inline constexpr std::size_t kMaxRecoveredAdmins = 64;              // that one names
inline constexpr auto kRecoveryDelay = std::chrono::hours(72);      // from when a node has it on its disk
inline constexpr auto kRecoveryLife = std::chrono::hours(14 * 24);  // from when it was made
inline constexpr std::size_t kMaxRecoveries = 16;                   // that a node keeps, of one state
inline constexpr std::size_t kMaxVetoBody = 1024;                   // bytes
inline constexpr auto kRecoveryToldEvery = 3600s;                   // in the log, as long as one is under way
inline constexpr std::size_t kMaxClusterBytes = 1024 * 1024;

// Storage
inline constexpr std::size_t kMaxRecord = 4 * 1024 * 1024;  // bytes of one stored record
inline constexpr std::size_t kMaxWriteQueue = 4096;         // transactions that wait for the writer
inline constexpr std::size_t kMaxGroupCommit = 256;         // transactions in one fsync
inline constexpr std::size_t kManyWrites = 3;       // after so many in one transaction the writer waits for more …
inline constexpr auto kGatherEach = 500us;          // … for each of them …
inline constexpr auto kGatherMost = 8ms;            // … at most so long
inline constexpr std::size_t kMaxStoredName = 512;  // bytes of any id, name or kind that a row is found by
inline constexpr std::size_t kMaxCachedRows = 512;  // twice so many requests are kept in memory …
inline constexpr std::size_t kMaxCachedRow = 16 * 1024;                     // … unless their records have more bytes
inline constexpr std::size_t kMaxCachedMetas = 4096, kMaxCachedMeta = 512;  // the same of metas
inline constexpr std::size_t kMaxForgotten = 1000;     // rows of each table that one forget_before deletes
inline constexpr std::int64_t kMaxWindowHours = 720;   // of a policy's window; older entries of the ledger are pruned
inline constexpr std::size_t kMaxLedgerParts = 8192;   // sums that one request adds to
inline constexpr std::size_t kMaxLedgerLimits = 8192;  // limits that one reservation must keep
inline constexpr auto kKeyCommandTimeout = 10s;        // of the program that prints the database key

// Operation
inline constexpr auto kDrainMost = 5s;       // after SIGTERM, for what runs to be finished …
inline constexpr auto kDrainLeast = 300ms;   // … and for what has just come to begin
inline constexpr auto kDiskCheckEvery = 2s;  // once a write has failed
inline constexpr std::size_t kDiskProbe =
    4 * 1024 * 1024;                     // bytes that the disk has to take then: some seconds of a busy log
inline constexpr auto kClockJump = 2s;   // by which the machine's clock was set: told …
inline constexpr auto kClockTold = 60s;  // … for so long

// Transactions
inline constexpr std::uint64_t kMaxEthChainId = 0x7fffffffffffffdb;  // EIP-2294: ⌊(2^64 − 1) / 2⌋ − 36
inline constexpr std::size_t kMaxMovements = 1024;                   // of one batch call
inline constexpr unsigned kMaxInnerCalls = 4;                        // Safe in Safe
inline constexpr std::size_t kMaxTypedDataTypes = 64;                // of one EIP-712 document
inline constexpr std::size_t kMaxTypedDataFields = 256;              // of one struct
inline constexpr std::size_t kMaxTypeName = 128;                     // bytes
inline constexpr std::size_t kMaxArrayDimensions = 8;
inline constexpr std::size_t kMaxPathDepth = 255;  // BIP-32
inline constexpr std::size_t kMaxPsbtBytes = 192 * 1024;
inline constexpr std::size_t kMaxPsbtInputs = 1024, kMaxPsbtOutputs = 1024;
inline constexpr std::size_t kMaxPsbtDerivations = 2048;         // steps of BIP-32 for one PSBT: about 60 µs each
inline constexpr std::size_t kMaxSolanaMessage = 1232 - 1 - 64;  // bytes: a packet, less one signature

// Memory of a process, bytes: freed and kept for the next request; from here on an allocation is a mapping of its own.
inline constexpr int kFreedKept = 16 << 20;
inline constexpr int kOwnMapping = 1 << 20;

}  // namespace quorate::limits
