#include "source/sqlite/btree.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/failpoint.h"
#include "source/sqlite/record_decoder.h"

namespace tidemark::sqlite {
namespace {

constexpr std::uint8_t kTableInterior = 0x05, kTableLeaf = 0x0d;
// Of indexes, and of tables WITHOUT ROWID, whose inner pages hold rows too.
constexpr std::uint8_t kIndexInterior = 0x02, kIndexLeaf = 0x0a;
constexpr std::size_t kDepthMax = 20;
constexpr std::uint64_t kPayloadMax = 0x7fffffff;
constexpr std::uint64_t kRecordKept = 1 << 20;  // larger ones are rare and must not stay in memory

std::uint32_t Big16(const std::uint8_t* p) { return std::uint32_t{p[0]} << 8 | p[1]; }
std::uint32_t Big32(const std::uint8_t* p) { return Big16(p) << 16 | Big16(p + 2); }

std::unexpected<Error> Malformed(const char* what) {
  return Fail(ErrorKind::kUnsupported, std::string("pages cannot be read: ") + what);
}

// Children of an interior page; each but the last with the largest rowid below it.
struct Interior {
  std::vector<std::uint32_t> children;
  std::vector<std::int64_t> keys;  // one fewer
};

std::uint32_t HeaderBytes(std::uint32_t page_number) { return page_number == 1 ? 100 : 0; }

// The number of cells, whose places stand behind the header.
Result<std::uint32_t> CellsOf(const std::uint8_t* page, std::uint32_t number,
                              std::uint32_t header_bytes, std::uint32_t usable_size) {
  auto start = HeaderBytes(number);
  auto cells = Big16(page + start + 3);
  if (start + header_bytes + cells * 2 > usable_size) return Malformed("too many cells");
  return cells;
}

Result<Interior> ParseInterior(const std::uint8_t* page, std::uint32_t number,
                               std::uint32_t usable_size) {
  auto start = HeaderBytes(number);
  if (page[start] != kTableInterior) return Malformed("not a page of a table");
  auto cells = TRY(CellsOf(page, number, 12, usable_size));
  Interior interior;
  for (std::uint32_t i = 0; i < cells; ++i) {
    auto at = Big16(page + start + 12 + i * 2);
    if (at < start + 12 + cells * 2 || at + 5 > usable_size) return Malformed("a cell outside");
    const auto* cell = page + at + 4;
    interior.children.push_back(Big32(page + at));
    auto key = static_cast<std::int64_t>(ReadVarint(&cell));
    if (!interior.keys.empty() && key <= interior.keys.back())
      return Malformed("keys out of order");
    interior.keys.push_back(key);
  }
  interior.children.push_back(Big32(page + start + 8));
  return interior;
}

}  // namespace

Result<LeafWalk::Leaf> LeafWalk::Take(const std::uint8_t* page, std::uint32_t number) {
  auto start = HeaderBytes(number);
  if (page[start] != kTableLeaf) return Malformed("leaves at several depths");
  auto cells = TRY(CellsOf(page, number, 8, reader_->usable_size()));
  if (cells == 0 && depth_ > 0) return Malformed("an empty leaf");
  return Leaf{page, start, cells};
}

// To the first leaf on the first call, then to the first one below the next child.
Result<LeafWalk::Leaf> LeafWalk::Descend() {
  auto number = levels_.empty() ? root_page_ : levels_.back().children[levels_.back().next++];
  while (true) {
    const auto* page = TRY(reader_->Read(number));
    bool is_leaf = page[HeaderBytes(number)] == kTableLeaf;
    if (!has_begun_ && is_leaf) depth_ = levels_.size();
    if (is_leaf) {
      if (has_begun_ && depth_ != levels_.size()) return Malformed("leaves at several depths");
      return Take(page, number);
    }
    if (levels_.size() >= kDepthMax || (has_begun_ && levels_.size() >= depth_))
      return Malformed("a tree too deep");
    auto interior = TRY(ParseInterior(page, number, reader_->usable_size()));
    Level level;
    if (!has_begun_) {
      // A child holds rowids up to its key.
      auto found = std::lower_bound(interior.keys.begin(), interior.keys.end(), first_);
      level.next = static_cast<std::size_t>(found - interior.keys.begin());
    }
    level.children = std::move(interior.children);
    number = level.children[level.next++];
    levels_.push_back(std::move(level));
  }
}

Result<LeafWalk::Leaf> LeafWalk::Next() {
  if (!has_begun_) {
    auto leaf = TRY(Descend());
    has_begun_ = true;
    return leaf;
  }
  while (!levels_.empty() && levels_.back().next >= levels_.back().children.size())
    levels_.pop_back();
  if (levels_.empty()) return Leaf{nullptr, 0, 0};
  if (levels_.size() < depth_) return Descend();
  auto& level = levels_.back();
  auto rest = std::span<const std::uint32_t>(level.children).subspan(level.next++);
  return Take(TRY(reader_->ReadAhead(rest)), rest[0]);
}

bool CanReadPages(const CatalogTable& catalog) {
  if (catalog.kind != CatalogTable::Kind::kOrdinary || catalog.is_without_rowid ||
      catalog.root_page <= 0 || catalog.root_page > 0xfffffffe)
    return false;
  return std::none_of(catalog.columns.begin(), catalog.columns.end(), [](const auto& column) {
    return column.generated == CatalogColumn::Generated::kVirtual;
  });
}

namespace {

class Pages final : public PageRowStream {
 public:
  Pages(PageReader& reader, const RowRequest& request, RecordDecoder decoder, BatchBuilder builder)
      : reader_(&reader),
        root_page_(static_cast<std::uint32_t>(request.catalog->root_page)),
        table_(*request.table),
        limits_(request.limits),
        stop_(request.stop),
        decoder_(std::move(decoder)),
        builder_(std::move(builder)),
        walk_(reader, root_page_, 0) {
    if (auto* rowids = std::get_if<RowidRange>(&request.range)) range_ = *rowids;
    walk_ = LeafWalk(reader, root_page_, range_.first);
    is_done_ = range_.first > range_.last;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (stop_.stop_requested())
      return Fail(ErrorKind::kCancelled, "reading of " + Display(table_.name) + " was stopped");
    FAILPOINT(read_batch);
    while (!is_done_ && builder_.rows() < limits_.rows && builder_.bytes() < limits_.bytes) {
      if (cell_ < leaf_.cells) {
        TRY(DecodeLeaf());
        continue;
      }
      leaf_ = TRY(walk_.Next());
      cell_ = 0;
      if (!leaf_.page) is_done_ = true;
    }
    if (builder_.rows() == 0) return nullptr;
    position_.rowid = last_rowid_;
    return builder_.Finish();
  }

  const RowPosition& position() const override { return position_; }

  void MoveTo(PageReader& reader) override {
    reader_ = &reader;
    leaf_ = {};
    cell_ = 0;
    if (is_done_) return;
    if (position_.rowid && *position_.rowid >= range_.last) {
      is_done_ = true;
      return;
    }
    walk_ = LeafWalk(reader, root_page_, position_.rowid ? *position_.rowid + 1 : range_.first);
    resumes_behind_ = position_.rowid;
  }

 private:
  // Cells of the leaf from cell_ on, until the batch is full.
  Status DecodeLeaf() {
    const auto usable = reader_->usable_size();
    const auto first_cell = leaf_.header_bytes + 8 + leaf_.cells * 2;
    const auto* pointers = leaf_.page + leaf_.header_bytes + 8;
    const auto local_max = usable - 35;
    while (cell_ < leaf_.cells && builder_.rows() < limits_.rows &&
           builder_.bytes() < limits_.bytes) {
      auto at = Big16(pointers + cell_ * 2);
      ++cell_;
      if (at < first_cell || at + 4 > usable) return Malformed("a cell outside");
      const auto* cell = leaf_.page + at;
      auto size = ReadVarint(&cell);
      auto rowid = static_cast<std::int64_t>(ReadVarint(&cell));
      if (rowid < range_.first || (resumes_behind_ && rowid <= *resumes_behind_)) continue;
      if (rowid > range_.last) {
        is_done_ = true;
        return {};
      }
      if (last_rowid_ && rowid <= *last_rowid_) return Malformed("rowids out of order");
      auto room = static_cast<std::uint64_t>(leaf_.page + usable - cell);
      if (cell > leaf_.page + usable) return Malformed("a cell outside");
      const std::uint8_t* record = cell;
      if (size > local_max) {
        record = TRY(Assemble(cell, size));
      } else if (size > room) {
        return Malformed("a record outside");
      }
      auto outcome = decoder_.Decode(record, size, rowid, &builder_);
      if (outcome == RecordDecoder::Outcome::kMisfit)
        return Fail(Misfit(table_, decoder_.misfit_column()));
      if (outcome != RecordDecoder::Outcome::kRow) return Malformed("a record that is none");
      last_rowid_ = rowid;
      if (record_capacity_ > kRecordKept) {
        record_.reset();
        record_capacity_ = 0;
      }
    }
    return {};
  }

  // A record that goes on in other pages, as one piece.
  Result<const std::uint8_t*> Assemble(const std::uint8_t* cell, std::uint64_t size) {
    const std::uint64_t usable = reader_->usable_size();
    if (size > kPayloadMax || size > reader_->pages() * usable)
      return Malformed("a record too long");
    auto least = (usable - 12) * 32 / 255 - 23;
    auto local = least + (size - least) % (usable - 4);
    if (local > usable - 35) local = least;
    if (cell + local + 4 > leaf_.page + usable) return Malformed("a record outside");
    if (size > record_capacity_) {
      record_ = std::make_unique_for_overwrite<std::uint8_t[]>(size + PageReader::kSlack);
      record_capacity_ = size;
    }
    auto* record = record_.get();
    std::memcpy(record, cell, local);
    auto page = Big32(cell + local);
    for (auto have = local; have < size;) {
      auto count = std::min(size - have, usable - 4);
      // The page's link to the next one lands on bytes that are there already and are put back.
      std::uint8_t kept[4];
      auto* start = record + have - 4;
      std::memcpy(kept, start, 4);
      TRY(reader_->ReadInto(page, std::span(start, count + 4)));
      page = Big32(start);
      std::memcpy(start, kept, 4);
      have += count;
    }
    return record;
  }

  PageReader* reader_;
  std::uint32_t root_page_;
  Table table_;
  BatchLimits limits_;
  std::stop_token stop_;
  RecordDecoder decoder_;
  BatchBuilder builder_;
  LeafWalk walk_;
  RowidRange range_;
  LeafWalk::Leaf leaf_{};
  std::uint32_t cell_ = 0;
  bool is_done_ = false;
  std::optional<std::int64_t> last_rowid_, resumes_behind_;
  RowPosition position_;
  std::unique_ptr<std::uint8_t[]> record_;
  std::uint64_t record_capacity_ = 0;
};

// Pages as long as they can be read, then SQL for what is left.
class EitherRows final : public RowStream {
 public:
  EitherRows(Connection& connection, std::unique_ptr<RowStream> pages, const RowRequest& request)
      : connection_(&connection),
        stream_(std::move(pages)),
        catalog_(*request.catalog),
        table_(*request.table),
        request_(request) {
    request_.catalog = &catalog_;
    request_.table = &table_;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (!stream_) return nullptr;
    auto batch = stream_->Next();
    if (batch || batch.error().kind != ErrorKind::kUnsupported || is_sql_) return batch;
    is_sql_ = true;
    auto rest = RangeBehind(request_.range, stream_->position());
    stream_.reset();
    if (!rest) return nullptr;
    request_.range = *rest;
    stream_ = TRY(OpenSqlRows(*connection_, request_));
    return stream_->Next();
  }

  const RowPosition& position() const override { return stream_ ? stream_->position() : none_; }

 private:
  Connection* connection_;
  std::unique_ptr<RowStream> stream_;
  CatalogTable catalog_;
  Table table_;
  RowRequest request_;
  RowPosition none_;
  bool is_sql_ = false;
};

}  // namespace

Result<std::unique_ptr<PageRowStream>> OpenPageRows(PageReader& reader, const RowRequest& request) {
  if (!CanReadPages(*request.catalog) || std::holds_alternative<KeyRange>(request.range))
    return Malformed("not a table with rowids");
  auto decoder = TRY(RecordDecoder::Make(*request.catalog, *request.table));
  auto builder = TRY(BatchBuilder::Make(*request.table));
  return std::make_unique<Pages>(reader, request, std::move(decoder), std::move(builder));
}

Result<std::unique_ptr<RowStream>> OpenRows(Connection& connection, PageReader* reader,
                                            const RowRequest& request) {
  // Only SQL can tell for which rows a condition holds.
  if (!request.table->where.empty()) return OpenSqlRows(connection, request);
  if (!reader || (request.catalog->rowid_name.empty() && !request.catalog->is_without_rowid))
    return OpenSqlRows(connection, request);
  auto pages = OpenPageRows(*reader, request);
  if (!pages) return OpenSqlRows(connection, request);
  return std::make_unique<EitherRows>(connection, std::move(*pages), request);
}

namespace {

constexpr auto kLastRowid = std::numeric_limits<std::int64_t>::max();

struct Node {
  std::uint32_t page;
  std::int64_t last;  // largest rowid below it
};

bool IsLeaf(const std::uint8_t* page, std::uint32_t number) {
  return page[HeaderBytes(number)] == kTableLeaf;
}

// Rows below a page, from its middle alone.
Result<double> EstimateBelow(PageReader& reader, std::uint32_t number) {
  double factor = 1;
  for (std::size_t depth = 0; depth <= kDepthMax; ++depth) {
    const auto* page = TRY(reader.Read(number));
    if (IsLeaf(page, number)) return factor * Big16(page + HeaderBytes(number) + 3);
    auto interior = TRY(ParseInterior(page, number, reader.usable_size()));
    factor *= static_cast<double>(interior.children.size());
    number = interior.children[interior.children.size() / 2];
  }
  return Malformed("a tree too deep");
}

// The tree from above down to the first level of `enough` pages or to its leaves.
Result<std::vector<Node>> Level(PageReader& reader, std::int64_t root_page, std::size_t enough) {
  std::vector<Node> nodes = {{static_cast<std::uint32_t>(root_page), kLastRowid}};
  for (std::size_t depth = 0; depth <= kDepthMax && nodes.size() < enough; ++depth) {
    const auto* first = TRY(reader.Read(nodes[0].page));
    if (IsLeaf(first, nodes[0].page)) break;
    std::vector<Node> below;
    for (const auto& node : nodes) {
      const auto* page = TRY(reader.Read(node.page));
      auto interior = TRY(ParseInterior(page, node.page, reader.usable_size()));
      for (std::size_t i = 0; i < interior.children.size(); ++i) {
        auto last = i < interior.keys.size() ? interior.keys[i] : node.last;
        if (!below.empty() && last < below.back().last) return Malformed("keys out of order");
        below.push_back({interior.children[i], last});
      }
    }
    nodes = std::move(below);
  }
  return nodes;
}

Result<std::int64_t> EstimateBelow(PageReader& reader, const std::vector<Node>& nodes) {
  constexpr std::size_t kSamples = 16;
  double sampled = 0;
  auto samples = std::min(kSamples, nodes.size());
  for (std::size_t i = 0; i < samples; ++i)
    sampled += TRY(EstimateBelow(reader, nodes[i * nodes.size() / samples].page));
  return static_cast<std::int64_t>(sampled / static_cast<double>(samples) *
                                   static_cast<double>(nodes.size()));
}

}  // namespace

Result<std::int64_t> EstimateByPages(PageReader& reader, std::int64_t root_page) {
  constexpr std::size_t kNodesEnough = 16;
  return EstimateBelow(reader, TRY(Level(reader, root_page, kNodesEnough)));
}

Result<std::int64_t> EstimateIndexByPages(PageReader& reader, std::int64_t root_page) {
  double factor = 1, rows = 0;
  auto number = static_cast<std::uint32_t>(root_page);
  for (std::size_t depth = 0; depth <= kDepthMax; ++depth) {
    const auto* page = TRY(reader.Read(number));
    auto start = HeaderBytes(number);
    bool is_leaf = page[start] == kIndexLeaf;
    if (!is_leaf && page[start] != kIndexInterior) return Malformed("not a page of an index");
    auto header_bytes = is_leaf ? 8u : 12u;
    auto cells = TRY(CellsOf(page, number, header_bytes, reader.usable_size()));
    rows += factor * cells;
    if (is_leaf) return static_cast<std::int64_t>(rows);
    if (cells == 0) return Malformed("an empty inner page");
    factor *= cells + 1;
    // From the middle: pages at the ends are the least like the others.
    auto at = Big16(page + start + header_bytes + cells / 2 * 2);
    if (at + 4 > reader.usable_size()) return Malformed("a cell outside");
    number = Big32(page + at);
  }
  return Malformed("a tree too deep");
}

Result<std::vector<RowidRange>> SplitByPages(PageReader& reader, std::int64_t root_page,
                                             std::int64_t target_rows) {
  constexpr std::size_t kNodesEnough = 2048;
  auto rows = TRY(EstimateByPages(reader, root_page));
  auto slices = static_cast<std::size_t>(rows / std::max<std::int64_t>(target_rows, 1));
  // Not the leaves of a large table, whose list would be as long as the table.
  auto nodes = TRY(Level(reader, root_page, std::min(2 * slices, kNodesEnough)));
  slices = std::clamp<std::size_t>(slices, 1, nodes.size());
  std::vector<RowidRange> ranges;
  RowidRange range;
  for (std::size_t i = 1; i < slices; ++i) {
    auto last = nodes[i * nodes.size() / slices - 1].last;
    if (last < range.first || last == kLastRowid) continue;
    range.last = last;
    ranges.push_back(range);
    range = {last + 1, kLastRowid};
  }
  range.last = kLastRowid;
  ranges.push_back(range);
  return ranges;
}

}  // namespace tidemark::sqlite
