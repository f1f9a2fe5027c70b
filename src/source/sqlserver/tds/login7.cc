#include "source/sqlserver/tds/login7.h"

#include <fmt/format.h>

#include "source/sqlserver/tds/secret.h"
#include "source/sqlserver/tds/text.h"
#include "source/sqlserver/tds/wire.h"

namespace tidemark::tds {
namespace {

constexpr std::size_t kFixedBytes = 94;
constexpr std::size_t kTextUnitsMax = 128;
constexpr std::size_t kTokenBytesMax = std::size_t{1} << 20;

enum Flags1 : std::uint8_t { kTellDatabase = 0x20, kDatabaseMustOpen = 0x40, kTellLanguage = 0x80 };
// "ODBC" asks for the SET options that SQL Server itself recommends, and for values uncut.
enum Flags2 : std::uint8_t { kLanguageMustBe = 0x01, kOdbc = 0x02 };
enum TypeFlags : std::uint8_t { kReadOnlyIntent = 0x20 };
enum Flags3 : std::uint8_t { kUnknownCollations = 0x08, kExtension = 0x10 };
enum Feature : std::uint8_t {
  kFederated = 0x02,
  kUtf8 = 0x0A,
  kJson = 0x0D,
  kVector = 0x0E,
  kFeaturesEnd = 0xFF,
};
constexpr std::uint8_t kLibraryInline = 0x01, kLibraryAsked = 0x02;
constexpr std::uint8_t kWorkflow = 0x01;  // of kLibraryAsked: a token that the client fetches
constexpr std::uint32_t kUsEnglish = 0x0409;

void AppendFeature(Feature feature, std::string_view value, std::string* to) {
  Store(static_cast<std::uint8_t>(feature), to);
  Store(static_cast<std::uint32_t>(value.size()), to);
  *to += value;
}

void AppendFederated(const FederatedLogin& federated, std::string* to) {
  const bool is_inline = federated.way == TokenWay::kInline;
  Secret value;
  value.text.reserve(federated.token.size() * 2 + 64);
  const std::uint8_t library = is_inline ? kLibraryInline : kLibraryAsked;
  Store(static_cast<std::uint8_t>((library << 1) | (federated.is_echoed ? 1 : 0)), &value.text);
  if (is_inline) {
    const Secret token(ToUtf16(federated.token));
    Store(static_cast<std::uint32_t>(token.text.size()), &value.text);
    value.text += token.text;
    value.text += federated.nonce;
  } else {
    Store(kWorkflow, &value.text);
  }
  AppendFeature(kFederated, value.text, to);
}

// Never moved, which would leave a copy of the token behind.
void AppendFeatures(const Login7& login, std::string* to) {
  to->reserve(128 + (login.federated ? login.federated->token.size() * 2 : 0));
  if (login.federated) AppendFederated(*login.federated, to);
  AppendFeature(kUtf8, "\x01", to);
  AppendFeature(kJson, "\x01", to);
  AppendFeature(kVector, "\x01", to);
  Store(static_cast<std::uint8_t>(kFeaturesEnd), to);
}

// The texts behind the fixed part, and where each stands.
class Texts {
 public:
  // Never moved, which would leave a copy of the password behind.
  Texts() { bytes_.text.reserve(8 * kTextUnitsMax * 2); }
  Status Append(std::string_view name, std::string_view utf16) {
    if (utf16.size() / 2 > kTextUnitsMax) {
      return Fail(ErrorKind::kInvalid, fmt::format("{} has {} characters, a login holds {}", name,
                                                   utf16.size() / 2, kTextUnitsMax));
    }
    Place(utf16.size() / 2);
    bytes_.text += utf16;
    return {};
  }
  void Place(std::size_t units) {
    Store(static_cast<std::uint16_t>(position()), &places_);
    Store(static_cast<std::uint16_t>(units), &places_);
  }
  void AppendRaw(std::string_view bytes) { bytes_.text += bytes; }
  std::size_t position() const { return kFixedBytes + bytes_.text.size(); }
  const std::string& places() const { return places_; }
  std::string& bytes() { return bytes_.text; }

 private:
  std::string places_;
  Secret bytes_;
};

}  // namespace

void ScramblePassword(std::string* utf16) {
  for (char& c : *utf16) {
    const auto byte = static_cast<std::uint8_t>(c);
    c = static_cast<char>(((byte << 4) | (byte >> 4)) ^ 0xA5);
  }
}

Result<std::string> Encode(const Login7& login) {
  if (login.federated && login.federated->token.size() > kTokenBytesMax) {
    return Fail(ErrorKind::kInvalid, fmt::format("the access token has {} bytes, more than {}",
                                                 login.federated->token.size(), kTokenBytesMax));
  }
  Secret password(ToUtf16(login.password));
  ScramblePassword(&password.text);
  Secret features;
  AppendFeatures(login, &features.text);
  Texts texts;
  TRY(texts.Append("the name of this machine", ToUtf16(login.client_host)));
  TRY(texts.Append("the user name", ToUtf16(login.user)));
  TRY(texts.Append("the password", password.text));
  TRY(texts.Append("the application name", ToUtf16(login.application)));
  TRY(texts.Append("the server name", ToUtf16(login.server)));
  // The extension is four bytes that say where the features stand, which is behind all texts.
  const std::size_t pointer_at = texts.position() - kFixedBytes;
  texts.Place(sizeof(std::uint32_t));
  texts.AppendRaw(std::string_view("\0\0\0\0", 4));
  TRY(texts.Append("the library name", ToUtf16(login.library)));
  TRY(texts.Append("the language", {}));
  TRY(texts.Append("the database name", ToUtf16(login.database)));
  const auto features_at = static_cast<std::uint32_t>(texts.position());
  std::memcpy(texts.bytes().data() + pointer_at, &features_at, sizeof features_at);

  std::string payload;
  payload.reserve(features_at +
                  features.text.size());  // never moved, which would leave a copy behind
  Store(static_cast<std::uint32_t>(features_at + features.text.size()), &payload);
  Store(login.version, &payload);
  Store(login.packet_bytes, &payload);
  Store(std::uint32_t{0x00010000}, &payload);  // our version
  Store(login.process, &payload);
  Store(std::uint32_t{0}, &payload);  // a connection to take up again: none
  Store(static_cast<std::uint8_t>(kTellDatabase | kDatabaseMustOpen | kTellLanguage), &payload);
  Store(static_cast<std::uint8_t>(kLanguageMustBe | kOdbc), &payload);
  Store(static_cast<std::uint8_t>(login.is_read_only ? kReadOnlyIntent : 0), &payload);
  Store(static_cast<std::uint8_t>(kUnknownCollations | kExtension), &payload);
  Store(std::int32_t{0}, &payload);  // time zone: not looked at
  Store(kUsEnglish, &payload);
  payload += texts.places();
  payload.append(6, '\0');  // address of the network card: nobody's business
  const auto nothing_at = static_cast<std::uint16_t>(features_at);
  for (int i = 0; i < 3; ++i) {  // Windows login, file to attach, new password: none
    Store(nothing_at, &payload);
    Store(std::uint16_t{0}, &payload);
  }
  Store(std::uint32_t{0}, &payload);
  payload += texts.bytes();
  payload += features.text;
  return payload;
}

std::string EncodeFederatedToken(std::string_view token, std::string_view nonce) {
  const Secret utf16(ToUtf16(token));
  std::string payload;
  payload.reserve(utf16.text.size() + nonce.size() + 8);
  Store(static_cast<std::uint32_t>(sizeof(std::uint32_t) + utf16.text.size() + nonce.size()),
        &payload);
  Store(static_cast<std::uint32_t>(utf16.text.size()), &payload);
  payload += utf16.text;
  payload += nonce;
  return payload;
}

}  // namespace tidemark::tds
