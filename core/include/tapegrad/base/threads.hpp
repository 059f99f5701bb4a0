// How many threads tapegrad's own parallel loops may use. Results are the same to the bit at any number.
#pragma once

namespace tapegrad {

/// Sets the number of threads for operations called from this thread. 0 returns to OpenMP's setting (OMP_NUM_THREADS);
/// loops then stay on this thread until 20 ms after its first large one, so that a short program starts no others.
/// Never changes OpenMP's own settings, which are the application's. Returns what was set before. Throws ValueError for
/// a negative number.
int set_num_threads(int threads);

/// The number of threads that an operation called from this thread may use, 64 at most: 1 inside an application's own
/// parallel region, and 1 on the thread that a fork() has copied into a child, where OpenMP's team is missing (threads
/// that the child starts have teams of their own).
int num_threads();

}  // namespace tapegrad
