// Made-up words as the reader sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "word_maker/corpus.hpp"

namespace word_maker {

/// Marks real words, by a sign as well as by a colour, and counts them.
class Printer {
 public:
  /// `known`: as in a corpus. REQUIRES: both outlive this.
  Printer(const Vocabulary& vocabulary, const std::unordered_map<std::string, bool>& known);

  struct Entry {
    std::string plain, painted;
  };
  Entry word(const Sequence& sequence);
  std::string piece(const Sequence& sequence) const;
  std::string strong(const std::string& text) const { return paint("1", text); }
  std::string faint(const std::string& text) const { return paint("2", text); }
  std::int64_t made() const { return made_; }
  std::int64_t real() const { return real_; }
  std::int64_t unseen() const { return unseen_; }  ///< real ones that were held out

 private:
  std::string paint(const char* code, const std::string& text) const;

  const Vocabulary& vocabulary_;
  const std::unordered_map<std::string, bool>& known_;
  bool colour_;
  std::int64_t made_ = 0, real_ = 0, unseen_ = 0;
};

/// Words in columns, as wide as the terminal is.
void print_words(Printer& printer, const std::vector<Sequence>& made);

/// What the marks mean; nothing for running text, which has none.
void print_legend(const Corpus& corpus, const Printer& printer);

/// 12345678 -> "12,345,678"
std::string with_commas(std::size_t number);

}  // namespace word_maker
