// Connectionist temporal classification (Graves, Fernandez, Gomez and Schmidhuber 2006): the probability of a row of
// labels under the class probabilities of each frame of a sequence, summed over all alignments, and its slopes.
//
// A sequence's result depends on that sequence alone, to the bit, on what lies in its valid frames alone, and on no
// number of threads. Everything between reading and writing is double, in logarithms. Instantiated for float and
// double.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// Frames of log-probabilities x [sequences, frames, classes], and the labels that they should spell. REQUIRES: blank
/// and each valid label are in [0, classes), and no valid label is the blank.
template <class T>
struct Ctc {
  const T* log_probs = nullptr;
  const std::int64_t* targets = nullptr;  ///< [sequences, labels]
  const bool* valid_frames = nullptr;     ///< [sequences, frames]: the others are left out; null: all
  const bool* valid_labels = nullptr;     ///< [sequences, labels]; null: all
  std::int64_t sequences = 0, frames = 0, classes = 0, labels = 0;
  std::int64_t blank = 0;
};

/// The doubles that forward keeps of each frame.
inline std::int64_t ctc_kept_width(std::int64_t labels) { return 2 * labels + 2; }

/// log_likelihood[n] = log sum over alignments of exp(sum of their x): -inf where there is none, or none that is
/// possible; NaN where one holds NaN or +inf. `kept` [sequences, frames, kept width] is what backward needs; may be
/// null.
template <class T>
void ctc_forward(const Ctc<T>& facts, double* log_likelihood, double* kept);

/// dx = -scale_n times the share of the likelihood that comes of alignments with class c at frame t. 0 in frames that
/// are not valid and in sequences without likelihood, NaN where it is NaN.
template <class T>
void ctc_backward(const Ctc<T>& facts, const double* log_likelihood, const double* kept, const double* scale,
                  T* dlog_probs);

}  // namespace tapegrad::kernels
