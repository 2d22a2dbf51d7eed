// The part of JSON Schema that http/openapi.yaml uses, for checking answers against it. Unknown keywords are an error,
// so that nothing in the document is silently not checked.
#pragma once
#include <regex.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace quorate::test {

class SchemaChecker {
 public:
  explicit SchemaChecker(const nlohmann::json& document) : document_(document) {}

  // "" if `value` is as `schema` says; else where and what is wrong.
  std::string check(const nlohmann::json& schema, const nlohmann::json& value, const std::string& at = "") const {
    if (schema.contains("$ref")) return check(resolve(schema["$ref"]), value, at);
    for (const auto& [keyword, rule] : schema.items()) {
      const std::string wrong = check_keyword(schema, keyword, rule, value, at);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  const nlohmann::json& resolve(const std::string& ref) const {
    return document_.at(nlohmann::json::json_pointer(ref.substr(1)));
  }
  const nlohmann::json& follow(const nlohmann::json& maybe_ref) const {
    return maybe_ref.contains("$ref") ? resolve(maybe_ref["$ref"]) : maybe_ref;
  }

  // POSIX extended, which the document's patterns keep to: std::regex under g++ and a sanitizer warns about itself.
  static bool matches(const std::string& pattern, const std::string& text) {
    regex_t compiled;
    if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
    const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return found;
  }

 private:
  static const nlohmann::json& no_members() {
    static const nlohmann::json none = nlohmann::json::object();
    return none;
  }
  static bool is_type(const nlohmann::json& v, const std::string& type) {
    return (type == "object" && v.is_object()) || (type == "array" && v.is_array()) ||
           (type == "string" && v.is_string()) || (type == "integer" && v.is_number_integer()) ||
           (type == "boolean" && v.is_boolean()) || (type == "null" && v.is_null());
  }
  std::string check_keyword(const nlohmann::json& schema, const std::string& k, const nlohmann::json& rule,
                            const nlohmann::json& v, const std::string& at) const {
    if (k == "description") return "";
    if (k == "type") {
      const auto types = rule.is_array() ? rule : nlohmann::json::array({rule});
      for (const auto& t : types)
        if (is_type(v, t)) return "";
      return at + ": not of type " + rule.dump();
    }
    if (k == "enum")
      return std::find(rule.begin(), rule.end(), v) != rule.end() ? "" : at + ": not one of " + rule.dump();
    if (k == "pattern")
      return !v.is_string() || matches(rule.get<std::string>(), v.get<std::string>()) ? "" : at + ": pattern";
    if (k == "format") {
      if (rule != "date-time") return at + ": the checker does not know the format " + rule.dump();
      const bool is_time = !v.is_string() || matches("^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z$", v);
      return is_time ? "" : at + ": not a time as RFC 3339 has it";
    }
    if (k == "minimum") return !v.is_number() || v >= rule ? "" : at + ": too small";
    if (k == "maximum") return !v.is_number() || v <= rule ? "" : at + ": too large";
    if (k == "minLength") return !v.is_string() || v.get<std::string>().size() >= rule ? "" : at + ": too short";
    if (k == "maxLength") return !v.is_string() || v.get<std::string>().size() <= rule ? "" : at + ": too long";
    if (k == "minItems") return !v.is_array() || v.size() >= rule ? "" : at + ": too few";
    if (k == "maxItems") return !v.is_array() || v.size() <= rule ? "" : at + ": too many";
    if (k == "required") {
      for (const auto& name : rule)
        if (v.is_object() && !v.contains(name)) return at + ": " + name.get<std::string>() + " is missing";
      return "";
    }
    if (k == "properties") {
      for (const auto& [name, member] : rule.items())
        if (v.is_object() && v.contains(name))
          if (auto wrong = check(member, v[name], at + "/" + name); !wrong.empty()) return wrong;
      return "";
    }
    if (k == "additionalProperties") {
      for (const auto& [name, member] : v.is_object() ? v.items() : no_members().items()) {
        if (schema.contains("properties") && schema["properties"].contains(name)) continue;
        if (rule == false) return at + ": " + name + " is not known";
        if (rule.is_object())
          if (auto wrong = check(rule, member, at + "/" + name); !wrong.empty()) return wrong;
      }
      return "";
    }
    if (k == "items") {
      for (std::size_t i = 0; v.is_array() && i < v.size(); ++i)
        if (auto wrong = check(rule, v[i], at + "/" + std::to_string(i)); !wrong.empty()) return wrong;
      return "";
    }
    return at + ": the checker does not know the keyword " + k;
  }

  const nlohmann::json& document_;
};

}  // namespace quorate::test
