// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The kernels' arguments, and one table of kernels for each instruction set.
// kernels.cc is compiled once for each instruction set, each time with a
// different KERNELS_TARGET. The ops use the table of the best instruction set
// that the processor supports.

#ifndef KMEANS_ESTIMATOR_KERNELS_H_
#define KMEANS_ESTIMATOR_KERNELS_H_

#include <cstdint>

namespace kmeans_estimator {

// Arguments of `allocate`, which finds the nearest centers of the rows
// [begin, end) of a batch and sums these rows by center.
template <typename T>
struct Allocation {
  const T* points;   // [n, d]
  const T* centers;  // [k, d]; for the cosine metric of unit length or 0
  const T* weights;  // [n]; null: all weights are 1
  int64_t begin, end, d, k;
  bool cosine;  // false: squared Euclidean
  // Results. Element 0 of index and distance belongs to row `begin`.
  int64_t* index;  // [end - begin]
  T* distance;     // [end - begin]
  double* sums;    // [k, d], sums of weight times point; null: do not sum
  double* totals;  // [k], sums of weights; null if sums is null
};

// Arguments of `kmeans_plus_plus`, which chooses rows by k-means++.
template <typename T>
struct KMeansPlusPlus {
  const T* points;   // [n, d]
  const T* weights;  // [n]; null: all weights are 1
  int64_t n, d, num_to_sample, num_candidates;
  uint64_t seed, stream;
  int64_t* chosen;  // [num_to_sample], the result
};

// Arguments of `kmc2`, which chooses one row of each successive slice of
// chain_length points by k-MC2.
template <typename T>
struct Kmc2 {
  const T* points;   // [n, d]
  const T* centers;  // [num_centers, d], the centers chosen before
  const T* weights;  // [n]; null: all weights are 1
  int64_t n, d, num_centers, chain_length, num_new;
  uint64_t seed, stream;
  int64_t* chosen;  // [num_new], the result
};

// The kernels for points of type T. The bool functions return false if there is
// not enough memory.
template <typename T>
struct KernelsOf {
  bool (*allocate)(const Allocation<T>&);
  bool (*kmeans_plus_plus)(const KMeansPlusPlus<T>&);
  bool (*kmc2)(const Kmc2<T>&);
  int64_t (*kmc2_chain)(const T* distances, int64_t n, uint64_t seed);
};

struct Kernels {
  const char* instruction_set;
  KernelsOf<float> float32;
  KernelsOf<double> float64;
};

extern const Kernels kBaseline;
extern const Kernels kAvx2;
extern const Kernels kAvx512;

}  // namespace kmeans_estimator

#endif  // KMEANS_ESTIMATOR_KERNELS_H_
