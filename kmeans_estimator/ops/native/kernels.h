// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// What each instruction set offers. The files with the arithmetic are compiled
// once for every instruction set, each time with another KERNELS_TARGET; the
// ops take the best table that the processor can run.

#ifndef KMEANS_ESTIMATOR_KERNELS_H_
#define KMEANS_ESTIMATOR_KERNELS_H_

#include <cstdint>

namespace kmeans_estimator {

// Nearest centers of the rows [begin, end) of a batch, and sums over them.
template <typename T>
struct Allocation {
  const T* points;   // [n, d]
  const T* centers;  // [k, d]; for the cosine metric unit vectors or 0
  const T* weights;  // [n], or null: all 1
  int64_t begin, end, d, k;
  bool cosine;  // else squared Euclidean
  // Results, those of rows as for row begin at place 0.
  int64_t* index;  // [end - begin]
  T* distance;     // [end - begin]
  double* sums;    // [k, d]: of weight times point; null: no sums are wanted
  double* totals;  // [k]: of weights; null with sums
};

// k-means++ over all points.
template <typename T>
struct KMeansPlusPlus {
  const T* points;   // [n, d]
  const T* weights;  // [n], or null: all 1
  int64_t n, d, num_to_sample, num_candidates;
  uint64_t seed, stream;
  int64_t* chosen;  // [num_to_sample], the result
};

// k-MC2 over successive slices of points.
template <typename T>
struct Kmc2 {
  const T* points;   // [n, d]
  const T* centers;  // [num_centers, d], chosen before
  const T* weights;  // [n], or null: all 1
  int64_t n, d, num_centers, chain_length, num_new;
  uint64_t seed, stream;
  int64_t* chosen;  // [num_new], the result
};

// The functions return false if there is not enough memory.
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
