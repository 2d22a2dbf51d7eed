#include "cli/settings.h"

#include <toml++/toml.h>

#include "support.h"

namespace quorate::cli {
namespace {

using test::Shell;
using test::write;

TEST(Settings, LooksForTheDirectoryInOrder) {
  Shell shell;
  EXPECT_EQ(find_place({}, shell.env).dir, shell.env.home / ".local/share/quorate");
  write(client_config(shell.env), "dir = \"/from/config\"\nuser = \"alice\"\nnode = \"node2\"\n");
  EXPECT_EQ(find_place({}, shell.env).dir, "/from/config");
  EXPECT_EQ(find_place({}, shell.env).user, "alice");
  EXPECT_EQ(find_place({}, shell.env).node, "node2");
  shell.env.quorate_dir = "/from/environment";
  EXPECT_EQ(find_place({}, shell.env).dir, "/from/environment");
  // Another directory is another cluster: the user's config says nothing about it.
  EXPECT_EQ(find_place({}, shell.env).user, "admin");
  EXPECT_EQ(find_place({}, shell.env).node, std::nullopt);
  GlobalOptions options;
  options.dir = "/from/flag/./x/..";
  options.user = "bob";
  EXPECT_EQ(find_place(options, shell.env).dir, "/from/flag/");
  EXPECT_EQ(find_place(options, shell.env).user, "bob");
}

TEST(Settings, TheDirectoryMayNameUserAndNode) {
  Shell shell;
  write(shell.dir() / "config.toml", "user = \"carol\"\nnode = \"node3\"\n");
  GlobalOptions options;
  options.dir = shell.dir().string();
  EXPECT_EQ(find_place(options, shell.env).user, "carol");
  EXPECT_EQ(find_place(options, shell.env).node, "node3");
  options.node = "node1";
  EXPECT_EQ(find_place(options, shell.env).node, "node1");
}

TEST(Settings, RefusesWhatItDoesNotKnow) {
  Shell shell;
  for (const std::string text : {"directory = \"/x\"\n", "dir = 7\n", "dir = \"\"\n", "dir = \n", "[dir]\n"}) {
    write(client_config(shell.env), text);
    EXPECT_THROW(find_place({}, shell.env), Failure) << text;
    const auto printed = shell({"key", "list"});
    EXPECT_EQ(printed.exit, Exit::failed);
    EXPECT_NE(printed.err.find("config.toml"), std::string::npos) << printed.err;
  }
}

TEST(Settings, WritesTomlThatReadsBackTheSame) {
  for (const std::string text : {"plain", "with \"quotes\" and \\ and 'single'", "line\nend\ttab\x7f", "ü €"}) {
    const auto table = toml::parse("x = " + toml_text(text));
    EXPECT_EQ(table["x"].value<std::string>(), text);
  }
}

}  // namespace
}  // namespace quorate::cli
