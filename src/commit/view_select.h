#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "commit/landing.h"

namespace tidemark::commit {

// How one engine spells what the views are made of.
struct Spelling {
  char name_mark;         // around identifiers
  const char* text_type;  // VARCHAR
  const char* row;        // makes a struct of values: row, struct
  std::string (*type)(const arrow::DataType&);
};

// What the views read, as table expressions of the engine.
struct ViewFiles {
  std::string changes;      // landed rows: the names below, then the table's columns
  std::string base;         // rows of the base, as they are; empty: there is none
  bool has_changes = true;  // false: no data file is left, so that reading them would fail
};

// The queries of one table's views. They read what the state says is the table, and hold for every
// row that later runs land, until the table is replaced, compacted or pruned, when they are written
// again. Pure text.
class ViewSelect {
 public:
  ViewSelect(const Spelling& spelling, const LandedState& state);

  // Names of helping columns, which no column of the table has.
  std::string At() const { return Own("at"); }  // the file's timestamp, as in its name
  std::string Version() const { return Own("version"); }
  std::string Operation() const { return Own("operation"); }  // I U D L
  std::string Own(std::string_view name) const;

  std::string Name(std::string_view name) const;
  std::string Columns() const;  // of the table, separated by commas
  // A column in data files, whose name may have been another one at their time, by what reads a
  // column of a name. As it is in the base.
  using Reading = std::function<std::string(const std::string& name)>;
  std::string ValueOf(const Column& column, const Reading& read) const;
  std::string ColumnsOfBase() const;  // each as what it is called now
  // Every name that a column of the table has had, its own included; in files all have its type.
  std::vector<std::string> NamesOf(const Column& column) const;

  std::string Current(const ViewFiles& files) const;
  std::string History(const ViewFiles& files) const;
  std::string WithDeleted(const ViewFiles& files) const;

  // Why a view cannot be: a column has a name that it adds. Empty: it can.
  std::string WhyNoHistory() const;
  std::string WhyNoDeleted() const;

 private:
  bool has_base(const ViewFiles& files) const { return !files.base.empty(); }
  bool keeps_deleted() const { return state_->presentation.soft_delete.value_or(false); }
  std::string Key() const;
  std::string KeyColumn(const std::string& column, const std::string& of) const;
  std::string SameKey(std::string_view a, std::string_view b) const;
  std::string Changes(const ViewFiles& files, bool above_base) const;
  std::string WithoutKey(const ViewFiles& files, const std::string& added_to_changes,
                         const std::string& added_to_base) const;
  std::string LiveInBase() const;
  std::string Values() const;
  std::string Events(const ViewFiles& files, bool uses_base, bool keeps_deleted_of_base) const;
  std::string WhyNot(std::initializer_list<const char*> added) const;

  const Spelling* spelling_;
  const LandedState* state_;
  std::string prefix_;
};

}  // namespace tidemark::commit
