#include "encode/row_text.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <array>
#include <utility>

namespace tidemark {
namespace {

using MakeFunction = Result<std::unique_ptr<RowText>> (*)(const RowTextRequest&);
constexpr std::array<std::pair<std::string_view, MakeFunction>, 4> kFormats = {{
    {"csv", &MakeCsv},
    {"json", &MakeJson},
    {"ndjson", &MakeNdjson},
    {"sql", &MakeSql},
}};

Status Put(ByteSink& sink, std::string_view text) {
  if (text.empty()) return {};
  return sink.Write(std::as_bytes(std::span(text)));
}

class TextEncoder final : public Encoder {
 public:
  TextEncoder(std::unique_ptr<RowText> rows, std::shared_ptr<arrow::Schema> schema, ByteSink& sink)
      : rows_(std::move(rows)), schema_(std::move(schema)), sink_(sink) {}

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    TRY(failed_);
    failed_ = Take(*rows);
    return failed_;
  }
  Status Finish() override {
    TIDEMARK_CHECK(!is_finished_);
    is_finished_ = true;
    TRY(failed_);
    TRY(Begin());
    return Put(sink_, rows_->End());
  }
  std::int64_t buffered_bytes() const override { return 0; }

 private:
  Status Begin() {
    if (has_begun_) return {};
    has_begun_ = true;
    return Put(sink_, rows_->Begin());
  }
  Status Take(const arrow::RecordBatch& rows) {
    if (!rows.schema()->Equals(*schema_, false))
      return Fail(ErrorKind::kInternal, fmt::format("rows of another schema than the file's: {}",
                                                    rows.schema()->ToString()));
    TRY(Begin());
    if (rows.num_rows() == 0) return {};
    text_.clear();
    TRY(rows_->Append(rows, !std::exchange(has_rows_, true), &text_));
    return Put(sink_, text_);
  }

  const std::unique_ptr<RowText> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  ByteSink& sink_;
  std::string text_;
  bool has_begun_ = false, has_rows_ = false, is_finished_ = false;
  Status failed_;  // the first failure: what was written is no file any more
};

Result<std::unique_ptr<Encoder>> Open(MakeFunction make, std::shared_ptr<arrow::Schema> schema,
                                      const FormatOptions& options, ByteSink& sink) {
  Table table{.name = options.facts.name};
  for (const auto& field : schema->fields())
    table.columns.push_back({.name = field->name(), .type = field->type()});
  auto rows = TRY(make({.read = table, .promised = table, .options = options.text}));
  return std::make_unique<TextEncoder>(std::move(rows), std::move(schema), sink);
}

}  // namespace

Result<std::unique_ptr<RowText>> MakeRowText(std::string_view format,
                                             const RowTextRequest& request) {
  for (const auto& [name, make] : kFormats) {
    if (name == format) return make(request);
  }
  return Fail(ErrorKind::kInvalid, fmt::format("format \"{}\" is not made of rows' texts", format));
}

Result<std::unique_ptr<Encoder>> OpenCsv(std::shared_ptr<arrow::Schema> schema,
                                         const FormatOptions& options, ByteSink& sink) {
  return Open(&MakeCsv, std::move(schema), options, sink);
}
Result<std::unique_ptr<Encoder>> OpenJson(std::shared_ptr<arrow::Schema> schema,
                                          const FormatOptions& options, ByteSink& sink) {
  return Open(&MakeJson, std::move(schema), options, sink);
}
Result<std::unique_ptr<Encoder>> OpenNdjson(std::shared_ptr<arrow::Schema> schema,
                                            const FormatOptions& options, ByteSink& sink) {
  return Open(&MakeNdjson, std::move(schema), options, sink);
}
Result<std::unique_ptr<Encoder>> OpenSql(std::shared_ptr<arrow::Schema> schema,
                                         const FormatOptions& options, ByteSink& sink) {
  return Open(&MakeSql, std::move(schema), options, sink);
}

}  // namespace tidemark
