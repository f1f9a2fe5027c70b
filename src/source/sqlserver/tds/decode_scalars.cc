#include <arrow/type.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "source/sqlserver/tds/decode_step.h"

namespace tidemark::tds {
namespace {

using arrow::Type;

const std::uint8_t* PutNullThen(const Step& step, std::int64_t row, const std::uint8_t* next) {
  return PutNulls(step, row) ? next : nullptr;
}

// ---- values of one length. Each has kBytes, which may be read, and Put, which says false where
// there is no such value.

template <class Wire, class Arrow>
struct Number {
  static constexpr std::ptrdiff_t kBytes = sizeof(Wire);
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    step.value->Put(row, static_cast<Arrow>(Load<Wire>(from)));
    return true;
  }
};

struct Bit {
  static constexpr std::ptrdiff_t kBytes = 1;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    step.value->Put(row, static_cast<std::uint8_t>(*from != 0));
    return true;
  }
};

struct Money {
  static constexpr std::ptrdiff_t kBytes = 8;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    step.value->Put(row, static_cast<Int128>(LoadMoney(from)));
    return true;
  }
};

struct SmallMoney {
  static constexpr std::ptrdiff_t kBytes = 4;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    step.value->Put(row, static_cast<Int128>(Load<std::int32_t>(from)));
    return true;
  }
};

struct Date {
  static constexpr std::ptrdiff_t kBytes = 3;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    std::uint32_t days;
    if (!LoadDate(from, &days)) return false;
    step.value->Put(row, static_cast<std::int32_t>(days) - kDaysOf1970);
    return true;
  }
};

std::int64_t Micros(const Moment& moment) {
  return (static_cast<std::int64_t>(moment.days) - kDaysOf1970) * kMicrosPerDay +
         static_cast<std::int64_t>(moment.ticks / 10);
}

struct DateTime {
  static constexpr std::ptrdiff_t kBytes = 8;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    Moment moment;
    if (!LoadDateTime(from, &moment)) return false;
    step.value->Put(row, Micros(moment));
    return true;
  }
};

struct SmallDateTime {
  static constexpr std::ptrdiff_t kBytes = 4;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    Moment moment;
    if (!LoadSmallDateTime(from, &moment)) return false;
    step.value->Put(row, Micros(moment));
    return true;
  }
};

// The digit below a microsecond: beside the value, or gone and counted.
inline void PutDigit(const Step& step, std::uint64_t digit, std::int64_t row) {
  if (step.digits != nullptr)
    step.digits->Put(row, static_cast<std::int8_t>(digit));
  else if (digit != 0)
    ++step.counts->cut_100ns;
}

// datetime2 and datetimeoffset, of which the time takes kTimeBytes: one load for time and date.
template <int kTimeBytes, bool kHasDigit, bool kHasOffset>
struct DateTime2 {
  static constexpr std::ptrdiff_t kBytes = kHasOffset ? 10 : 8;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    constexpr int kTimeBits = 8 * kTimeBytes;
    const auto word = Load<std::uint64_t>(from);
    const auto units = word & ((std::uint64_t{1} << kTimeBits) - 1);
    const auto days = static_cast<std::uint32_t>((word >> kTimeBits) & 0xFFFFFF);
    if (days > kDaysLast || units >= kTicksPerDay[step.scale]) return false;
    if constexpr (kHasOffset) {
      auto minutes = Load<std::int16_t>(from + kTimeBytes + 3);
      if (minutes < -840 || minutes > 840) return false;
      if (step.minutes != nullptr) step.minutes->Put(row, minutes);
    }
    const auto base = (static_cast<std::int64_t>(days) - kDaysOf1970) * kMicrosPerDay;
    if constexpr (kHasDigit) {
      step.value->Put(row, base + static_cast<std::int64_t>(units / 10));
      PutDigit(step, units % 10, row);
    } else {
      step.value->Put(row, base + static_cast<std::int64_t>(units) * step.factor);
    }
    return true;
  }
};

// As 100 ns since 1970.
template <bool kHasOffset>
struct Ticks {
  static constexpr std::ptrdiff_t kBytes = 10;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    Moment moment;
    std::int16_t minutes = 0;
    bool is_moment = kHasOffset ? LoadDateTimeOffset(from, step.scale, &moment, &minutes)
                                : LoadDateTime2(from, step.scale, &moment);
    if (!is_moment) return false;
    if (step.minutes != nullptr) step.minutes->Put(row, minutes);
    step.value->Put(row,
                    (static_cast<std::int64_t>(moment.days) - kDaysOf1970) * kMicrosPerDay * 10 +
                        static_cast<std::int64_t>(moment.ticks));
    return true;
  }
};

struct Time {
  static constexpr std::ptrdiff_t kBytes = 5;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    std::uint64_t ticks;
    if (!LoadTime(from, step.scale, &ticks)) return false;
    if (step.factor > 1) {  // nanoseconds
      step.value->Put(row, static_cast<std::int64_t>(ticks) * step.factor);
    } else {
      step.value->Put(row, static_cast<std::int64_t>(ticks / 10));
      PutDigit(step, ticks % 10, row);
    }
    return true;
  }
};

template <class End>
struct TimeText {
  static constexpr std::ptrdiff_t kBytes = 5;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    std::uint64_t ticks;
    if (!LoadTime(from, step.scale, &ticks)) return false;
    char* to = step.value->Room(16);
    if (to == nullptr) return false;
    step.value->PutEnd<End>(row, WriteTime(ticks, step.scale, to) - to);
    return true;
  }
};

struct GuidBytes {
  static constexpr std::ptrdiff_t kBytes = 16;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    step.value->Put(row, LoadGuid(from));
    return true;
  }
};

template <class End>
struct GuidText {
  static constexpr std::ptrdiff_t kBytes = 16;
  static bool Put(const Step& step, const std::uint8_t* from, std::int64_t row) {
    char* to = step.value->Room(kGuidText);
    if (to == nullptr) return false;
    WriteGuid(from, to);
    step.value->PutEnd<End>(row, kGuidText);
    return true;
  }
};

template <class Kind>
const std::uint8_t* DecodeFixed(const Step& step, const std::uint8_t* from, const std::uint8_t* end,
                                std::int64_t row) {
  if (end - from < Kind::kBytes || !Kind::Put(step, from, row)) return nullptr;
  return from + step.length;
}

template <class Kind>
const std::uint8_t* DecodeNullable(const Step& step, const std::uint8_t* from,
                                   const std::uint8_t* end, std::int64_t row) {
  if (end - from < 1 + Kind::kBytes) return nullptr;
  const std::uint8_t length = *from;
  if (length != step.length) {
    if (length != 0) return nullptr;
    return PutNullThen(step, row, from + 1);
  }
  if (!Kind::Put(step, from + 1, row)) return nullptr;
  return from + 1 + length;
}

// ---- decimals, which take as many bytes as the value needs

const std::uint8_t* DecodeDecimal(const Step& step, const std::uint8_t* from,
                                  const std::uint8_t* end, std::int64_t row) {
  if (end - from < 18) return nullptr;
  const std::size_t length = *from;
  if (length == 0) return PutNullThen(step, row, from + 1);
  if (length == 9 && step.limit > UINT64_MAX) {
    if (from[1] > 1) return nullptr;
    auto magnitude = static_cast<Int128>(Load<std::uint64_t>(from + 2));
    step.value->Put(row, from[1] == 0 ? -magnitude : magnitude);
    return from + 10;
  }
  if (length == 5 || length == 9) {
    const auto magnitude =
        length == 5 ? Load<std::uint32_t>(from + 2) : Load<std::uint64_t>(from + 2);
    if (from[1] > 1 || magnitude >= step.limit) return nullptr;
    const auto signed_value = static_cast<Int128>(magnitude);
    step.value->Put(row, from[1] == 0 ? -signed_value : signed_value);
    return from + 1 + length;
  }
  Int128 value;
  if (!LoadDecimal(from + 1, length, step.limit, &value)) return nullptr;
  step.value->Put(row, value);
  return from + 1 + length;
}

// ---- anything as text, the way values.h writes it

const std::uint8_t* PutAsText(const Step& step, std::string_view bytes, std::int64_t row,
                              const std::uint8_t* next) {
  // Kept between values for its memory.
  thread_local std::string text;
  text.clear();
  TextFaults faults;
  if (!AppendAsText(step.column->type, bytes, &faults, &text)) return nullptr;
  auto size = static_cast<std::int64_t>(text.size());
  char* to = step.value->Room(size);
  if (to == nullptr) return nullptr;
  text.copy(to, text.size());
  step.value->EndValue(row, size);
  return next;
}

const std::uint8_t* DecodeAsText(const Step& step, const std::uint8_t* from,
                                 const std::uint8_t* end, std::int64_t row) {
  std::size_t length = step.length;
  if (step.column->type.framing() == Framing::kByte) {
    if (from == end) return nullptr;
    length = *from++;
    if (length == 0) return PutNullThen(step, row, from);
  }
  if (static_cast<std::size_t>(end - from) < length) return nullptr;
  return PutAsText(step, AsText(from, length), row, from + length);
}

// ---- which of them

template <class Kind>
DecodeValue OneLength(Step* step) {
  step->length = static_cast<std::uint8_t>(step->column->type.max_length);
  return step->column->type.framing() == Framing::kFixed ? DecodeFixed<Kind> : DecodeNullable<Kind>;
}

DecodeValue AsTextOf(const arrow::DataType& type, Step* step) {
  if (type.id() != Type::STRING && type.id() != Type::LARGE_STRING) return nullptr;
  step->length = static_cast<std::uint8_t>(step->column->type.max_length);
  return DecodeAsText;
}

template <bool kHasOffset>
DecodeValue DateTime2Of(Step* step) {
  const auto scale = step->scale;
  step->factor = scale <= 6 ? static_cast<std::int64_t>(kPow10[6 - scale]) : 1;
  if (scale <= 2) return OneLength<DateTime2<3, false, kHasOffset>>(step);
  if (scale <= 4) return OneLength<DateTime2<4, false, kHasOffset>>(step);
  if (scale <= 6) return OneLength<DateTime2<5, false, kHasOffset>>(step);
  return OneLength<DateTime2<5, true, kHasOffset>>(step);
}

bool IsMicros(const arrow::DataType& type) {
  return type.id() == Type::TIMESTAMP &&
         static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::MICRO;
}

DecodeValue TimeOf(const arrow::DataType& type, Step* step) {
  if (type.id() == Type::STRING) return OneLength<TimeText<std::int32_t>>(step);
  if (type.id() == Type::LARGE_STRING) return OneLength<TimeText<std::int64_t>>(step);
  if (type.id() != Type::TIME64) return nullptr;
  const bool is_nano = static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::NANO;
  step->factor = is_nano ? 100 : 1;
  return OneLength<Time>(step);
}

DecodeValue MomentOf(const arrow::DataType& type, Step* step) {
  const auto kind = step->column->type.kind();
  if (kind == Kind::kTime) return TimeOf(type, step);
  if (kind == Kind::kDate && type.id() == Type::DATE32) return OneLength<Date>(step);
  if (IsMicros(type)) {
    if (kind == Kind::kDateTime) return OneLength<DateTime>(step);
    if (kind == Kind::kSmallDateTime) return OneLength<SmallDateTime>(step);
    if (kind == Kind::kDateTime2) return DateTime2Of<false>(step);
    if (kind == Kind::kDateTimeOffset) return DateTime2Of<true>(step);
  }
  if (type.id() == Type::INT64) {
    if (kind == Kind::kDateTime2) return OneLength<Ticks<false>>(step);
    if (kind == Kind::kDateTimeOffset) return OneLength<Ticks<true>>(step);
  }
  return AsTextOf(type, step);
}

DecodeValue DecimalOf(const arrow::DataType& type, Step* step) {
  const auto& wire = step->column->type;
  if (type.id() != Type::DECIMAL128) return AsTextOf(type, step);
  const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
  const int precision = wire.kind() == Kind::kDecimal ? wire.precision
                        : wire.kind() == Kind::kMoney ? 19
                                                      : 10;
  const int scale = wire.kind() == Kind::kDecimal ? wire.scale : 4;
  if (decimal.scale() != scale || decimal.precision() < precision) return nullptr;
  step->limit = Pow10Of128(precision);
  if (wire.kind() == Kind::kMoney) return OneLength<Money>(step);
  if (wire.kind() == Kind::kSmallMoney) return OneLength<SmallMoney>(step);
  return DecodeDecimal;
}

DecodeValue GuidOf(const arrow::DataType& type, Step* step) {
  if (type.id() == Type::STRING) return OneLength<GuidText<std::int32_t>>(step);
  if (type.id() == Type::LARGE_STRING) return OneLength<GuidText<std::int64_t>>(step);
  if (type.id() == Type::FIXED_SIZE_BINARY && type.bit_width() == 128)
    return OneLength<GuidBytes>(step);
  return nullptr;
}

DecodeValue NumberOf(const arrow::DataType& type, Step* step) {
  switch (step->column->type.kind()) {
    case Kind::kBit:
      return type.id() == Type::BOOL ? OneLength<Bit>(step) : nullptr;
    case Kind::kTinyInt:
      if (type.id() == Type::UINT8) return OneLength<Number<std::uint8_t, std::uint8_t>>(step);
      return type.id() == Type::INT16 ? OneLength<Number<std::uint8_t, std::int16_t>>(step)
                                      : nullptr;
    case Kind::kSmallInt:
      return type.id() == Type::INT16 ? OneLength<Number<std::int16_t, std::int16_t>>(step)
                                      : nullptr;
    case Kind::kInt:
      return type.id() == Type::INT32 ? OneLength<Number<std::int32_t, std::int32_t>>(step)
                                      : nullptr;
    case Kind::kBigInt:
      return type.id() == Type::INT64 ? OneLength<Number<std::int64_t, std::int64_t>>(step)
                                      : nullptr;
    case Kind::kReal:
      return type.id() == Type::FLOAT ? OneLength<Number<float, float>>(step) : nullptr;
    default:
      return type.id() == Type::DOUBLE ? OneLength<Number<double, double>>(step) : nullptr;
  }
}

}  // namespace

DecodeValue ChooseScalar(const arrow::DataType& type, Step* step) {
  step->scale = step->column->type.scale;
  switch (step->column->type.kind()) {
    case Kind::kBit:
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInt:
    case Kind::kBigInt:
    case Kind::kReal:
    case Kind::kFloat:
      return NumberOf(type, step);
    case Kind::kMoney:
    case Kind::kSmallMoney:
    case Kind::kDecimal:
      return DecimalOf(type, step);
    case Kind::kGuid:
      return GuidOf(type, step);
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kDateTime2:
    case Kind::kDateTimeOffset:
    case Kind::kDateTime:
    case Kind::kSmallDateTime:
      return MomentOf(type, step);
    default:
      return nullptr;
  }
}

}  // namespace tidemark::tds
