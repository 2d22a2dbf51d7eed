#include "node/metrics.h"

#include <gtest/gtest.h>

namespace quorate::node {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(DurationHistogram, CountsWhatIsAtMostTheBound) {
  DurationHistogram h;
  h.add(milliseconds(5));
  h.add(microseconds(5'001));
  h.add(std::chrono::seconds(31));
  EXPECT_EQ(h.text("took", "How long"),
            "# HELP took How long\n# TYPE took histogram\n"
            "took_bucket{le=\"0.005\"} 1\ntook_bucket{le=\"0.01\"} 2\ntook_bucket{le=\"0.025\"} 2\n"
            "took_bucket{le=\"0.05\"} 2\ntook_bucket{le=\"0.1\"} 2\ntook_bucket{le=\"0.25\"} 2\n"
            "took_bucket{le=\"0.5\"} 2\ntook_bucket{le=\"1\"} 2\ntook_bucket{le=\"2.5\"} 2\n"
            "took_bucket{le=\"5\"} 2\ntook_bucket{le=\"10\"} 2\ntook_bucket{le=\"30\"} 2\n"
            "took_bucket{le=\"+Inf\"} 3\ntook_sum 31.010001\ntook_count 3\n");
}

}  // namespace
}  // namespace quorate::node
