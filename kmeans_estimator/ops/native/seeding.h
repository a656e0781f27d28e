// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Choice of initial centers by k-means++ and k-MC2.
//
// Both draw from Philox streams, as the portable ops and TensorFlow's kernels
// do. So the same seed gives the same draws.

#ifndef KMEANS_ESTIMATOR_SEEDING_H_
#define KMEANS_ESTIMATOR_SEEDING_H_

#include <cstring>

#include "allocate.h"
#include "kernels.h"
#include "simd.h"

namespace kmeans_estimator {
namespace {

// Philox 4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", 2011): a stream of 32-bit words, 4 for each value of a 128-bit counter.
class Philox {
 public:
  Philox(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  uint32_t Word() {
    if (position_ % 4 == 0) NextBlock(position_ / 4);
    return block_[position_++ % 4];
  }

  // Returns a number in [0, 1), from the low 23 bits of a word.
  double Float() { return (Word() & 0x7fffff) * 0x1p-23; }

  // Returns a 64-bit number from two words; the first word is the low half.
  uint64_t Integer() {
    const uint64_t low = Word();
    return low | static_cast<uint64_t>(Word()) << 32;
  }

 private:
  void NextBlock(uint64_t counter) {
    uint32_t c[4] = {
        static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
        static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)};
    uint32_t k[2] = {static_cast<uint32_t>(seed_),
                     static_cast<uint32_t>(seed_ >> 32)};
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * c[0];
      const uint64_t b = uint64_t{0xCD9E8D57} * c[2];
      const uint32_t next[4] = {
          static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0],
          static_cast<uint32_t>(b),
          static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1],
          static_cast<uint32_t>(a)};
      memcpy(c, next, sizeof c);
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    memcpy(block_, c, sizeof block_);
  }

  const uint64_t seed_, stream_;
  uint64_t position_ = 0;
  uint32_t block_[4];
};

// Draws a row with probability proportional to its weight.
//
// Let r be a random number modulo n, and q the quotient, scaled to [0, 1). Then
// (r + q) times the mean weight is a position in the running sum of the weights.
// The drawn row is the row at that position; with equal weights it is row r.
template <typename T>
int64_t DrawByWeight(Philox& random, const T* weights, int64_t n) {
  const uint64_t number = random.Integer();
  const int64_t place = number % n;
  if (!weights) return place;
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += weights[i];
  const double within = number / n * 0x1p-64 * n;
  // Rounded to 1, the fraction would move the position to the next integer.
  const double target = (place + (within < 0.999999 ? within : 0.999999)) *
                        (total / n);
  double running = 0;
  int64_t last = 0;
  for (int64_t i = 0; i < n; ++i) {
    running += weights[i];
    if (running > target) return i;
    if (weights[i] > 0) last = i;
  }
  return last;
}

// Points in a block of masses. DrawByMass skips whole blocks by their sums.
constexpr int64_t kSumBlock = 256;
// The largest transposed copy of the points that k-means++ keeps for all rounds.
// Larger batches are transposed anew in each round. Benchmark case
// kmeans++/10kx20.
constexpr int64_t kMaxTransposedBytes = 16 << 20;

// k-means++ (D. Arthur and S. Vassilvitskii, "k-means++: The Advantages of
// Careful Seeding", 2007) with several candidates for each center. The mass of
// a point is its weight times its squared distance to the nearest chosen point.
// Candidates are drawn with probability proportional to their mass. The
// candidate that leaves the least total mass is chosen. One pass over the points
// computes the total masses of all candidates.
template <typename T>
class PlusPlus {
 public:
  explicit PlusPlus(const KMeansPlusPlus<T>& a)
      : a_(a),
        random_(a.seed, a.stream),
        num_blocks_((a.n + kSumBlock - 1) / kSumBlock),
        stride_((a.n + kLanes - 1) / kLanes * kLanes),
        is_transposed_(stride_ * a.d * sizeof(T) <= kMaxTransposedBytes),
        columns_((is_transposed_ ? stride_ : kLanes) * a.d),
        distances_(a.num_candidates + 1, stride_),
        masses_(a.num_candidates + 1, num_blocks_),
        totals_(a.num_candidates + 1),
        slots_(a.num_candidates + 1),
        candidates_(a.num_candidates),
        is_chosen_(a.n),
        weights_left_(a.weights ? a.n : 0) {}

  bool Run() {
    if (!(columns_.is_allocated() && distances_.is_allocated() &&
          masses_.is_allocated() &&
          totals_.is_allocated() && slots_.is_allocated() &&
          candidates_.is_allocated() && is_chosen_.is_allocated() &&
          weights_left_.is_allocated())) {
      return false;
    }
    if (a_.weights) {
      memcpy(weights_left_.get(), a_.weights, a_.n * sizeof(T));
    }
    for (int64_t i = 0; is_transposed_ && i < a_.n; i += kLanes) {
      Transposed(i, columns_.get() + i * a_.d);
    }
    for (int64_t c = 0; c <= a_.num_candidates; ++c) slots_[c] = c;
    for (int64_t i = 0; i < a_.n; ++i) {
      Distances(kNearest)[i] = __builtin_inf();
      is_chosen_[i] = false;
    }
    totals_[slots_[kNearest]] = __builtin_inf();
    for (int64_t m = 0; m < a_.num_to_sample; ++m) {
      for (int64_t c = 0; c < a_.num_candidates; ++c) candidates_[c] = Draw();
      Weigh();
      int64_t best = 1;
      for (int64_t c = 2; c <= a_.num_candidates; ++c) {
        if (totals_[slots_[c]] < totals_[slots_[best]]) best = c;
      }
      a_.chosen[m] = candidates_[best - 1];
      is_chosen_[a_.chosen[m]] = true;
      if (a_.weights) weights_left_[a_.chosen[m]] = 0;
      const int64_t slot = slots_[best];
      slots_[best] = slots_[kNearest];
      slots_[kNearest] = slot;
    }
    return true;
  }

 private:
  typedef typename Simd<T>::Vector Vector;
  static constexpr int kLanes = Simd<T>::kLanes;
  // Place 0 (kNearest) is for the points chosen so far; place c >= 1 is for
  // these points plus candidate c - 1. slots_ maps each place to a slot, which
  // holds squared distances to the nearest of these points, the sums of the
  // masses by block, and the total mass. Choosing a candidate swaps its slot
  // with place 0.
  static constexpr int64_t kNearest = 0;

  T* Distances(int64_t place) {
    return distances_.get() + slots_[place] * stride_;
  }
  double* Masses(int64_t place) {
    return masses_.get() + slots_[place] * num_blocks_;
  }

  double Weight(int64_t i) const { return a_.weights ? a_.weights[i] : 1; }

  // Draws a row that was not chosen before, with probability proportional to
  // its mass. Before the first choice all masses are infinite, and later all
  // may be 0. Then the probability is proportional to the weight. Chosen rows
  // have weight 0 then: if they were much heavier than the other rows, the loop
  // would draw them again and again.
  int64_t Draw() {
    const double total = totals_[slots_[kNearest]];
    const T* weights = a_.weights ? weights_left_.get() : nullptr;
    for (;;) {
      const bool by_mass = total > 0 && total < __builtin_inf();
      const int64_t drawn = by_mass
                                ? DrawByMass(random_.Float() * total)
                                : DrawByWeight(random_, weights, a_.n);
      if (!is_chosen_[drawn]) return drawn;
    }
  }

  int64_t DrawByMass(double target) {
    const double* masses = Masses(kNearest);
    const T* distances = Distances(kNearest);
    double running = 0;
    int64_t block = 0;
    while (block + 1 < num_blocks_ && running + masses[block] <= target) {
      running += masses[block++];
    }
    for (int64_t i = block * kSumBlock; i < a_.n; ++i) {
      running += Weight(i) * distances[i];
      if (running > target) return i;
    }
    return a_.n - 1;
  }

  void Weigh() {
    const T* nearest = Distances(kNearest);
    for (int64_t c = 1; c <= a_.num_candidates; ++c) totals_[slots_[c]] = 0;
    for (int64_t block = 0; block < num_blocks_; ++block) {
      const int64_t begin = block * kSumBlock;
      const int64_t end = begin + kSumBlock < a_.n ? begin + kSumBlock : a_.n;
      for (int64_t i = begin; i < end; i += kLanes) {
        const Vector before = Load<Vector>(nearest + i);
        const T* columns = Columns(i);
        for (int64_t c = 1; c <= a_.num_candidates; ++c) {
          const Vector squares =
              SquaredDistances(columns, a_.points + candidates_[c - 1] * a_.d);
          Store(Distances(c) + i, squares < before ? squares : before);
        }
      }
      for (int64_t c = 1; c <= a_.num_candidates; ++c) {
        const double mass = Mass(Distances(c), begin, end);
        Masses(c)[block] = mass;
        totals_[slots_[c]] += mass;
      }
    }
  }

  double Mass(const T* distances, int64_t begin, int64_t end) const {
    // Four independent sums, so that an addition need not wait for the one
    // before it.
    double sums[4] = {0, 0, 0, 0};
    int64_t i = begin;
    if (!a_.weights) {
      for (; i + 4 <= end; i += 4) {
        for (int lane = 0; lane < 4; ++lane) {
          sums[lane] += static_cast<double>(distances[i + lane]);
        }
      }
    }
    for (; i < end; ++i) sums[i % 4] += Weight(i) * distances[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  // Returns the kLanes points from i on as [d] vectors with a point in each lane.
  const T* Columns(int64_t i) {
    if (is_transposed_) return columns_.get() + i * a_.d;
    Transposed(i, columns_.get());
    return columns_.get();
  }

  // Transposes the points. Lanes past the last point repeat that point.
  void Transposed(int64_t first, T* to) const {
    const int64_t d = a_.d;
    const T* rows[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t row = first + lane < a_.n ? first + lane : a_.n - 1;
      rows[lane] = a_.points + row * d;
    }
    int64_t j = 0;
    for (; j + kLanes <= d; j += kLanes) {
      Vector square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) square[i] = Load<Vector>(rows[i] + j);
      Transpose<T>(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) Store(to + (j + i) * kLanes, square[i]);
    }
    for (; j < d; ++j) {
      for (int i = 0; i < kLanes; ++i) to[j * kLanes + i] = rows[i][j];
    }
  }

  // Returns the squared distances of the points in the lanes to y. Four partial
  // sums keep an addition from waiting for the one before.
  Vector SquaredDistances(const T* columns, const T* y) const {
    Vector sums[4] = {};
    int64_t j = 0;
    for (; j + 4 <= a_.d; j += 4) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const Vector difference =
            Load<Vector>(columns + (j + i) * kLanes) - y[j + i];
        sums[i] += difference * difference;
      }
    }
    for (; j < a_.d; ++j) {
      const Vector difference = Load<Vector>(columns + j * kLanes) - y[j];
      sums[0] += difference * difference;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  const KMeansPlusPlus<T>& a_;
  Philox random_;
  const int64_t num_blocks_, stride_;
  const bool is_transposed_;
  Buffer<T> columns_, distances_;
  Buffer<double> masses_, totals_;
  Buffer<int64_t> slots_, candidates_;
  Buffer<bool> is_chosen_;
  Buffer<T> weights_left_;  // [n], 0 for chosen rows; empty without weights
};

template <typename T>
bool ChooseByKMeansPlusPlus(const KMeansPlusPlus<T>& arguments) {
  return PlusPlus<T>(arguments).Run();
}

// Returns the final state of a Markov chain of k-MC2 (O. Bachem et al.,
// "Approximate K-Means++ in Sublinear Time", 2016). The chain starts at
// candidate 0. It moves to the next candidate with probability min(1, mass of
// the candidate / mass of the current state).
template <typename T>
int64_t RunChain(const T* distances, const T* weights, int64_t n,
                 Philox& random) {
  int64_t state = 0;
  for (int64_t i = 1; i < n; ++i) {
    const double mass = (weights ? weights[i] : 1.0) * distances[i];
    const double of_state = (weights ? weights[state] : 1.0) * distances[state];
    if (mass > random.Float() * of_state) state = i;
  }
  return state;
}

template <typename T>
int64_t EndOfChain(const T* distances, int64_t n, uint64_t seed) {
  Philox random(seed, 0);
  return RunChain<T>(distances, nullptr, n, random);
}

// Chooses one center from each slice of the points: the final state of a chain
// over the slice.
template <typename T>
bool ChooseByKmc2(const Kmc2<T>& a) {
  if (a.num_new == 0) return true;
  Buffer<T> centers((a.num_centers + a.num_new) * a.d);
  Buffer<T> distances(a.chain_length);
  Buffer<int64_t> index(a.chain_length);
  if (!(centers.is_allocated() && distances.is_allocated() &&
        index.is_allocated())) {
    return false;
  }
  memcpy(centers.get(), a.centers, a.num_centers * a.d * sizeof(T));
  for (int64_t i = 0; i < a.chain_length; ++i) distances[i] = 1;
  Philox random(a.seed, a.stream);
  // The first center, if none was chosen before. Draw it even if centers were
  // chosen, so that the chains always read the same words of the stream.
  const int64_t first = DrawByWeight(random, a.weights, a.n);
  for (int64_t m = 0; m < a.num_new; ++m) {
    const int64_t known = a.num_centers + m, begin = m * a.chain_length;
    if (known) {
      Allocation<T> slice = {};
      slice.points = a.points;
      slice.centers = centers.get();
      slice.begin = begin;
      slice.end = begin + a.chain_length;
      slice.d = a.d;
      slice.k = known;
      slice.index = index.get();
      slice.distance = distances.get();
      if (!Allocate(slice)) return false;
    }
    const int64_t end =
        RunChain(distances.get(), a.weights ? a.weights + begin : nullptr,
                 a.chain_length, random);
    a.chosen[m] = known ? begin + end : first;
    memcpy(centers.get() + known * a.d, a.points + a.chosen[m] * a.d,
           a.d * sizeof(T));
  }
  return true;
}

}  // namespace
}  // namespace kmeans_estimator

#endif  // KMEANS_ESTIMATOR_SEEDING_H_
