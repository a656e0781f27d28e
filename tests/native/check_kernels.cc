// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs kernels and ops on random batches, and compares their results with plain
// loops in higher precision.
//
//   check_kernels                  prints the instruction sets, one per line
//   check_kernels NAME CASES SEED  checks an instruction set; the exit status
//                                  is 77 if this machine does not support it
//
// sanitize.py builds and runs this program.

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "fake_tensorflow.h"
#include "kernels.h"

extern "C" const char* kmeans_estimator_instruction_set();
extern "C" int kmeans_estimator_use_instruction_set(const char* name);

namespace kmeans_estimator {
namespace {

constexpr int kNotOnThisMachine = 77;

const Kernels* const kAll[] = {
    &kBaseline,
#if defined(__x86_64__)
    &kAvx2,
    &kAvx512,
#endif
};

// Describes the current check in the message of a failure.
char description[512];

__attribute__((format(printf, 2, 3))) void Expect(bool condition,
                                                  const char* format, ...) {
  if (condition) return;
  fprintf(stderr, "%s: ", description);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "\n");
  exit(1);
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // Returns an integer in [low, high].
  int64_t Integer(int64_t low, int64_t high) {
    return low + engine_() % (high - low + 1);
  }
  bool Chance(int percent) { return Integer(0, 99) < percent; }
  double Uniform() { return (engine_() >> 11) * 0x1p-53; }
  // Returns a number of a bell-shaped distribution of mean 0 and variance 1.
  double Normal() {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += Uniform();
    return sum - 6;
  }
  // Returns a mostly small size; sizes near those of a vector and of a block
  // occur.
  int64_t Size(int64_t low, int64_t high) {
    const int64_t limit = Chance(60) ? std::min<int64_t>(high, 20) : high;
    return Integer(low, limit);
  }
  uint64_t Bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

template <typename T>
constexpr TF_DataType kType = std::is_same<T, float>::value    ? TF_FLOAT
                              : std::is_same<T, double>::value ? TF_DOUBLE
                                                               : TF_INT64;

// Makes a tensor at a random offset in memory, mostly not aligned to a vector.
template <typename T>
fake::Value NewValue(Random& random, const fake::Dims& dims) {
  return fake::Value(kType<T>, dims, random.Integer(0, 3));
}

fake::Value Scalar(int64_t value) {
  fake::Value scalar(TF_INT64, {}, 0);
  *scalar.get<int64_t>() = value;
  return scalar;
}

// The kinds of numbers in a batch.
enum Kind {
  kIntegers,   // small: no operation rounds, so results are exact
  kNormal,
  kFar,        // the distance to 0 is thousands of times the extent
  kCopies,     // centers are among the points
  kNotFinite,  // some rows have NaN or Inf
  kZeros,      // some points and centers are 0
  kHuge,       // squares are near the largest number
  kTooLarge,   // squares are beyond the largest number
  kTiny,       // squares are below the smallest number
  kNumKinds
};
const char* const kKindNames[] = {"integers",   "normal", "far",
                                  "copies",     "not finite", "zeros",
                                  "huge",       "too large",  "tiny"};

// A type of higher precision than T.
template <typename T>
using Wide = typename std::conditional<std::is_same<T, float>::value, double,
                                       long double>::type;

template <typename T>
constexpr Wide<T> kEpsilon = std::numeric_limits<T>::epsilon();

template <typename T>
T Number(Random& random, Kind kind) {
  constexpr bool is_float = std::is_same<T, float>::value;
  switch (kind) {
    case kIntegers:
      return random.Integer(-8, 8);
    case kFar:
      return 1000 + random.Normal();
    case kHuge:
      return random.Normal() * (is_float ? 1e17 : 1e151);
    case kTooLarge:
      return random.Normal() * (is_float ? 1e25 : 1e200);
    case kTiny:
      return random.Normal() * (is_float ? 1e-25 : 1e-200);
    default:
      return random.Normal();
  }
}

template <typename T>
bool IsFinite(const T* row, int64_t d) {
  return std::all_of(row, row + d, [](T x) { return std::isfinite(x); });
}

template <typename T>
bool IsZero(const T* row, int64_t d) {
  return std::all_of(row, row + d, [](T x) { return x == 0; });
}

template <typename T>
std::vector<Wide<T>> Unit(const T* row, int64_t d) {
  std::vector<Wide<T>> unit(row, row + d);
  if (IsZero(row, d)) return unit;
  Wide<T> largest = 0, square = 0;
  for (const auto x : unit) largest = std::max(largest, std::fabs(x));
  for (auto& x : unit) x /= largest;
  for (const auto x : unit) square += x * x;
  for (auto& x : unit) x /= std::sqrt(square);
  return unit;
}

template <typename T, typename U>
Wide<T> Square(const std::vector<Wide<T>>& x, const U* y) {
  Wide<T> sum = 0;
  for (size_t j = 0; j < x.size(); ++j) sum += (x[j] - y[j]) * (x[j] - y[j]);
  return sum;
}

template <typename T>
struct Batch {
  Kind kind;
  int64_t n, d, k;
  bool cosine, weighted;
  fake::Value points, centers, weights;
};

template <typename T>
Batch<T> NewBatch(Random& random) {
  const Kind kind = static_cast<Kind>(random.Integer(0, kNumKinds - 1));
  // With a large d * k an op divides even few rows into parts.
  const bool is_large = random.Chance(10);
  const int64_t d = is_large ? random.Integer(150, 300) : random.Size(1, 70);
  const int64_t k = is_large ? random.Integer(60, 120) : random.Size(1, 60);
  const int64_t n = random.Size(0, random.Chance(10) ? 1200 : 150);
  const bool cosine = random.Chance(40);
  Batch<T> batch = {kind,
                    n,
                    d,
                    k,
                    cosine,
                    random.Chance(50),
                    NewValue<T>(random, {n, d}),
                    NewValue<T>(random, {k, d}),
                    NewValue<T>(random, {n})};
  T* const points = batch.points.template get<T>();
  T* const centers = batch.centers.template get<T>();
  for (int64_t i = 0; i < n * d; ++i) points[i] = Number<T>(random, kind);
  for (int64_t i = 0; i < k * d; ++i) centers[i] = Number<T>(random, kind);
  for (int64_t i = 0; i < n; ++i) {
    batch.weights.template get<T>()[i] =
        kind == kIntegers ? random.Integer(0, 3)
        : random.Chance(20) ? 0
                            : 3 * random.Uniform();
  }
  if (kind == kCopies && n) {
    for (int64_t c = 0; c < k; ++c) {
      std::copy_n(points + random.Integer(0, n - 1) * d, d, centers + c * d);
    }
  }
  if (kind == kZeros) {
    for (int64_t i = 0; i < n; ++i) {
      if (random.Chance(30)) std::fill_n(points + i * d, d, T(0));
    }
    for (int64_t c = 0; c < k; ++c) {
      if (random.Chance(30)) std::fill_n(centers + c * d, d, T(0));
    }
  }
  if (kind == kNotFinite && n) {
    const T infinity = std::numeric_limits<T>::infinity();
    const T values[] = {infinity, -infinity,
                        std::numeric_limits<T>::quiet_NaN()};
    for (int64_t i = random.Integer(1, 5); i > 0; --i) {
      points[random.Integer(0, n * d - 1)] = values[random.Integer(0, 2)];
    }
  }
  if (cosine) {
    for (int64_t c = 0; c < k; ++c) {
      const auto unit = Unit<T>(centers + c * d, d);
      std::copy(unit.begin(), unit.end(), centers + c * d);
    }
  }
  snprintf(description, sizeof description,
           "%s: %s, %lld x %lld, %lld centers, %s, %s",
           kmeans_estimator_instruction_set(), kKindNames[kind],
           static_cast<long long>(n), static_cast<long long>(d),
           static_cast<long long>(k),
           std::is_same<T, float>::value ? "float32" : "float64",
           cosine ? "cosine" : "squared Euclidean");
  return batch;
}

template <typename T>
struct Allocated {
  fake::Value index, distance, sums, totals;
};

// Checks the results of the rows [begin, end), and the sums over them.
template <typename T>
void CheckAllocation(const Batch<T>& batch, int64_t begin, int64_t end,
                     const Allocated<T>& got, bool with_sums) {
  typedef Wide<T> W;
  const int64_t d = batch.d, k = batch.k;
  const T* const centers = batch.centers.template get<T>();
  const bool is_exact = batch.kind == kIntegers && !batch.cosine;
  const W error = is_exact ? 0 : 2 * (d + 8) * kEpsilon<T>;
  const W largest = std::numeric_limits<T>::max();
  // Below this, rounding errors are not proportional to the number (denormals).
  const W smallest = 2 * d * W(std::numeric_limits<T>::min());

  W extent = 0;
  for (int64_t c = 0; c < k; ++c) {
    const std::vector<W> center(centers + c * d, centers + (c + 1) * d);
    for (int64_t other = 0; other < c; ++other) {
      extent = std::max(extent, Square<T>(center, centers + other * d));
    }
  }
  std::vector<W> sums(k * d), carries(k * d), sizes(k * d), totals(k);
  std::vector<bool> is_finite(k, true);
  for (int64_t i = begin; i < end; ++i) {
    const T* const row = batch.points.template get<T>() + i * d;
    const int64_t index = got.index.template get<int64_t>()[i - begin];
    const T narrow = got.distance.template get<T>()[i - begin];
    const W distance = narrow;
    Expect(0 <= index && index < k, "row %lld is at center %lld",
           static_cast<long long>(i), static_cast<long long>(index));
    if (!IsFinite(row, d)) {
      Expect(!std::isfinite(narrow), "row %lld is at distance %g",
             static_cast<long long>(i), double(distance));
      is_finite[index] = false;
      continue;
    }
    const auto point =
        batch.cosine ? Unit<T>(row, d) : std::vector<W>(row, row + d);
    std::vector<W> distances(k);
    for (int64_t c = 0; c < k; ++c) {
      const W square = Square<T>(point, centers + c * d);
      distances[c] = !batch.cosine ? square
                     : IsZero(row, d) || IsZero(centers + c * d, d)
                         ? 1
                         : square / 2;
    }
    const W want = distances[index];
    if (!batch.cosine && want > largest / 4) {
      Expect(!std::isfinite(narrow) ||
                 std::fabs(distance - want) <= error * want,
             "row %lld is at distance %.17Lg, not %.17Lg", static_cast<long long>(i),
             static_cast<long double>(distance),
             static_cast<long double>(want));
    } else {
      const W allowed =
          smallest + (batch.cosine ? 2 * error * std::sqrt(want) + error * error
                                   : error * want);
      Expect(std::fabs(distance - want) <= allowed,
             "row %lld is at distance %.17Lg, not %.17Lg", static_cast<long long>(i),
             static_cast<long double>(distance),
             static_cast<long double>(want));
    }
    const auto nearest = std::min_element(distances.begin(), distances.end());
    if (is_exact || (batch.cosine && IsZero(row, d))) {
      Expect(index == nearest - distances.begin(),
             "row %lld is at center %lld, not %lld", static_cast<long long>(i),
             static_cast<long long>(index),
             static_cast<long long>(nearest - distances.begin()));
    } else if (batch.cosine || batch.kind != kTooLarge) {
      // The rounding errors of scores grow with the extent of the data.
      const W farthest = std::max(
          extent, *std::max_element(distances.begin(), distances.end()));
      Expect(want <= *nearest + 2 * error * farthest + smallest,
             "row %lld is at center %lld, %Lg away, not at %lld, %Lg away",
             static_cast<long long>(i), static_cast<long long>(index),
             static_cast<long double>(want),
             static_cast<long long>(nearest - distances.begin()),
             static_cast<long double>(*nearest));
    }
    if (!with_sums) continue;
    const W weight = batch.weighted ? batch.weights.template get<T>()[i] : 1;
    totals[index] += weight;
    for (int64_t j = 0; j < d; ++j) {
      const int64_t at = index * d + j;
      const W summand = weight * point[j] - carries[at];
      const W sum = sums[at] + summand;
      carries[at] = (sum - sums[at]) - summand;
      sums[at] = sum;
      sizes[at] += weight * (batch.cosine ? 1 : std::fabs(point[j]));
    }
  }
  if (!with_sums) return;
  constexpr W kDouble = std::numeric_limits<double>::epsilon();
  // Sums of float64 points are compensated: their errors do not accumulate.
  const int64_t num_errors = std::is_same<T, float>::value ? end - begin + 8 : 2;
  const W sum_error =
      is_exact ? 0 : (batch.cosine ? error : 0) + kDouble * num_errors;
  for (int64_t c = 0; c < k; ++c) {
    const W total = got.totals.template get<double>()[c];
    if (!is_finite[c]) continue;
    Expect(std::fabs(total - totals[c]) <=
               (is_exact ? 0 : kDouble * (end - begin + 8)) * totals[c],
           "total %lld is %Lg, not %Lg", static_cast<long long>(c),
           static_cast<long double>(total),
           static_cast<long double>(totals[c]));
    for (int64_t j = 0; j < d; ++j) {
      const W sum = got.sums.template get<double>()[c * d + j];
      const W want = sums[c * d + j];
      Expect(std::fabs(sum - want) <=
                 sum_error * sizes[c * d + j] +
                     std::numeric_limits<double>::min(),
             "sum %lld of center %lld is %.17Lg, not %.17Lg",
             static_cast<long long>(j), static_cast<long long>(c),
             static_cast<long double>(sum), static_cast<long double>(want));
    }
  }
}

template <typename T>
bool SameBytes(const fake::Value& a, const fake::Value& b, int64_t begin) {
  return !memcmp(a.get<T>(), b.get<T>() + begin, a.size() * sizeof(T));
}

// Checks the kernel on some of the rows, and the op on all rows, in parts.
template <typename T>
void CheckAllocate(Random& random, const KernelsOf<T>& kernels) {
  const Batch<T> batch = NewBatch<T>(random);
  const int64_t n = batch.n, d = batch.d, k = batch.k;
  const auto allocated = [&](int64_t rows) {
    return Allocated<T>{
        NewValue<int64_t>(random, {rows}), NewValue<T>(random, {rows}),
        NewValue<double>(random, {k, d}), NewValue<double>(random, {k})};
  };
  const auto run = [&](int64_t begin, int64_t end, bool with_sums) {
    Allocated<T> got = allocated(end - begin);
    Allocation<T> a = {};
    a.points = batch.points.template get<T>();
    a.centers = batch.centers.template get<T>();
    a.weights = batch.weighted ? batch.weights.template get<T>() : nullptr;
    a.begin = begin;
    a.end = end;
    a.d = d;
    a.k = k;
    a.cosine = batch.cosine;
    a.index = got.index.template get<int64_t>();
    a.distance = got.distance.template get<T>();
    a.sums = with_sums ? got.sums.template get<double>() : nullptr;
    a.totals = with_sums ? got.totals.template get<double>() : nullptr;
    Expect(kernels.allocate(a), "there is no memory");
    CheckAllocation(batch, begin, end, got, with_sums);
    return got;
  };
  // With and without sums, results may round differently, because the compiler
  // may optimize the two cases differently. So the slice is run like the whole.
  const bool with_sums = random.Chance(50);
  run(0, n, !with_sums);
  const Allocated<T> whole = run(0, n, with_sums);
  const int64_t begin = random.Integer(0, n);
  const int64_t end = random.Integer(begin, n);
  const Allocated<T> slice = run(begin, end, with_sums);
  Expect(SameBytes<int64_t>(slice.index, whole.index, begin) &&
             SameBytes<T>(slice.distance, whole.distance, begin),
         "rows from %lld on differ by themselves",
         static_cast<long long>(begin));

  const int64_t parts = random.Integer(1, 6);
  int64_t row = 0;
  for (int64_t part = 0; part < parts; ++part) {
    std::vector<fake::Value> inputs = {batch.points, batch.centers};
    fake::Attributes attributes = {
        {"cosine", batch.cosine}, {"part", part}, {"parts", parts}};
    if (with_sums && batch.weighted) inputs.push_back(batch.weights);
    const fake::Outcome outcome = fake::RunOp(
        with_sums ? "KmeansEstimator>Allocate" : "KmeansEstimator>Nearest",
        kType<T>, attributes, inputs);
    Expect(outcome.code == TF_OK, "%s", outcome.message.c_str());
    const auto& outputs = outcome.outputs;
    const int64_t size = outputs[0].size();
    Expect(outputs[1].size() == size && row + size <= n,
           "part %lld of %lld has %lld rows", static_cast<long long>(part),
           static_cast<long long>(parts), static_cast<long long>(size));
    Expect(SameBytes<int64_t>(outputs[0], whole.index, row) &&
               SameBytes<T>(outputs[1], whole.distance, row),
           "part %lld of %lld differs from the whole",
           static_cast<long long>(part), static_cast<long long>(parts));
    CheckAllocation(batch, row, row + size,
                    with_sums ? Allocated<T>{outputs[0], outputs[1],
                                             outputs[2], outputs[3]}
                              : Allocated<T>{outputs[0], outputs[1],
                                             outputs[0], outputs[0]},
                    with_sums);
    row += size;
  }
  Expect(row == n, "%lld parts have %lld rows", static_cast<long long>(parts),
         static_cast<long long>(row));
}

// Checks relocation of a batch with empty clusters and an invented allocation.
template <typename T>
void CheckRelocate(Random& random) {
  Batch<T> batch = NewBatch<T>(random);
  const int64_t n = batch.n, d = batch.d, k = batch.k;
  const T* const points = batch.points.template get<T>();
  const fake::Value index = NewValue<int64_t>(random, {n});
  const fake::Value distance = NewValue<T>(random, {n});
  const fake::Value old_sums = NewValue<double>(random, {k, d});
  const fake::Value old_totals = NewValue<double>(random, {k});
  for (int64_t i = 0; i < n; ++i) {
    index.get<int64_t>()[i] = random.Integer(0, k - 1);
    // Distances include ties and NaN.
    distance.get<T>()[i] =
        random.Chance(5) ? std::numeric_limits<T>::quiet_NaN()
                         : random.Integer(0, 2 * n);
  }
  std::vector<double> sums(k * d), totals(k);
  for (int64_t i = 0; i < k * d; ++i) {
    sums[i] = old_sums.get<double>()[i] = random.Normal();
  }
  for (int64_t c = 0; c < k; ++c) {
    totals[c] = old_totals.get<double>()[c] =
        random.Chance(40) ? 0 : random.Integer(1, 5);
  }
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < n; ++i) {
    const bool counts = !batch.weighted || batch.weights.template get<T>()[i];
    if (distance.get<T>()[i] > 0 && counts) rows.push_back(i);
  }
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t i, int64_t j) {
    return distance.get<T>()[i] > distance.get<T>()[j];
  });
  auto next = rows.begin();
  // The magnitudes of the summands of each sum, which limit its rounding error.
  std::vector<double> sizes(k * d, 10);
  for (int64_t c = 0; c < k && next != rows.end(); ++c) {
    if (old_totals.get<double>()[c] > 0) continue;
    const int64_t row = *next++, from = index.get<int64_t>()[row];
    const double weight =
        batch.weighted ? batch.weights.template get<T>()[row] : 1;
    const auto unit = Unit<T>(points + row * d, d);
    for (int64_t j = 0; j < d; ++j) {
      const double moved =
          weight * double(batch.cosine ? unit[j] : points[row * d + j]);
      sums[from * d + j] -= moved;
      sums[c * d + j] = moved;
      sizes[from * d + j] += std::fabs(moved);
      sizes[c * d + j] = 10 + std::fabs(moved);
    }
    totals[from] -= weight;
    // Only rounding is left, and clusters of an invented allocation may lose
    // more than they have.
    if (totals[from] < 0x1p-40 * old_totals.get<double>()[from]) {
      totals[from] = 0;
    }
    totals[c] = weight;
  }

  std::vector<fake::Value> inputs = {batch.points, index, distance, old_sums,
                                     old_totals};
  if (batch.weighted) inputs.push_back(batch.weights);
  const fake::Outcome outcome = fake::RunOp(
      "KmeansEstimator>Relocate", kType<T>, {{"cosine", batch.cosine}}, inputs);
  Expect(outcome.code == TF_OK, "%s", outcome.message.c_str());
  for (int64_t c = 0; c < k; ++c) {
    Expect(outcome.outputs[1].get<double>()[c] == totals[c],
           "relocated total %lld is %g, not %g", static_cast<long long>(c),
           outcome.outputs[1].get<double>()[c], totals[c]);
    for (int64_t j = 0; j < d; ++j) {
      const double sum = outcome.outputs[0].get<double>()[c * d + j];
      const double want = sums[c * d + j];
      Expect(!std::isfinite(want) ||
                 std::fabs(sum - want) <= 1e-12 * sizes[c * d + j],
             "relocated sum %lld of center %lld is %.17g, not %.17g",
             static_cast<long long>(j), static_cast<long long>(c), sum, want);
    }
  }
}

// Returns the words of a Philox 4x32-10 stream one by one.
class Philox {
 public:
  Philox(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  uint32_t Word() {
    const uint64_t block = position_ / 4;
    uint32_t c0 = block, c1 = block >> 32, c2 = stream_, c3 = stream_ >> 32;
    uint32_t k0 = seed_, k1 = seed_ >> 32;
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * c0;
      const uint64_t b = uint64_t{0xCD9E8D57} * c2;
      c0 = (b >> 32) ^ c1 ^ k0;
      c1 = b;
      c2 = (a >> 32) ^ c3 ^ k1;
      c3 = a;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    const uint32_t words[] = {c0, c1, c2, c3};
    return words[position_++ % 4];
  }
  double Float() { return (Word() & 0x7fffff) / 8388608.0; }
  uint64_t Integer() {
    const uint64_t low = Word();
    return low | uint64_t{Word()} << 32;
  }
  // Draws a row by its weight, as `philox.weighted_integers` documents.
  int64_t Row(const std::vector<double>& weights, bool weighted) {
    const int64_t n = weights.size();
    const uint64_t number = Integer();
    const int64_t place = number % n;
    if (!weighted) return place;
    double total = 0;
    for (const double weight : weights) total += weight;
    const double within = std::min(number / n * 0x1p-64 * n, 0.999999);
    const double target = (place + within) * (total / n);
    double running = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < n; ++i) {
      running += weights[i];
      if (running > target) return i;
      if (weights[i] > 0) last = i;
    }
    return last;
  }

 private:
  uint64_t seed_, stream_, position_ = 0;
};

template <typename T>
std::vector<double> Weights(const Batch<T>& batch) {
  std::vector<double> weights(batch.n, 1);
  if (batch.weighted) {
    std::copy_n(batch.weights.template get<T>(), batch.n, weights.begin());
  }
  return weights;
}

template <typename T>
std::vector<Wide<T>> Row(const Batch<T>& batch, int64_t i) {
  const T* const row = batch.points.template get<T>() + i * batch.d;
  return std::vector<Wide<T>>(row, row + batch.d);
}

// The expected result is exact only for integers.
template <typename T>
std::vector<int64_t> KMeansPlusPlusByLoop(const Batch<T>& batch, int64_t m,
                                          int64_t num_candidates, uint64_t seed,
                                          uint64_t stream) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> weights = Weights(batch);
  const T* const points = batch.points.template get<T>();
  Philox random(seed, stream);
  std::vector<double> nearest(batch.n, infinity);
  double total = infinity;
  std::vector<int64_t> chosen;
  while (int64_t(chosen.size()) < m) {
    std::vector<double> best;
    double least = infinity;
    int64_t best_row = -1;
    for (int64_t c = 0; c < num_candidates; ++c) {
      int64_t row = -1;
      do {
        if (total > 0 && total < infinity) {
          const double target = random.Float() * total;
          double running = 0;
          row = 0;
          for (; row + 1 < batch.n; ++row) {
            running += weights[row] * nearest[row];
            if (running > target) break;
          }
        } else {
          row = random.Row(weights, batch.weighted);
        }
      } while (std::count(chosen.begin(), chosen.end(), row));
      std::vector<double> candidate(nearest);
      double mass = 0;
      for (int64_t i = 0; i < batch.n; ++i) {
        const double square = Square<T>(Row(batch, row), points + i * batch.d);
        candidate[i] = std::min(candidate[i], square);
        mass += weights[i] * candidate[i];
      }
      if (best_row < 0 || mass < least) {
        least = mass;
        best = candidate;
        best_row = row;
      }
    }
    nearest = best;
    total = least;
    chosen.push_back(best_row);
  }
  return chosen;
}

template <typename T>
void CheckKMeansPlusPlus(Random& random) {
  const Batch<T> batch = NewBatch<T>(random);
  const std::vector<double> weights = Weights(batch);
  // Rows of weight 0 must not be chosen.
  const int64_t limit = std::count_if(weights.begin(), weights.end(),
                                      [](double weight) { return weight > 0; });
  const int64_t m = random.Integer(0, std::min<int64_t>(limit, 20));
  const int64_t num_candidates = random.Integer(1, 4);
  const int64_t seed = random.Bits(), stream = random.Chance(50) ? 0 : 3;
  std::vector<fake::Value> inputs = {batch.points, Scalar(m),
                                     Scalar(num_candidates), Scalar(seed),
                                     Scalar(stream)};
  if (batch.weighted) inputs.push_back(batch.weights);
  const fake::Outcome outcome = fake::RunOp("KmeansEstimator>KmeansPlusPlus",
                                            kType<T>, {}, inputs);
  Expect(outcome.code == TF_OK, "%s", outcome.message.c_str());
  const int64_t* const begin = outcome.outputs[0].get<int64_t>();
  const std::vector<int64_t> chosen(begin, begin + m);
  for (const int64_t row : chosen) {
    Expect(0 <= row && row < batch.n &&
               std::count(chosen.begin(), chosen.end(), row) == 1,
           "k-means++ chose row %lld", static_cast<long long>(row));
  }
  if (batch.kind != kIntegers) return;
  Expect(chosen ==
             KMeansPlusPlusByLoop(batch, m, num_candidates, seed, stream),
         "k-means++ with seed %lld and %lld candidates for each chose other "
         "rows",
         static_cast<long long>(seed), static_cast<long long>(num_candidates));
}

// Returns the final state of a chain over the rows from `begin` on.
template <typename T>
int64_t ChainByLoop(const std::vector<T>& distances,
                    const std::vector<double>& weights, int64_t begin,
                    Philox& random) {
  const auto mass = [&](size_t i) { return weights[begin + i] * distances[i]; };
  size_t state = 0;
  for (size_t i = 1; i < distances.size(); ++i) {
    if (mass(i) > random.Float() * mass(state)) state = i;
  }
  return state;
}

template <typename T>
void CheckKmc2(Random& random) {
  const Batch<T> batch = NewBatch<T>(random);
  const int64_t missing = random.Integer(0, 8), seed = random.Bits();
  const int64_t chain_length = random.Size(1, 50);
  const int64_t num_centers = random.Chance(30) ? 0 : batch.k;
  fake::Value centers(kType<T>, {num_centers, batch.d}, 1);
  std::copy_n(batch.centers.template get<T>(), num_centers * batch.d,
              centers.get<T>());
  std::vector<fake::Value> inputs = {batch.points, centers, Scalar(missing),
                                     Scalar(seed)};
  if (batch.weighted) inputs.push_back(batch.weights);
  const fake::Outcome outcome =
      fake::RunOp("KmeansEstimator>Kmc2", kType<T>,
                  {{"chain_length", chain_length}}, inputs);
  Expect(outcome.code == TF_OK, "%s", outcome.message.c_str());
  const int64_t length = std::min(chain_length, batch.n);
  const int64_t m = batch.n ? std::min(batch.n / length, missing) : 0;
  Expect(outcome.outputs[0].size() == m, "k-MC2 chose %lld rows, not %lld",
         static_cast<long long>(outcome.outputs[0].size()),
         static_cast<long long>(m));
  const int64_t* const chosen = outcome.outputs[0].get<int64_t>();
  const bool is_exact = batch.kind == kIntegers && !batch.cosine;
  const std::vector<double> weights = Weights(batch);
  std::vector<T> known(centers.get<T>(), centers.get<T>() + centers.size());
  Philox philox(seed, num_centers);
  const int64_t first = m ? philox.Row(weights, batch.weighted) : 0;
  for (int64_t i = 0; i < m; ++i) {
    const bool is_first = known.empty();
    Expect(is_first || (i * length <= chosen[i] && chosen[i] < (i + 1) * length),
           "k-MC2 chose row %lld of slice %lld",
           static_cast<long long>(chosen[i]), static_cast<long long>(i));
    if (!is_exact) continue;
    std::vector<T> distances(length, 1);
    for (int64_t row = 0; row < length && !is_first; ++row) {
      const auto point = Row(batch, i * length + row);
      T least = std::numeric_limits<T>::infinity();
      for (size_t c = 0; c < known.size(); c += batch.d) {
        least = std::min<T>(least, Square<T>(point, known.data() + c));
      }
      distances[row] = least;
    }
    const int64_t end = ChainByLoop(distances, weights, i * length, philox);
    const int64_t want = is_first ? first : i * length + end;
    Expect(chosen[i] == want, "k-MC2 chose row %lld, not %lld",
           static_cast<long long>(chosen[i]), static_cast<long long>(want));
    const T* const row = batch.points.template get<T>() + want * batch.d;
    known.insert(known.end(), row, row + batch.d);
  }
}

template <typename T>
void CheckKmc2Chain(Random& random) {
  const Kind kind = static_cast<Kind>(random.Integer(0, kNumKinds - 1));
  const int64_t n = random.Size(1, 200), seed = random.Bits();
  snprintf(description, sizeof description, "a chain over %lld distances",
           static_cast<long long>(n));
  const fake::Value distances = NewValue<T>(random, {n});
  for (int64_t i = 0; i < n; ++i) {
    distances.get<T>()[i] =
        kind == kZeros ? 0 : std::fabs(Number<T>(random, kind));
  }
  const fake::Outcome outcome = fake::RunOp(
      "KmeansEstimator>Kmc2Chain", kType<T>, {}, {distances, Scalar(seed)});
  Expect(outcome.code == TF_OK, "%s", outcome.message.c_str());
  Philox philox(seed, 0);
  const std::vector<T> copy(distances.get<T>(), distances.get<T>() + n);
  const int64_t want =
      ChainByLoop(copy, std::vector<double>(n, 1), 0, philox);
  Expect(*outcome.outputs[0].get<int64_t>() == want, "it ends at %lld, not %lld",
         static_cast<long long>(*outcome.outputs[0].get<int64_t>()),
         static_cast<long long>(want));
}

void ExpectFailure(const fake::Outcome& outcome, TF_Code code,
                   const std::string& message) {
  Expect(outcome.code == code &&
             outcome.message.find(message) != std::string::npos,
         "got code %d and message \"%s\", not %d and \"%s\"", outcome.code,
         outcome.message.c_str(), code, message.c_str());
}

template <typename T>
void CheckFinite(Random& random) {
  const int64_t n = random.Size(0, 20), d = random.Size(1, 20);
  snprintf(description, sizeof description, "a check of %lld x %lld",
           static_cast<long long>(n), static_cast<long long>(d));
  const fake::Value points = NewValue<T>(random, {n, d});
  const fake::Value distance = NewValue<T>(random, {n});
  const fake::Value total = NewValue<T>(random, {});
  std::fill_n(points.get<T>(), n * d, T(1));
  std::fill_n(distance.get<T>(), n, T(1));
  *total.get<T>() = n;
  const auto run = [&] {
    return fake::RunOp("KmeansEstimator>CheckFinite", kType<T>,
                       {{"message", 1}}, {points, distance, total});
  };
  Expect(run().code == TF_OK, "finite numbers fail");
  const T nan = std::numeric_limits<T>::quiet_NaN();
  *total.get<T>() = nan;
  if (n == 0) {
    ExpectFailure(run(), TF_INVALID_ARGUMENT, "[message] [] [columns:] []");
    return;
  }
  const int64_t row = random.Integer(0, n - 1);
  const int64_t column = random.Integer(0, d - 1);
  points.get<T>()[row * d + column] = distance.get<T>()[row] = nan;
  ExpectFailure(run(), TF_INVALID_ARGUMENT,
                "[message] [[" + std::to_string(row) + "]] [columns:] [[" +
                    std::to_string(column) + "]]");
  std::fill_n(points.get<T>(), n * d, nan);
  std::fill_n(distance.get<T>(), n, nan);
  ExpectFailure(run(), TF_INVALID_ARGUMENT,
                n > 5 ? "[[0][1][2][3][4]...]" : "[[0]");
}

template <typename T>
void CheckWeights(Random& random) {
  const int64_t n = random.Size(0, 40);
  snprintf(description, sizeof description, "%lld weights",
           static_cast<long long>(n));
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T infinite = std::numeric_limits<T>::infinity();
  const fake::Value weights = NewValue<T>(random, {n});
  const fake::Value distance = NewValue<T>(random, {n});
  T total = 0, lightest = 0;
  for (int64_t i = 0; i < n; ++i) {
    // No sum of these numbers rounds.
    const T weight = random.Integer(0, 20) / T(4);
    weights.get<T>()[i] = weight;
    distance.get<T>()[i] = random.Integer(0, 20);
    total += weight;
    if (weight > 0 && (lightest == 0 || weight < lightest)) lightest = weight;
  }
  const auto weigh = [&] {
    return fake::RunOp("KmeansEstimator>Weigh", kType<T>, {},
                       {weights, distance});
  };
  const auto check = [&](T sum) {
    const fake::Value value = NewValue<T>(random, {});
    *value.get<T>() = sum;
    return fake::RunOp("KmeansEstimator>CheckWeights", kType<T>,
                       {{"message", 1}}, {weights, value});
  };
  const fake::Outcome weighed = weigh();
  Expect(weighed.code == TF_OK, "%s", weighed.message.c_str());
  for (int64_t i = 0; i < n; ++i) {
    Expect(weighed.outputs[0].get<T>()[i] ==
               weights.get<T>()[i] * distance.get<T>()[i],
           "the distance of %lld is wrong", static_cast<long long>(i));
  }
  Expect(*weighed.outputs[1].get<T>() == total, "the total is wrong");
  Expect(*weighed.outputs[2].get<T>() == lightest, "the lightest is wrong");
  if (n == 0) {
    Expect(check(0).code == TF_OK, "no weights fail");
    return;
  }
  Expect(check(1).code == TF_OK, "good weights fail");
  ExpectFailure(check(0), TF_INVALID_ARGUMENT, "[message] [] [weights:] []");
  const int64_t row = random.Integer(0, n - 1);
  for (const T wrong : {T(-2), nan, infinite}) {
    weights.get<T>()[row] = wrong;
    const fake::Outcome outcome = weigh();
    const T sum = *outcome.outputs[1].get<T>();
    Expect(!std::isfinite(sum), "a wrong weight has a finite total");
    ExpectFailure(check(sum), TF_INVALID_ARGUMENT,
                  "[[" + std::to_string(row) + "]] [weights:]");
  }
}

// Checks the errors for inputs of wrong shapes and for too little memory.
template <typename T>
void CheckFailures(const KernelsOf<T>& kernels) {
  constexpr TF_DataType type = kType<T>;
  const auto zeros = [](const fake::Dims& dims, TF_DataType of = kType<T>) {
    fake::Value value(of, dims, 0);
    memset(value.data, 0, value.size() * (of == TF_FLOAT ? 4 : 8));
    return value;
  };
  const fake::Attributes allocation = {
      {"cosine", 0}, {"part", 0}, {"parts", 1}};
  const auto allocate = [&](const std::vector<fake::Value>& inputs,
                            int failing_output = -1) {
    return fake::RunOp("KmeansEstimator>Allocate", type, allocation, inputs,
                       failing_output);
  };
  strcpy(description, "Allocate");
  ExpectFailure(allocate({zeros({4}), zeros({2, 3})}), TF_INVALID_ARGUMENT,
                "points must be of rank 2, got rank 1.");
  ExpectFailure(allocate({zeros({4, 3}), zeros({2, 3, 1})}),
                TF_INVALID_ARGUMENT, "centers must be of rank 2, got rank 3.");
  ExpectFailure(allocate({zeros({4, 3}), zeros({2, 2})}), TF_INVALID_ARGUMENT,
                "The points have 3 columns, but the centers have 2.");
  ExpectFailure(allocate({zeros({4, 3}), zeros({0, 3})}), TF_INVALID_ARGUMENT,
                "There must be at least 1 center(s) and 1 column, got centers "
                "of shape [0, 3].");
  ExpectFailure(allocate({zeros({4, 0}), zeros({2, 0})}), TF_INVALID_ARGUMENT,
                "got centers of shape [2, 0].");
  ExpectFailure(allocate({zeros({4, 3}), zeros({2, 3}), zeros({5})}),
                TF_INVALID_ARGUMENT, "weights must have 4 elements, got 5.");
  for (int output = 0; output < 4; ++output) {
    ExpectFailure(allocate({zeros({4, 3}), zeros({2, 3})}, output),
                  TF_RESOURCE_EXHAUSTED, "There is no memory.");
  }

  strcpy(description, "Relocate");
  const auto relocate = [&](int64_t index, int64_t distance, int64_t totals,
                            int failing_output = -1) {
    return fake::RunOp("KmeansEstimator>Relocate", type, {{"cosine", 0}},
                       {zeros({4, 3}), zeros({index}, TF_INT64),
                        zeros({distance}), zeros({2, 3}, TF_DOUBLE),
                        zeros({totals}, TF_DOUBLE)},
                       failing_output);
  };
  ExpectFailure(relocate(3, 4, 2), TF_INVALID_ARGUMENT,
                "index must have 4 elements, got 3.");
  ExpectFailure(relocate(4, 5, 2), TF_INVALID_ARGUMENT,
                "distance must have 4 elements, got 5.");
  ExpectFailure(relocate(4, 4, 3), TF_INVALID_ARGUMENT,
                "totals must have 2 elements, got 3.");
  for (int output = 0; output < 2; ++output) {
    ExpectFailure(relocate(4, 4, 2, output), TF_RESOURCE_EXHAUSTED,
                  "There is no memory.");
  }

  strcpy(description, "KmeansPlusPlus");
  const auto plus_plus = [&](const fake::Value& points, int64_t m,
                             int64_t num_candidates, int failing_output = -1) {
    return fake::RunOp(
        "KmeansEstimator>KmeansPlusPlus", type, {},
        {points, Scalar(m), Scalar(num_candidates), Scalar(0), Scalar(0)},
        failing_output);
  };
  ExpectFailure(plus_plus(zeros({4, 3}), 5, 1), TF_INVALID_ARGUMENT,
                "k-means++ cannot choose 5 of 4 points");
  ExpectFailure(plus_plus(zeros({4, 3}), -1, 1), TF_INVALID_ARGUMENT,
                "k-means++ cannot choose -1 of 4 points");
  ExpectFailure(plus_plus(zeros({4, 3}), 1, 0), TF_INVALID_ARGUMENT,
                "with 0 candidates for each");
  ExpectFailure(plus_plus(zeros({4, 3}), 1, int64_t{1} << 61),
                TF_INVALID_ARGUMENT,
                "with 2305843009213693952 candidates for each");
  ExpectFailure(plus_plus(zeros({4, 3}), 1, 1, 0), TF_RESOURCE_EXHAUSTED,
                "There is no memory.");
  ExpectFailure(fake::RunOp("KmeansEstimator>KmeansPlusPlus", type, {},
                            {zeros({4, 3}), Scalar(1), Scalar(1), Scalar(0),
                             Scalar(0), zeros({4})}),
                TF_INVALID_ARGUMENT,
                "k-means++ cannot choose 1 points: only 0 have a weight");
  // The points are never read: the kernel first allocates scratch memory, which
  // fails.
  fake::Value endless = zeros({1, 1});
  endless.dims = {int64_t{1} << 42, 1};
  ExpectFailure(plus_plus(endless, 1, 1), TF_RESOURCE_EXHAUSTED,
                "There is not enough memory for a k-means op.");
  ExpectFailure(plus_plus(endless, 1, (int64_t{1} << 31) - 1),
                TF_RESOURCE_EXHAUSTED,
                "There is not enough memory for a k-means op.");

  strcpy(description, "Kmc2");
  const auto kmc2 = [&](const fake::Value& points, const fake::Value& centers,
                        int64_t missing, int64_t chain_length,
                        int failing_output = -1) {
    return fake::RunOp("KmeansEstimator>Kmc2", type,
                       {{"chain_length", chain_length}},
                       {points, centers, Scalar(missing), Scalar(0)},
                       failing_output);
  };
  ExpectFailure(kmc2(zeros({4, 3}), zeros({1, 2}), 1, 2), TF_INVALID_ARGUMENT,
                "The points have 3 columns, but the centers have 2.");
  ExpectFailure(kmc2(zeros({4, 3}), zeros({1, 3}), -1, 2), TF_INVALID_ARGUMENT,
                "k-MC2 cannot choose -1 centers");
  ExpectFailure(kmc2(zeros({4, 3}), zeros({1, 3}), 1, 0), TF_INVALID_ARGUMENT,
                "with chains of 0 points");
  ExpectFailure(kmc2(zeros({4, 3}), zeros({1, 3}), 1, 2, 0),
                TF_RESOURCE_EXHAUSTED, "There is no memory.");
  ExpectFailure(kmc2(endless, zeros({1, 1}), 1, int64_t{1} << 42),
                TF_RESOURCE_EXHAUSTED,
                "There is not enough memory for a k-means op.");

  strcpy(description, "Kmc2Chain");
  ExpectFailure(fake::RunOp("KmeansEstimator>Kmc2Chain", type, {},
                            {zeros({0}), Scalar(0)}),
                TF_INVALID_ARGUMENT,
                "distances must have at least 1 element, got none.");

  strcpy(description, "allocate");
  Allocation<T> a = {};
  a.d = 1;
  a.k = int64_t{1} << 42;
  Expect(!kernels.allocate(a), "there was memory for 2^42 centers");
}

void CheckShapes() {
  const fake::Shape unknown;
  const auto infer = [](const std::string& op,
                        const std::vector<fake::Shape>& inputs) {
    snprintf(description, sizeof description, "the shapes of %s", op.c_str());
    return fake::InferShapes("KmeansEstimator>" + op, inputs);
  };
  const auto expect = [](const fake::Outcome& outcome,
                         const std::vector<fake::Shape>& shapes) {
    Expect(outcome.code == TF_OK, "%s", outcome.message.c_str());
    Expect(outcome.shapes == shapes, "they are wrong");
  };
  typedef fake::Dims Dims;
  expect(infer("Allocate", {Dims{-1, 3}, Dims{2, 3}}),
         {unknown, unknown, Dims{2, 3}, Dims{2}});
  expect(infer("Allocate", {unknown, unknown}),
         {unknown, unknown, Dims{-1, -1}, Dims{-1}});
  expect(infer("Nearest", {Dims{4, -1}, Dims{2, 3}}), {unknown, unknown});
  expect(infer("Relocate", {unknown, Dims{4}, unknown, Dims{2, 3}, Dims{2}}),
         {Dims{2, 3}, Dims{2}});
  expect(infer("KmeansPlusPlus", {Dims{4, 3}}), {unknown});
  expect(infer("Kmc2", {Dims{4, 3}}), {unknown});
  expect(infer("Kmc2Chain", {Dims{4}}), {Dims{}});
  expect(infer("Weigh", {Dims{4}, unknown}), {Dims{4}, Dims{}, Dims{}});
  for (const char* op : {"Allocate", "Nearest"}) {
    ExpectFailure(infer(op, {Dims{4, 3}, Dims{2, 4}}), TF_INVALID_ARGUMENT,
                  "The points have 3 columns, but the centers have 4.");
    ExpectFailure(infer(op, {Dims{4}, Dims{2, 4}}), TF_INVALID_ARGUMENT, "");
  }
  ExpectFailure(
      infer("Relocate", {unknown, Dims{4, 1}, unknown, Dims{2, 3}, Dims{2}}),
      TF_INVALID_ARGUMENT, "");
  ExpectFailure(infer("KmeansPlusPlus", {Dims{4}}), TF_INVALID_ARGUMENT, "");
  ExpectFailure(infer("Kmc2Chain", {Dims{4, 1}}), TF_INVALID_ARGUMENT, "");
  ExpectFailure(infer("Weigh", {Dims{4}, Dims{4, 1}}), TF_INVALID_ARGUMENT, "");
}

template <typename T>
void CheckAll(const KernelsOf<T>& kernels, int64_t num_cases, uint64_t seed) {
  Random random(seed);
  for (int64_t i = 0; i < num_cases; ++i) {
    CheckAllocate<T>(random, kernels);
    CheckRelocate<T>(random);
    CheckKMeansPlusPlus<T>(random);
    CheckKmc2<T>(random);
    CheckKmc2Chain<T>(random);
    CheckFinite<T>(random);
    CheckWeights<T>(random);
  }
  CheckFailures<T>(kernels);
}

int Main(int num_arguments, char** arguments) {
  if (num_arguments != 4) {
    for (const Kernels* kernels : kAll) puts(kernels->instruction_set);
    return 0;
  }
  const char* const name = arguments[1];
  const int64_t num_cases = atoll(arguments[2]);
  const uint64_t seed = atoll(arguments[3]);
  if (!kmeans_estimator_use_instruction_set(name)) return kNotOnThisMachine;
  const auto kernels =
      std::find_if(std::begin(kAll), std::end(kAll), [&](const Kernels* each) {
        return !strcmp(name, each->instruction_set);
      });
  CheckAll((*kernels)->float32, num_cases, seed);
  CheckAll((*kernels)->float64, num_cases, seed + 1);
  CheckShapes();
  return 0;
}

}  // namespace
}  // namespace kmeans_estimator

int main(int num_arguments, char** arguments) {
  return kmeans_estimator::Main(num_arguments, arguments);
}
