#include "cli/payload_options.h"

#include <algorithm>
#include <istream>

#include "base/limits.h"
#include "cli/files.h"
#include "cli/outcome.h"
#include "transactions/solana_message.h"

namespace quorate::cli {
namespace {

constexpr std::size_t kMostInput = limits::kMaxBody;  // bytes; no request holds more

Bytes checked(Bytes message) {
  if (message.size() > limits::kMaxSignedBytes)
    throw usage("the message is longer than " + std::to_string(limits::kMaxSignedBytes) + " bytes");
  return message;
}

std::string read_stream(std::istream& in, std::size_t most) {
  std::string content(most + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(in.gcount()));
  if (content.size() > most) throw usage("standard input has more than " + std::to_string(most) + " bytes");
  return content;
}

// A file, named as it is or after @, or standard input.
std::string content_of(const std::string& word, std::istream& in) {
  if (word == "-") return read_stream(in, kMostInput);
  return read_text_file(word.starts_with('@') ? word.substr(1) : word, kMostInput);
}

std::string without_space(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20; }), text.end());
  return text;
}

Json json_of(const std::string& text, const char* option) {
  try {
    return parse_json(text);
  } catch (const JsonError& e) {
    throw usage(std::string(option) + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
}

Json eth_tx_payload(const std::string& word, std::istream& in) {
  if (word.starts_with("0x")) return {{"kind", "eth_transaction"}, {"raw", word}};
  const std::string text = content_of(word, in);
  const std::string raw = without_space(text);
  if (raw.starts_with("0x")) return {{"kind", "eth_transaction"}, {"raw", raw}};
  if (!raw.starts_with('{')) throw usage("--eth-tx: the file holds neither 0x and hex digits nor a JSON object");
  return {{"kind", "eth_transaction"}, {"fields", json_of(text, "--eth-tx")}};
}

bool is_psbt(ByteView bytes) { return text_of(bytes).starts_with("psbt\xff"); }

bool is_solana_message(ByteView bytes) {
  try {
    transactions::SolanaMessage::parse(bytes);
    return true;
  } catch (const Malformed&) {
    return false;
  }
}

// A word that is base64 of what `is_one` knows, or a file of such a text or of the bytes themselves. Many a file's name
// is base64 of something: without looking closer it would be signed in the file's place.
std::string base64_of(const std::string& word, bool (*is_one)(ByteView), std::istream& in, const char* option) {
  const auto is_base64_of_one = [&](const std::string& text) {
    const auto bytes = from_base64(text);
    return bytes && is_one(*bytes);
  };
  if (is_base64_of_one(word)) return word;
  const std::string content = content_of(word, in);
  const std::string text = without_space(content);
  if (is_base64_of_one(text)) return text;
  if (!is_one(view_of(content))) throw usage(std::string(option) + ": the file is of another kind");
  return to_base64(view_of(content));
}

}  // namespace

Bytes hex_of(const std::string& text, const char* what) {
  auto bytes = from_hex(text);
  if (!bytes) throw usage(std::string(what) + " is not hex");
  return std::move(*bytes);
}

Bytes read_message(const MessageOptions& options, std::istream& in) {
  if (options.hex) return checked(hex_of(*options.hex, "--message-hex"));
  if (options.base64) {
    auto bytes = from_base64(*options.base64);
    if (!bytes) throw usage("--message-base64 is not base64 (RFC 4648, padded)");
    return checked(std::move(*bytes));
  }
  if (!options.message) throw usage("one of --message, --message-hex, --message-base64 is needed");
  const std::string& text = *options.message;
  if (text == "-") return bytes_of(read_stream(in, limits::kMaxSignedBytes));
  if (text.starts_with('@')) return bytes_of(read_text_file(text.substr(1), limits::kMaxSignedBytes));
  return checked(bytes_of(text));
}

Json payload_of(const PayloadOptions& options, std::istream& in) {
  const bool is_message = options.message.message || options.message.hex || options.message.base64;
  if (options.hash && !is_message) throw usage("--hash goes with a message");
  if (options.network && !options.psbt) throw usage("--network goes with --psbt");
  if (options.digest) return {{"kind", "digest"}, {"hex", to_hex(hex_of(*options.digest, "--digest"))}};
  if (options.eth_tx) return eth_tx_payload(*options.eth_tx, in);
  if (options.eth_message) {
    const Bytes message = read_message({options.eth_message, {}, {}}, in);
    return {{"kind", "eth_message"}, {"base64", to_base64(message)}};
  }
  if (options.typed_data) {
    const std::string& word = *options.typed_data;
    const std::string text = word.starts_with('{') ? word : content_of(word, in);
    return {{"kind", "eth_typed_data"}, {"typed_data", json_of(text, "--typed-data")}};
  }
  if (options.psbt) {
    Json payload{{"kind", "btc_psbt"}, {"base64", base64_of(*options.psbt, is_psbt, in, "--psbt")}};
    if (options.network) payload["network"] = *options.network;
    return payload;
  }
  if (options.solana)
    return {{"kind", "solana_transaction"}, {"base64", base64_of(*options.solana, is_solana_message, in, "--solana")}};
  const Bytes message = read_message(options.message, in);
  Json payload{{"kind", "message"}, {"base64", to_base64(message)}};
  if (options.hash) payload["hash"] = *options.hash;
  return payload;
}

}  // namespace quorate::cli
