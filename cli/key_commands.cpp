#include "cli/key_commands.h"

namespace quorate::cli {
namespace {

constexpr int kCreateWait = 60;  // seconds

std::string joined(const Json& texts) {
  std::string out;
  if (texts.is_array())
    for (const auto& t : texts) out += (out.empty() ? "" : ", ") + (t.is_string() ? t.get<std::string>() : t.dump());
  return out;
}

std::string number_at(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_number_integer() ? std::to_string(member->get<std::int64_t>()) : "?";
}

Json object_at(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_object() ? *member : Json::object();
}

std::string text_of_key(const Json& key) {
  const Json participants = key.value("participants", Json::array());
  std::string text = "key        " + text_at(key, "name") + "\n";
  text += "id         " + text_at(key, "id") + "\n";
  text += "algorithm  " + text_at(key, "algorithm") + "\n";
  text += "threshold  " + number_at(key, "threshold") + " of " + joined(participants) + "\n";
  text += "state      " + text_at(key, "state") + "\n";
  text += "epoch      " + number_at(key, "epoch") + "\n";
  const Json public_key = object_at(key, "public_key");
  text += "public key " + text_at(public_key, "hex") + "\n";
  if (const auto x = text_at(public_key, "x_only"); !x.empty()) text += "x only     " + x + "\n";
  const Json addresses = object_at(key, "addresses");
  for (const auto& [chain, address] : addresses.items())
    if (address.is_string()) text += chain + "  " + address.get<std::string>() + "\n";
  if (const auto path = text_at(key, "path"); !path.empty()) text += "path       " + path + "\n";
  if (const auto xpub = text_at(key, "xpub"); !xpub.empty()) text += "xpub       " + xpub + "\n";
  const Json descriptors = object_at(key, "descriptors");
  for (const auto& [script, descriptor] : descriptors.items())
    if (descriptor.is_string()) text += descriptor.get<std::string>() + "\n";
  return text;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

// The list as the node gave it; with more than one page `next` tells so.
Exit show_list(const Json& page, const std::vector<std::pair<const char*, std::size_t>>& columns, Console& console) {
  std::string text;
  const auto items = page.find("items");
  if (items == page.end() || !items->is_array()) throw failed("answer", "the node's answer is not a list");
  for (const auto& item : *items) {
    std::string line;
    for (const auto& [name, width] : columns) line += padded(text_at(item, name), width);
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  if (!text_at(page, "next").empty()) text += "… and more\n";
  console.result(page, text);
  return Exit::ok;
}

// A request that ends with a key.
Exit ask_for_key(const std::string& what, const std::string& target, const Json& body, ClusterClient& client,
                 Console& console) {
  http::ClientReply reply;
  {
    const Progress progress(console, what);
    reply = client.post(target, body, kCreateWait);
  }
  const Json& request = expect_success(reply);
  const Exit exit = exit_of_state(text_at(request, "state"));
  const Json result = object_at(request, "result");
  const bool there = exit == Exit::ok && result.contains("key");
  console.result(request, there ? text_of_key(result["key"]) : text_of_request(request));
  return exit;
}

Json shown_key(const std::string& key, ClusterClient& client) {
  const auto reply = client.get("/v1/keys/" + percent_encoded(key));
  return expect_success(reply);
}

}  // namespace

std::string percent_encoded(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string text_of_request(const Json& request) {
  std::string text = text_at(request, "id") + " is " + text_at(request, "state");
  const std::string reason = text_at(object_at(request, "reason"), "detail");
  if (!reason.empty()) text += ": " + reason;
  for (const auto& need : request.value("needs", Json::array()))
    text += "; needs " + number_at(need, "min") + " of " + text_at(need, "group") + ", has " + number_at(need, "have");
  return text;
}

Exit key_create(const KeyCreateOptions& options, ClusterClient& client, Console& console) {
  std::vector<std::string> participants = options.participants;
  if (participants.empty())
    for (const auto& card : client.cluster().nodes()) participants.push_back(card.id);
  const int threshold = options.threshold.value_or(static_cast<int>(participants.size() / 2 + 1));
  const Json body{{"name", options.name},
                  {"algorithm", options.algorithm},
                  {"threshold", threshold},
                  {"participants", participants}};
  return ask_for_key("creating key " + options.name + " (" + std::to_string(threshold) + " of " +
                         std::to_string(participants.size()) + ")",
                     "/v1/keys", body, client, console);
}

Exit key_refresh(const std::string& key, ClusterClient& client, Console& console) {
  const Json now = shown_key(key, client);
  const Json body{{"certificate", text_at(now, "certificate")}};
  return ask_for_key("refreshing key " + text_at(now, "name"), "/v1/keys/" + text_at(now, "id") + "/refresh", body,
                     client, console);
}

Exit key_reshare(const KeyReshareOptions& options, ClusterClient& client, Console& console) {
  const Json now = shown_key(options.key, client);
  const int threshold = options.threshold.value_or(now.value("threshold", 0));
  const Json body{
      {"certificate", text_at(now, "certificate")}, {"threshold", threshold}, {"participants", options.participants}};
  return ask_for_key("resharing key " + text_at(now, "name") + " (" + std::to_string(threshold) + " of " +
                         std::to_string(options.participants.size()) + ")",
                     "/v1/keys/" + text_at(now, "id") + "/reshare", body, client, console);
}

Exit key_archive(const std::string& key, bool archived, ClusterClient& client, Console& console) {
  const std::string what = archived ? "archive" : "unarchive";
  return ask_for_key((archived ? "archiving key " : "unarchiving key ") + key,
                     "/v1/keys/" + percent_encoded(key) + "/" + what, Json::object(), client, console);
}

Exit key_list(ClusterClient& client, Console& console) {
  const auto reply = client.get("/v1/keys?limit=200");
  return show_list(expect_success(reply), {{"name", 20}, {"algorithm", 17}, {"state", 9}, {"id", 0}}, console);
}

Exit key_show(const std::string& key, bool pem, ClusterClient& client, Console& console) {
  const auto reply = client.get("/v1/keys/" + percent_encoded(key));
  const Json& record = expect_success(reply);
  if (pem) {
    const std::string text = text_at(object_at(record, "public_key"), "pem");
    if (text.empty()) throw failed("no_pem", "there is no PEM form of a " + text_at(record, "algorithm") + " key");
    console.result({{"pem", text}}, text);
  } else {
    console.result(record, text_of_key(record));
  }
  return Exit::ok;
}

Exit key_derive(const KeyDeriveOptions& options, ClusterClient& client, Console& console) {
  std::string target = "/v1/keys/" + percent_encoded(options.key) + "/derive?path=" + percent_encoded(options.path);
  if (options.network) target += "&network=" + percent_encoded(*options.network);
  const auto reply = client.get(target);
  const Json& child = expect_success(reply);
  console.result(child, text_of_key(child));
  return Exit::ok;
}

Exit request_list(const RequestListOptions& options, ClusterClient& client, Console& console) {
  std::string target = "/v1/requests?limit=" + std::to_string(options.limit);
  if (options.state) target += "&state=" + percent_encoded(*options.state);
  if (options.kind) target += "&kind=" + percent_encoded(*options.kind);
  if (options.key) target += "&key=" + percent_encoded(*options.key);
  const auto reply = client.get(target);
  return show_list(expect_success(reply),
                   {{"id", 36}, {"kind", 10}, {"state", 16}, {"requested_by", 10}, {"created_at", 0}}, console);
}

Exit request_show(const std::string& id, ClusterClient& client, Console& console) {
  const auto reply = client.get("/v1/requests/" + percent_encoded(id));
  const Json& request = expect_success(reply);
  console.result(request, text_of_request(request) + "\n" + request.dump(2));
  // Showing has succeeded whatever the state is.
  return Exit::ok;
}

}  // namespace quorate::cli
