// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Finds the nearest center of each point and sums the points of each cluster,
// in one pass.
//
// The nearest center of a point x minimises the score
//
//     |c - o|^2 / 2 - (x - o).(c - o)
//
// which is |x - c|^2 / 2 minus a term that depends only on x. The terms cancel
// where they are large. Therefore the origin o is one of the centers: rounding
// errors then grow with the extent of the data, not with its distance from 0.
// The returned distance is computed from x - c, without cancellation.
//
// The matrix of scores is never stored. A block of points that fits in the L1
// cache is transposed into panels. A panel has d columns of 2 vectors each,
// with one point in each lane. A tile of kTileCenters x 2 vectors of scores is
// accumulated in registers over d, then compared, lane by lane, with the least
// score of each point so far. While the block is still in cache, each of its
// points is added to the sum of its center.
//
// The cosine distance is half the squared distance of unit vectors, which is
// accurate for nearly equal vectors, too. Points are scaled to unit length
// block by block. A zero vector is at distance 1 from every vector.
//
// Sums are float64. For float32 points their rounding errors are negligible.
// For float64 points each addition corrects the rounding error of the one
// before (W. Kahan, "Further remarks on reducing truncation errors", 1965). So
// sums need no origin, and depend only on the points of the cluster and their
// order.

#ifndef KMEANS_ESTIMATOR_ALLOCATE_H_
#define KMEANS_ESTIMATOR_ALLOCATE_H_

#include <cstring>
#include <type_traits>

#include "kernels.h"
#include "simd.h"

namespace kmeans_estimator {
namespace {

// Bytes of points in a block: half of an L1 cache of 32 KB. The other half is
// for centers and scores.
constexpr int64_t kBlockBytes = 16 << 10;
// Panels in a block, also where more would fit in kBlockBytes.
constexpr int64_t kMaxPanels = 16;

template <typename T>
class Allocator {
 public:
  explicit Allocator(const Allocation<T>& a)
      : a_(a),
        num_groups_((a.k + kTileCenters - 1) / kTileCenters),
        num_panels_(NumPanels(a.d)),
        mean_(a.d),
        origin_(a.d),
        groups_(num_groups_ * kTileCenters * a.d),
        offsets_(a.k),
        zero_centers_(a.k),
        panels_(num_panels_ * kPanel * a.d),
        least_(num_panels_ * kPanel),
        nearest_(num_panels_ * kPanel),
        units_(a.cosine ? num_panels_ * kPanel * a.d : 0),
        zero_points_(num_panels_ * kPanel),
        carries_(kHasCarries && a.sums ? a.k * a.d : 0) {}

  bool Run() {
    if (!(mean_.is_allocated() && origin_.is_allocated() &&
          groups_.is_allocated() && offsets_.is_allocated() &&
          zero_centers_.is_allocated() && panels_.is_allocated() &&
          least_.is_allocated() &&
          nearest_.is_allocated() && units_.is_allocated() &&
          zero_points_.is_allocated() && carries_.is_allocated())) {
      return false;
    }
    if (a_.sums) {
      memset(a_.sums, 0, a_.k * a_.d * sizeof(double));
      memset(a_.totals, 0, a_.k * sizeof(double));
      if (kHasCarries) memset(carries_.get(), 0, a_.k * a_.d * sizeof(double));
    }
    if (a_.begin == a_.end) return true;
    ChooseOrigin();
    PackCenters();
    const int64_t rows = num_panels_ * kPanel;
    for (int64_t row = a_.begin; row < a_.end; row += rows) {
      Block(row, row + rows < a_.end ? rows : a_.end - row);
    }
    return true;
  }

 private:
  typedef typename Simd<T>::Vector Vector;
  typedef typename Simd<T>::Integers Integers;
  typedef typename Simd<T>::Integer Integer;
  static constexpr int kLanes = Simd<T>::kLanes;
  static constexpr int kPanel = 2 * kLanes;
  static constexpr bool kHasCarries = std::is_same<T, double>::value;

  static int64_t NumPanels(int64_t d) {
    const int64_t fit = kBlockBytes / (kPanel * d * sizeof(T));
    return fit < 1 ? 1 : fit > kMaxPanels ? kMaxPanels : fit;
  }

  // Chooses the center nearest to the mean of the centers. Zero centers do not
  // count: TensorFlow's KMeans leaves empty clusters at 0, far from the data.
  void ChooseOrigin() {
    const int64_t d = a_.d;
    int64_t num_used = 0;
    for (int64_t j = 0; j < d; ++j) origin_[j] = mean_[j] = 0;
    for (int64_t c = 0; c < a_.k; ++c) {
      const T* center = a_.centers + c * d;
      bool is_zero = true;
      for (int64_t j = 0; j < d; ++j) is_zero &= center[j] == 0;
      zero_centers_[c] = is_zero;
      if (is_zero) continue;
      ++num_used;
      for (int64_t j = 0; j < d; ++j) mean_[j] += center[j];
    }
    double least = 0;
    const T* origin = nullptr;
    for (int64_t c = 0; c < a_.k; ++c) {
      if (zero_centers_[c]) continue;
      const T* center = a_.centers + c * d;
      double square = 0;
      for (int64_t j = 0; j < d; ++j) {
        const double difference = center[j] - mean_[j] / num_used;
        square += difference * difference;
      }
      if (!origin || square < least) {
        least = square;
        origin = center;
      }
    }
    if (origin) memcpy(origin_.get(), origin, d * sizeof(T));
  }

  // Sizes of groups differ by one center at most: a small last group would be a
  // small tile, which leaves most registers unused.
  int64_t FirstOfGroup(int64_t g) const {
    const int64_t size = a_.k / num_groups_, larger = a_.k % num_groups_;
    return g * size + (g < larger ? g : larger);
  }

  // Fills groups_ with the shifted, negated centers, [d][kTileCenters] for each
  // group, and offsets_ with half their squares.
  void PackCenters() {
    const int64_t d = a_.d;
    for (int64_t g = 0; g < num_groups_; ++g) {
      const int64_t first = FirstOfGroup(g);
      for (int64_t c = first; c < FirstOfGroup(g + 1); ++c) {
        T* to = groups_.get() + g * kTileCenters * d + (c - first);
        const T* center = a_.centers + c * d;
        T square = 0;
        for (int64_t j = 0; j < d; ++j) {
          const T shifted = center[j] - origin_[j];
          to[j * kTileCenters] = -shifted;
          square += shifted * shifted;
        }
        offsets_[c] = square / 2;
        if (a_.cosine && zero_centers_[c]) offsets_[c] += T(0.5);
      }
    }
  }

  void Block(int64_t begin, int64_t num_rows) {
    const T* points = a_.points + begin * a_.d;
    if (a_.cosine) {
      for (int64_t i = 0; i < num_rows; ++i) {
        zero_points_[i] =
            Normalize(points + i * a_.d, units_.get() + i * a_.d);
      }
      points = units_.get();
    }
    const int64_t num_panels = (num_rows + kPanel - 1) / kPanel;
    for (int64_t p = 0; p < num_panels; ++p) {
      MakePanel(points, p * kPanel, num_rows, panels_.get() + p * kPanel * a_.d);
    }
    Search(num_panels);
    for (int64_t i = 0; i < num_rows; ++i) {
      Record(begin + i, points + i * a_.d, a_.cosine && zero_points_[i],
             nearest_[i]);
    }
  }

  // Scales a row to unit length. Returns whether the row is 0. First divides by
  // the largest magnitude, so that squares neither overflow nor underflow.
  bool Normalize(const T* row, T* unit) const {
    T largest = 0;
    for (int64_t j = 0; j < a_.d; ++j) {
      const T magnitude = row[j] < 0 ? -row[j] : row[j];
      largest = magnitude > largest ? magnitude : largest;
      // The comparison above ignores NaN; keep NaN, so that the unit vector is
      // NaN, too.
      if (magnitude != magnitude) largest = magnitude;
    }
    if (largest == 0) {
      memset(unit, 0, a_.d * sizeof(T));
      return true;
    }
    T square = 0;
    for (int64_t j = 0; j < a_.d; ++j) {
      unit[j] = row[j] / largest;
      square += unit[j] * unit[j];
    }
    const T norm = std::is_same<T, float>::value
                       ? __builtin_sqrtf(square)
                       : __builtin_sqrt(square);
    for (int64_t j = 0; j < a_.d; ++j) unit[j] /= norm;
    return false;
  }

  // Shifts and transposes kPanel rows, starting at `first`, into [d][kPanel].
  // Lanes beyond the last row repeat it.
  void MakePanel(const T* points, int64_t first, int64_t num_rows, T* panel) {
    const int64_t d = a_.d;
    for (int half = 0; half < 2; ++half) {
      const T* rows[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const int64_t row = first + half * kLanes + i;
        rows[i] = points + (row < num_rows ? row : num_rows - 1) * d;
      }
      T* to = panel + half * kLanes;
      if (d < kLanes) {
        for (int64_t j = 0; j < d; ++j) {
          for (int i = 0; i < kLanes; ++i) {
            to[j * kPanel + i] = rows[i][j] - origin_[j];
          }
        }
        continue;
      }
      for (int64_t j = 0; j < d; j += kLanes) {
        // The last square of columns overlaps the square before it.
        const int64_t from = j + kLanes <= d ? j : d - kLanes;
        const Vector origin = Load<Vector>(origin_.get() + from);
        Vector square[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          square[i] = Load<Vector>(rows[i] + from) - origin;
        }
        Transpose<T>(square);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          Store(to + (from + i) * kPanel, square[i]);
        }
      }
    }
  }

  // Finds the nearest centers of all points in the panels.
  void Search(int64_t num_panels) {
    for (int64_t i = 0; i < num_panels * kPanel; ++i) {
      least_[i] = __builtin_inf();
      nearest_[i] = 0;
    }
    for (int64_t g = 0; g < num_groups_; ++g) {
      const int64_t first = FirstOfGroup(g);
      SearchGroup(g, first, FirstOfGroup(g + 1) - first, num_panels);
    }
  }

  // Makes num_centers a template argument, so that Tile keeps its scores in
  // registers.
  template <int kCenters = kTileCenters>
  void SearchGroup(int64_t g, int64_t first, int64_t num_centers,
                   int64_t num_panels) {
    if constexpr (kCenters > 1) {
      if (num_centers < kCenters) {
        SearchGroup<kCenters - 1>(g, first, num_centers, num_panels);
        return;
      }
    }
    for (int64_t p = 0; p < num_panels; ++p) {
      Tile<kCenters>(groups_.get() + g * kTileCenters * a_.d,
                     offsets_.get() + first, panels_.get() + p * kPanel * a_.d,
                     first, least_.get() + p * kPanel,
                     nearest_.get() + p * kPanel);
    }
  }

  template <int kCenters>
  __attribute__((noinline)) void Tile(
      const T* __restrict group, const T* __restrict offsets,
      const T* __restrict panel, int64_t number, T* __restrict least,
      Integer* __restrict nearest) const {
    Vector scores[kCenters][2];
#pragma GCC unroll 16
    for (int c = 0; c < kCenters; ++c) {
      scores[c][0] = scores[c][1] = Vector{} + offsets[c];
    }
    for (int64_t j = 0; j < a_.d; ++j) {
      const Vector low = Load<Vector>(panel);
      const Vector high = Load<Vector>(panel + kLanes);
#pragma GCC unroll 16
      for (int c = 0; c < kCenters; ++c) {
        scores[c][0] += low * group[c];
        scores[c][1] += high * group[c];
      }
      panel += kPanel;
      group += kTileCenters;
    }
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      Vector best = Load<Vector>(least + half * kLanes);
      Integers index = Load<Integers>(nearest + half * kLanes);
#pragma GCC unroll 16
      for (int c = 0; c < kCenters; ++c) {
        // On a tie the earlier center stays. A NaN score is never less.
        const Integers is_less = scores[c][half] < best;
        best = is_less ? scores[c][half] : best;
        index = is_less ? Integers{} + static_cast<Integer>(number + c) : index;
      }
      Store(least + half * kLanes, best);
      Store(nearest + half * kLanes, index);
    }
  }

  void Record(int64_t row, const T* point, bool is_zero, int64_t nearest) {
    if (is_zero) nearest = 0;
    a_.index[row - a_.begin] = nearest;
    const T square = SquaredDistance(point, a_.centers + nearest * a_.d, a_.d);
    a_.distance[row - a_.begin] =
        !a_.cosine ? square
        : is_zero  ? T(1)
                   : square / 2 + (zero_centers_[nearest] ? T(0.5) : T(0));
    if (!a_.sums) return;
    double* const sums = a_.sums + nearest * a_.d;
    double* const carries =
        kHasCarries ? carries_.get() + nearest * a_.d : nullptr;
    if (a_.weights) {
      a_.totals[nearest] += a_.weights[row];
      AddUp<true>(point, a_.weights[row], sums, carries);
    } else {
      a_.totals[nearest] += 1;
      AddUp<false>(point, 1, sums, carries);
    }
  }

  static T SquaredDistance(const T* x, const T* y, int64_t d) {
    Vector squares = Vector{};
    int64_t j = 0;
    for (; j + kLanes <= d; j += kLanes) {
      const Vector difference = Load<Vector>(x + j) - Load<Vector>(y + j);
      squares += difference * difference;
    }
    T sum = j ? Sum<T>(squares) : 0;
    for (; j < d; ++j) sum += (x[j] - y[j]) * (x[j] - y[j]);
    return sum;
  }

  template <bool kIsWeighted>
  void AddUp(const T* __restrict point, double weight, double* __restrict sums,
             double* __restrict carries) const {
    for (int64_t j = 0; j < a_.d; ++j) {
      double summand = point[j];
      if (kIsWeighted) summand *= weight;
      if constexpr (kHasCarries) {
        const double corrected = summand - carries[j];
        const double sum = sums[j] + corrected;
        carries[j] = (sum - sums[j]) - corrected;
        sums[j] = sum;
      } else {
        sums[j] += summand;
      }
    }
  }

  const Allocation<T>& a_;
  const int64_t num_groups_;
  const int64_t num_panels_;
  Buffer<double> mean_;
  Buffer<T> origin_;
  Buffer<T> groups_;
  Buffer<T> offsets_;
  Buffer<bool> zero_centers_;
  Buffer<T> panels_;
  Buffer<T> least_;
  Buffer<Integer> nearest_;
  Buffer<T> units_;
  Buffer<bool> zero_points_;
  Buffer<double> carries_;
};

template <typename T>
bool Allocate(const Allocation<T>& allocation) {
  return Allocator<T>(allocation).Run();
}

}  // namespace
}  // namespace kmeans_estimator

#endif  // KMEANS_ESTIMATOR_ALLOCATE_H_
