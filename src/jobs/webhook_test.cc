#include "jobs/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

using testing::HasSubstr;

// The example of the Standard Webhooks specification.
TEST(Webhook, SignsAsTheStandardSays) {
  EXPECT_EQ(WebhookSignature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                             "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Webhook, TakesAnyTextForASecret) {
  EXPECT_NE(WebhookSignature("a", "id", 1, "body"), WebhookSignature("b", "id", 1, "body"));
  EXPECT_NE(WebhookSignature("a", "id", 1, "body"), WebhookSignature("a", "id", 2, "body"));
}

TEST(Webhook, TriesForALittleOverADay) {
  std::int64_t shortest = 0, longest = 0;
  int attempt = 1;
  for (; NextDeliveryInUs(attempt, 0); ++attempt) {
    shortest += *NextDeliveryInUs(attempt, 0);
    longest += *NextDeliveryInUs(attempt, ~0ULL);
  }
  EXPECT_EQ(attempt, 9);
  EXPECT_GT(shortest, 24LL * 3600 * 1'000'000);
  EXPECT_LT(longest, 30LL * 3600 * 1'000'000);
}

TEST(Webhook, TakesOnlyUrlsThatCanBeCalled) {
  for (const auto* url :
       {"https://example.org/hook?x=1", "http://example.org", "http://[::1]:80/"}) {
    EXPECT_TRUE(CheckCallbackUrl(url)) << url;
  }
  for (const std::string& url :
       {std::string(""), std::string("ftp://x"), std::string("file:///etc/passwd"),
        std::string("javascript:alert(1)"), std::string("https://"), std::string("https://:80/"),
        std::string("http://u:p@host/"), std::string("http://a b/"),
        std::string("http://a\r\nX: y/"), "http://" + std::string(3000, 'a')}) {
    EXPECT_FALSE(CheckCallbackUrl(url)) << url;
  }
  EXPECT_THAT(CheckCallbackUrl("http://u:p@host/").error().message, testing::Not(HasSubstr("u:p")));
}

}  // namespace
}  // namespace tidemark
