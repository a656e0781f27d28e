// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// TensorFlow ops over the kernels, registered when the library is loaded. They
// check shapes, allocate outputs and choose the instruction set. allocate.h and
// seeding.h hold the algorithms.

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels.h"
#include "tensorflow_c_api.h"

namespace kmeans_estimator {
namespace {

// The least work of a part of the rows, in multiplications. Smaller parts are
// not worth another thread.
constexpr int64_t kMinPartWork = int64_t{1} << 17;

// Returns the table of an instruction set by name, or the best table if name is
// null; null if the processor does not support the instruction set.
#if defined(__x86_64__)
const Kernels* Find(const char* name) {
  const bool any = name == nullptr;
  if ((any || !strcmp(name, kAvx512.instruction_set)) &&
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return &kAvx512;
  }
  if ((any || !strcmp(name, kAvx2.instruction_set)) &&
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return &kAvx2;
  }
  if (any || !strcmp(name, kBaseline.instruction_set)) return &kBaseline;
  return nullptr;
}
#else
const Kernels* Find(const char* name) {
  if (name == nullptr || !strcmp(name, kBaseline.instruction_set)) {
    return &kBaseline;
  }
  return nullptr;
}
#endif

const Kernels* kernels = nullptr;

template <typename T>
const KernelsOf<T>& KernelsFor();
template <>
const KernelsOf<float>& KernelsFor() {
  return kernels->float32;
}
template <>
const KernelsOf<double>& KernelsFor() {
  return kernels->float64;
}

template <typename T>
struct DataType;
template <>
struct DataType<float> {
  static constexpr TF_DataType kValue = TF_FLOAT;
};
template <>
struct DataType<double> {
  static constexpr TF_DataType kValue = TF_DOUBLE;
};
template <>
struct DataType<int64_t> {
  static constexpr TF_DataType kValue = TF_INT64;
};

// One run of an op: its error status, and its inputs and outputs, which it
// releases when the run ends.
class Run {
 public:
  explicit Run(TF_OpKernelContext* context)
      : context_(context), status_(TF_NewStatus()) {}
  ~Run() {
    if (!ok()) TF_OpKernelContext_Failure(context_, status_);
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  int num_inputs() const { return TF_NumInputs(context_); }

  void Fail(TF_Code code, const char* format, ...)
      __attribute__((format(printf, 3, 4))) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    TF_SetStatus(status_, code, message);
  }

  void FailForMemory() {
    Fail(TF_RESOURCE_EXHAUSTED,
         "There is not enough memory for a k-means op. Use smaller batches.");
  }

  // Returns an input. Fails the run and returns null if the input has the wrong
  // rank. If the run has already failed, returns null and calls no function of
  // TensorFlow, which would replace the error in the status.
  const TF_Tensor* Input(int i, const char* name, int rank) {
    if (!ok()) return nullptr;
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, i, &tensor, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    if (TF_NumDims(tensor) != rank) {
      Fail(TF_INVALID_ARGUMENT, "%s must be of rank %d, got rank %d.", name,
           rank, TF_NumDims(tensor));
      return nullptr;
    }
    return tensor;
  }

  int64_t Scalar(int i, const char* name) {
    const TF_Tensor* tensor = Input(i, name, 0);
    return tensor ? *static_cast<const int64_t*>(TF_TensorData(tensor)) : 0;
  }

  // Returns the elements of an input vector. Fails the run and returns null if
  // the vector does not have `size` elements.
  template <typename T>
  const T* VectorOf(int i, const char* name, int64_t size) {
    const TF_Tensor* tensor = Input(i, name, 1);
    if (!tensor) return nullptr;
    if (TF_Dim(tensor, 0) != size) {
      Fail(TF_INVALID_ARGUMENT, "%s must have %lld elements, got %lld.", name,
           static_cast<long long>(size),
           static_cast<long long>(TF_Dim(tensor, 0)));
      return nullptr;
    }
    return static_cast<const T*>(TF_TensorData(tensor));
  }

  template <typename T>
  T* Output(int i, std::initializer_list<int64_t> dims) {
    if (!ok()) return nullptr;
    int64_t size = 1;
    for (const int64_t dim : dims) size *= dim;
    TF_Tensor* tensor =
        TF_AllocateOutput(context_, i, DataType<T>::kValue, dims.begin(),
                          dims.size(), size * sizeof(T), status_);
    if (!tensor) return nullptr;
    tensors_.push_back(tensor);
    return static_cast<T*>(TF_TensorData(tensor));
  }

 private:
  TF_OpKernelContext* const context_;
  TF_Status* const status_;
  std::vector<TF_Tensor*> tensors_;
};

template <typename T>
const T* Data(const TF_Tensor* tensor) {
  return static_cast<const T*>(TF_TensorData(tensor));
}

// The sizes of points [n, d] and centers [k, d]. Fails the run if their numbers
// of columns differ, or if there are too few centers or no columns.
struct Sizes {
  Sizes(Run& run, const TF_Tensor* points, const TF_Tensor* centers,
        int64_t min_centers) {
    if (!run.ok()) return;
    n = TF_Dim(points, 0);
    d = TF_Dim(points, 1);
    k = TF_Dim(centers, 0);
    if (TF_Dim(centers, 1) != d) {
      run.Fail(TF_INVALID_ARGUMENT,
               "The points have %lld columns, but the centers have %lld.",
               static_cast<long long>(d),
               static_cast<long long>(TF_Dim(centers, 1)));
    } else if (k < min_centers || d < 1) {
      run.Fail(TF_INVALID_ARGUMENT,
               "There must be at least %lld center(s) and 1 column, got "
               "centers of shape [%lld, %lld].",
               static_cast<long long>(min_centers), static_cast<long long>(k),
               static_cast<long long>(d));
    }
  }

  int64_t n = 0, d = 0, k = 0;
};

// The attributes of all ops; each op has some of them.
struct Attributes {
  unsigned char cosine = 0;
  int64_t part = 0, parts = 1, chain_length = 1;
  char message[256] = "";
};

void* NewAttributes(TF_OpKernelConstruction* construction) {
  Attributes* attributes = new (std::nothrow) Attributes;
  TF_Status* status = TF_NewStatus();
  if (!attributes) {
    TF_SetStatus(status, TF_RESOURCE_EXHAUSTED, "Out of memory.");
    TF_OpKernelConstruction_Failure(construction, status);
  } else {
    // An op without the attribute keeps the default.
    TF_OpKernelConstruction_GetAttrBool(construction, "cosine",
                                        &attributes->cosine, status);
    TF_OpKernelConstruction_GetAttrInt64(construction, "part",
                                         &attributes->part, status);
    TF_OpKernelConstruction_GetAttrInt64(construction, "parts",
                                         &attributes->parts, status);
    TF_OpKernelConstruction_GetAttrInt64(construction, "chain_length",
                                         &attributes->chain_length, status);
    // TensorFlow 2.13 copies no string if an attribute was missing before.
    TF_SetStatus(status, TF_OK, "");
    // The last byte stays 0: TensorFlow does not terminate the string.
    TF_OpKernelConstruction_GetAttrString(
        construction, "message", attributes->message,
        sizeof attributes->message - 1, status);
  }
  TF_DeleteStatus(status);
  return attributes;
}

void DeleteAttributes(void* attributes) {
  delete static_cast<Attributes*>(attributes);
}

// Allocates one of several parts of the rows. The division into parts depends
// only on shapes and attributes, so results do not depend on the number of
// threads.
template <typename T, bool kWithSums>
void ComputeAllocation(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<const Attributes*>(kernel);
  Run run(context);
  const TF_Tensor* points = run.Input(0, "points", 2);
  const TF_Tensor* centers = run.Input(1, "centers", 2);
  const Sizes sizes(run, points, centers, 1);
  if (!run.ok()) return;

  Allocation<T> a = {};
  const int64_t min_rows = kMinPartWork / (sizes.k * sizes.d) + 1;
  const int64_t rows =
      std::max((sizes.n + attributes.parts - 1) / attributes.parts, min_rows);
  a.begin = std::min(attributes.part * rows, sizes.n);
  a.end = std::min(a.begin + rows, sizes.n);
  a.points = Data<T>(points);
  a.centers = Data<T>(centers);
  a.d = sizes.d;
  a.k = sizes.k;
  a.cosine = attributes.cosine;
  if (kWithSums && run.num_inputs() > 2) {
    a.weights = run.VectorOf<T>(2, "weights", sizes.n);
  }
  a.index = run.Output<int64_t>(0, {a.end - a.begin});
  a.distance = run.Output<T>(1, {a.end - a.begin});
  if (kWithSums) {
    a.sums = run.Output<double>(2, {a.k, a.d});
    a.totals = run.Output<double>(3, {a.k});
  }
  if (run.ok() && !KernelsFor<T>().allocate(a)) run.FailForMemory();
}

// Returns at most `limit` rows, the farthest from their centers first; on a tie
// the earlier row comes first. Leaves out rows at distance 0 or NaN and rows of
// weight 0.
template <typename T>
std::vector<int64_t> Farthest(const T* distance, const T* weights, int64_t n,
                              int64_t limit) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < n; ++i) {
    if (distance[i] > 0 && !(weights && weights[i] == 0)) rows.push_back(i);
  }
  limit = std::min<int64_t>(limit, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + limit, rows.end(),
                    [distance](int64_t i, int64_t j) {
                      return distance[i] > distance[j] ||
                             (distance[i] == distance[j] && i < j);
                    });
  rows.resize(limit);
  return rows;
}

// Returns the length of a row. Divides by the largest magnitude before
// squaring, so that squares neither overflow nor underflow.
template <typename T>
double Length(const T* row, int64_t d) {
  double largest = 0, square = 0;
  for (int64_t j = 0; j < d; ++j) {
    largest = std::max(largest, std::abs(double{row[j]}));
  }
  if (largest == 0) return 0;
  for (int64_t j = 0; j < d; ++j) {
    square += (row[j] / largest) * (row[j] / largest);
  }
  return largest * std::sqrt(square);
}

// If all points leave a cluster, rounding of float64 sums may leave up to this
// share of its weight. A smaller rest is set to 0, even if it is the weight of a
// remaining point that is so much lighter than the points that left.
constexpr double kRoundedOff = 0x1p-40;

// Moves the point that is farthest from its center into the first empty
// cluster, the second farthest point into the second empty cluster, and so on.
// Each point leaves its former cluster.
template <typename T>
void ComputeRelocation(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<const Attributes*>(kernel);
  Run run(context);
  const TF_Tensor* points = run.Input(0, "points", 2);
  const TF_Tensor* old_sums = run.Input(3, "sums", 2);
  const Sizes sizes(run, points, old_sums, 1);
  if (!run.ok()) return;
  const int64_t* index = run.VectorOf<int64_t>(1, "index", sizes.n);
  const T* distance = run.VectorOf<T>(2, "distance", sizes.n);
  const double* old_totals = run.VectorOf<double>(4, "totals", sizes.k);
  const T* weights =
      run.num_inputs() > 5 ? run.VectorOf<T>(5, "weights", sizes.n) : nullptr;
  double* sums = run.Output<double>(0, {sizes.k, sizes.d});
  double* totals = run.Output<double>(1, {sizes.k});
  if (!run.ok()) return;
  std::copy_n(Data<double>(old_sums), sizes.k * sizes.d, sums);
  std::copy_n(old_totals, sizes.k, totals);

  std::vector<int64_t> empty;
  for (int64_t c = 0; c < sizes.k; ++c) {
    if (!(old_totals[c] > 0)) empty.push_back(c);
  }
  if (empty.empty()) return;
  const std::vector<int64_t> rows =
      Farthest(distance, weights, sizes.n, empty.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const T* point = Data<T>(points) + rows[i] * sizes.d;
    const int64_t from = index[rows[i]], to = empty[i];
    const double weight = weights ? weights[rows[i]] : 1;
    const double length = attributes.cosine ? Length(point, sizes.d) : 1;
    for (int64_t j = 0; j < sizes.d; ++j) {
      const double moved = length > 0 ? weight * (point[j] / length) : 0;
      sums[from * sizes.d + j] -= moved;
      sums[to * sizes.d + j] = moved;
    }
    totals[from] -= weight;
    // The total of a cluster that all points have left is a rounding error.
    if (totals[from] < kRoundedOff * old_totals[from]) totals[from] = 0;
    totals[to] = weight;
  }
}

// Text of the first indices of a list, in the format of TensorFlow's Assert op.
class Places {
 public:
  explicit Places(int limit) : limit_(limit) { text_[0] = 0; }

  void Add(int64_t place) {
    char text[32];
    snprintf(text, sizeof text, "[%lld]", static_cast<long long>(place));
    Append(text);
  }
  void AddNumber(double number) {
    char text[32];
    snprintf(text, sizeof text, "[%g]", number);
    Append(text);
  }
  const char* text() const { return text_; }

 private:
  void Append(const char* text) {
    char* const end = text_ + strlen(text_);
    const size_t room = text_ + sizeof text_ - end;
    if (count_++ < limit_) {
      snprintf(end, room, "%s", text);
    } else if (count_ == limit_ + 1) {
      snprintf(end, room, "...");
    }
  }

  const int limit_;
  int count_ = 0;
  char text_[256];
};

constexpr int kMaxNamed = 5;

// Fails if the total is not finite. The error names the rows whose distance is
// not finite, and the columns of these rows that hold NaN or Inf.
template <typename T>
void ComputeCheck(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<const Attributes*>(kernel);
  Run run(context);
  const TF_Tensor* points = run.Input(0, "points", 2);
  const TF_Tensor* total = run.Input(2, "total", 0);
  if (!run.ok() || std::isfinite(*Data<T>(total))) return;
  const int64_t n = TF_Dim(points, 0), d = TF_Dim(points, 1);
  const T* distance = run.VectorOf<T>(1, "distance", n);
  if (!run.ok()) return;
  Places rows(kMaxNamed), columns(kMaxNamed);
  std::vector<bool> is_bad(d);
  for (int64_t i = 0; i < n; ++i) {
    if (std::isfinite(distance[i])) continue;
    rows.Add(i);
    for (int64_t j = 0; j < d; ++j) {
      if (!std::isfinite(Data<T>(points)[i * d + j])) is_bad[j] = true;
    }
  }
  for (int64_t j = 0; j < d; ++j) {
    if (is_bad[j]) columns.Add(j);
  }
  run.Fail(TF_INVALID_ARGUMENT,
           "assertion failed: [%s] [%s] [columns:] [%s]", attributes.message,
           rows.text(), columns.text());
}

// Computes w_i * distance_i, the sum of all w_i, and the least w_i above 0 (0: no
// w_i is above 0), where w_i is NaN if weight i is negative.
template <typename T>
void ComputeWeighing(void*, TF_OpKernelContext* context) {
  Run run(context);
  const TF_Tensor* weights = run.Input(0, "weights", 1);
  if (!run.ok()) return;
  const int64_t n = TF_Dim(weights, 0);
  const T* weight = Data<T>(weights);
  const T* distance = run.VectorOf<T>(1, "distance", n);
  T* weighted = run.Output<T>(0, {n});
  T* total = run.Output<T>(1, {});
  T* lightest = run.Output<T>(2, {});
  if (!run.ok()) return;
  // Several sums, because each addition waits for the one before it.
  constexpr int kLanes = 8;
  const T infinite = std::numeric_limits<T>::infinity();
  double sums[kLanes] = {};
  T least[kLanes];
  std::fill_n(least, kLanes, infinite);
  const auto weigh = [&](int64_t i, int lane) {
    const T usable =
        weight[i] >= 0 ? weight[i] : std::numeric_limits<T>::quiet_NaN();
    weighted[i] = usable * distance[i];
    sums[lane] += usable;
    const T positive = weight[i] > 0 ? weight[i] : infinite;
    least[lane] = positive < least[lane] ? positive : least[lane];
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) weigh(i + lane, lane);
  }
  for (; i < n; ++i) weigh(i, 0);
  *total = static_cast<T>(std::accumulate(sums, sums + kLanes, 0.0));
  const T minimum = *std::min_element(least, least + kLanes);
  *lightest = minimum < infinite ? minimum : 0;
}

// Fails unless the sum of all weights is finite and positive, and names the rows
// whose weights are negative, NaN or infinite. A batch without rows passes.
template <typename T>
void ComputeWeightsCheck(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<const Attributes*>(kernel);
  Run run(context);
  const TF_Tensor* weights = run.Input(0, "weights", 1);
  const TF_Tensor* total = run.Input(1, "total", 0);
  if (!run.ok()) return;
  const int64_t n = TF_Dim(weights, 0);
  const T sum = *Data<T>(total);
  if (n == 0 || (sum > 0 && std::isfinite(sum))) return;
  Places rows(kMaxNamed), wrong(kMaxNamed);
  for (int64_t i = 0; i < n; ++i) {
    const T weight = Data<T>(weights)[i];
    if (weight >= 0 && std::isfinite(weight)) continue;
    rows.Add(i);
    wrong.AddNumber(weight);
  }
  run.Fail(TF_INVALID_ARGUMENT,
           "assertion failed: [%s] [%s] [weights:] [%s]", attributes.message,
           rows.text(), wrong.text());
}

// Each candidate needs memory for a distance to every point, so this limit is far
// beyond the memory of any machine.
constexpr int64_t kMaxCandidates = std::numeric_limits<int32_t>::max();

template <typename T>
void ComputeKMeansPlusPlus(void*, TF_OpKernelContext* context) {
  Run run(context);
  const TF_Tensor* points = run.Input(0, "points", 2);
  KMeansPlusPlus<T> a = {};
  a.num_to_sample = run.Scalar(1, "num_to_sample");
  a.num_candidates = run.Scalar(2, "num_candidates");
  a.seed = run.Scalar(3, "seed");
  a.stream = run.Scalar(4, "stream");
  if (!run.ok()) return;
  a.points = Data<T>(points);
  a.n = TF_Dim(points, 0);
  a.d = TF_Dim(points, 1);
  if (run.num_inputs() > 5) a.weights = run.VectorOf<T>(5, "weights", a.n);
  if (run.ok() && (a.num_to_sample < 0 || a.num_to_sample > a.n ||
                   a.num_candidates < 1 || a.num_candidates > kMaxCandidates)) {
    run.Fail(TF_INVALID_ARGUMENT,
             "k-means++ cannot choose %lld of %lld points with %lld candidates "
             "for each.",
             static_cast<long long>(a.num_to_sample),
             static_cast<long long>(a.n),
             static_cast<long long>(a.num_candidates));
  }
  if (run.ok() && a.weights) {
    const int64_t usable = std::count_if(a.weights, a.weights + a.n,
                                         [](T weight) { return weight > 0; });
    if (a.num_to_sample > usable) {
      run.Fail(TF_INVALID_ARGUMENT,
               "k-means++ cannot choose %lld points: only %lld have a weight "
               "above 0.",
               static_cast<long long>(a.num_to_sample),
               static_cast<long long>(usable));
    }
  }
  a.chosen = run.ok() ? run.Output<int64_t>(0, {a.num_to_sample}) : nullptr;
  if (run.ok() && !KernelsFor<T>().kmeans_plus_plus(a)) run.FailForMemory();
}

template <typename T>
void ComputeKmc2(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<const Attributes*>(kernel);
  Run run(context);
  const TF_Tensor* points = run.Input(0, "points", 2);
  const TF_Tensor* centers = run.Input(1, "centers", 2);
  const int64_t missing = run.Scalar(2, "missing");
  Kmc2<T> a = {};
  a.seed = run.Scalar(3, "seed");
  const Sizes sizes(run, points, centers, 0);
  if (!run.ok()) return;
  a.points = Data<T>(points);
  a.centers = Data<T>(centers);
  a.n = sizes.n;
  a.d = sizes.d;
  a.num_centers = a.stream = sizes.k;
  if (run.num_inputs() > 4) a.weights = run.VectorOf<T>(4, "weights", a.n);
  if (run.ok() && (attributes.chain_length < 1 || missing < 0)) {
    run.Fail(TF_INVALID_ARGUMENT,
             "k-MC2 cannot choose %lld centers with chains of %lld points.",
             static_cast<long long>(missing),
             static_cast<long long>(attributes.chain_length));
  }
  if (!run.ok()) return;
  a.chain_length = std::min(attributes.chain_length, a.n);
  a.num_new = a.n ? std::min(a.n / a.chain_length, missing) : 0;
  a.chosen = run.Output<int64_t>(0, {a.num_new});
  if (run.ok() && !KernelsFor<T>().kmc2(a)) run.FailForMemory();
}

// Runs one chain of k-MC2 over given distances.
template <typename T>
void ComputeKmc2Chain(void*, TF_OpKernelContext* context) {
  Run run(context);
  const TF_Tensor* distances = run.Input(0, "distances", 1);
  const int64_t seed = run.Scalar(1, "seed");
  int64_t* end = run.ok() ? run.Output<int64_t>(0, {}) : nullptr;
  if (!run.ok()) return;
  if (TF_Dim(distances, 0) < 1) {
    run.Fail(TF_INVALID_ARGUMENT,
             "distances must have at least 1 element, got none.");
    return;
  }
  *end = KernelsFor<T>().kmc2_chain(Data<T>(distances), TF_Dim(distances, 0),
                                    seed);
}

// Helper of the shape functions: checks the rank of inputs and the equality of
// their numbers of columns, and sets the shapes of outputs.
class Shapes {
 public:
  Shapes(TF_ShapeInferenceContext* context, TF_Status* status)
      : context_(context), status_(status) {
    TF_ShapeInferenceContextSetUnknownShape(context_, status_);
  }

  // Checks the rank of an input.
  void Require(int input, int64_t rank) {
    TF_ShapeHandle* shape = TF_NewShapeHandle();
    Get(input, rank, shape);
    TF_DeleteShapeHandle(shape);
  }

  // Checks that two inputs are matrices of the same number of columns.
  void RequireSameColumns(int first, int second) {
    const int64_t d = Columns(first), other = Columns(second);
    if (TF_GetCode(status_) == TF_OK && d >= 0 && other >= 0 && d != other) {
      char message[128];
      snprintf(message, sizeof message,
               "The points have %lld columns, but the centers have %lld.",
               static_cast<long long>(d), static_cast<long long>(other));
      TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
    }
  }

  // Sets the shape of an output to the first num_dims dimensions of an input.
  void SetOutput(int output, int input, int64_t rank, int64_t num_dims) {
    TF_ShapeHandle* shape = TF_NewShapeHandle();
    TF_ShapeHandle* part = TF_NewShapeHandle();
    Get(input, rank, shape);
    if (TF_GetCode(status_) == TF_OK) {
      TF_ShapeInferenceContextSubshape(context_, shape, 0, num_dims, part,
                                       status_);
    }
    if (TF_GetCode(status_) == TF_OK) {
      TF_ShapeInferenceContextSetOutput(context_, output, part, status_);
    }
    TF_DeleteShapeHandle(part);
    TF_DeleteShapeHandle(shape);
  }

 private:
  void Get(int input, int64_t rank, TF_ShapeHandle* shape) {
    if (TF_GetCode(status_) != TF_OK) return;
    TF_ShapeInferenceContextGetInput(context_, input, shape, status_);
    if (TF_GetCode(status_) != TF_OK) return;
    TF_ShapeInferenceContextWithRank(context_, shape, rank, shape, status_);
  }

  // Returns the number of columns of an input; -1 if it is unknown.
  int64_t Columns(int input) {
    TF_ShapeHandle* shape = TF_NewShapeHandle();
    TF_DimensionHandle* dimension = TF_NewDimensionHandle();
    int64_t columns = -1;
    Get(input, 2, shape);
    if (TF_GetCode(status_) == TF_OK) {
      TF_ShapeInferenceContextDim(context_, shape, 1, dimension);
      if (TF_DimensionHandleValueKnown(dimension)) {
        columns = TF_DimensionHandleValue(dimension);
      }
    }
    TF_DeleteDimensionHandle(dimension);
    TF_DeleteShapeHandle(shape);
    return columns;
  }

  TF_ShapeInferenceContext* const context_;
  TF_Status* const status_;
};

void InferNearest(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes(context, status).RequireSameColumns(0, 1);
}

void InferAllocation(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes(context, status);
  shapes.RequireSameColumns(0, 1);
  shapes.SetOutput(2, 1, 2, 2);
  shapes.SetOutput(3, 1, 2, 1);
}

void InferRelocation(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes(context, status);
  shapes.RequireSameColumns(0, 3);
  shapes.Require(1, 1);
  shapes.Require(2, 1);
  shapes.SetOutput(0, 3, 2, 2);
  shapes.SetOutput(1, 4, 1, 1);
}

void InferSeeding(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes(context, status).Require(0, 2);
}

template <int kRank>
void InferNothing(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes(context, status).Require(0, kRank);
}

void InferWeighing(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes(context, status);
  shapes.Require(1, 1);
  shapes.SetOutput(0, 0, 1, 1);
  shapes.SetOutput(1, 0, 1, 0);
  shapes.SetOutput(2, 0, 1, 0);
}

void InferScalar(TF_ShapeInferenceContext* context, TF_Status* status) {
  Shapes shapes(context, status);
  shapes.SetOutput(0, 0, 1, 0);
}

// Prints an error: registration runs while the library is loaded, when no caller
// can receive an error.
void Check(TF_Status* status, const char* op) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "kmeans_estimator could not register its op %s.\n", op);
  }
}

typedef void (*ComputeFunction)(void*, TF_OpKernelContext*);

void Register(const char* op,
              void (*infer)(TF_ShapeInferenceContext*, TF_Status*),
              std::initializer_list<const char*> attributes,
              std::initializer_list<const char*> inputs,
              std::initializer_list<const char*> outputs,
              ComputeFunction float32, ComputeFunction float64,
              bool is_stateful = false) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(op);
  TF_OpDefinitionBuilderAddAttr(definition, "T: {float, double}");
  for (const char* spec : attributes) {
    TF_OpDefinitionBuilderAddAttr(definition, spec);
  }
  for (const char* spec : inputs) {
    TF_OpDefinitionBuilderAddInput(definition, spec);
  }
  for (const char* spec : outputs) {
    TF_OpDefinitionBuilderAddOutput(definition, spec);
  }
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, infer);
  TF_OpDefinitionBuilderSetIsStateful(definition, is_stateful);
  TF_RegisterOpDefinition(definition, status);
  Check(status, op);
  for (const auto& [type, compute] :
       {std::pair(TF_FLOAT, float32), std::pair(TF_DOUBLE, float64)}) {
    TF_KernelBuilder* kernel = TF_NewKernelBuilder(op, "CPU", NewAttributes,
                                                   compute, DeleteAttributes);
    TF_KernelBuilder_TypeConstraint(kernel, "T", type, status);
    Check(status, op);
    TF_RegisterKernelBuilder(op, kernel, status);
    Check(status, op);
  }
  TF_DeleteStatus(status);
}

__attribute__((constructor)) void RegisterAll() {
#if defined(__x86_64__)
  // __builtin_cpu_supports needs this call here: this constructor may run
  // before the constructor that detects the processor's features.
  __builtin_cpu_init();
#endif
  kernels = Find(nullptr);
  Register("KmeansEstimator>Allocate", InferAllocation,
           {"W: int >= 0", "cosine: bool", "part: int >= 0", "parts: int >= 1"},
           {"points: T", "centers: T", "weights: W * T"},
           {"index: int64", "distance: T", "sums: double", "totals: double"},
           ComputeAllocation<float, true>, ComputeAllocation<double, true>);
  Register("KmeansEstimator>Nearest", InferNearest,
           {"cosine: bool", "part: int >= 0", "parts: int >= 1"},
           {"points: T", "centers: T"}, {"index: int64", "distance: T"},
           ComputeAllocation<float, false>, ComputeAllocation<double, false>);
  Register("KmeansEstimator>Relocate", InferRelocation,
           {"W: int >= 0", "cosine: bool"},
           {"points: T", "index: int64", "distance: T", "sums: double",
            "totals: double", "weights: W * T"},
           {"new_sums: double", "new_totals: double"},
           ComputeRelocation<float>, ComputeRelocation<double>);
  // Stateful, because TensorFlow prunes a stateless op that has no output.
  Register("KmeansEstimator>CheckFinite", InferNothing<2>, {"message: string"},
           {"points: T", "distance: T", "total: T"}, {}, ComputeCheck<float>,
           ComputeCheck<double>, /*is_stateful=*/true);
  Register("KmeansEstimator>Weigh", InferWeighing, {},
           {"weights: T", "distance: T"},
           {"weighted: T", "total: T", "lightest: T"}, ComputeWeighing<float>,
           ComputeWeighing<double>);
  Register("KmeansEstimator>CheckWeights", InferNothing<1>, {"message: string"},
           {"weights: T", "total: T"}, {}, ComputeWeightsCheck<float>,
           ComputeWeightsCheck<double>, /*is_stateful=*/true);
  Register("KmeansEstimator>KmeansPlusPlus", InferSeeding, {"W: int >= 0"},
           {"points: T", "num_to_sample: int64", "num_candidates: int64",
            "seed: int64", "stream: int64", "weights: W * T"},
           {"chosen: int64"}, ComputeKMeansPlusPlus<float>,
           ComputeKMeansPlusPlus<double>);
  Register("KmeansEstimator>Kmc2", InferSeeding,
           {"W: int >= 0", "chain_length: int >= 1"},
           {"points: T", "centers: T", "missing: int64", "seed: int64",
            "weights: W * T"},
           {"chosen: int64"}, ComputeKmc2<float>, ComputeKmc2<double>);
  Register("KmeansEstimator>Kmc2Chain", InferScalar, {},
           {"distances: T", "seed: int64"}, {"end: int64"},
           ComputeKmc2Chain<float>, ComputeKmc2Chain<double>);
}

}  // namespace
}  // namespace kmeans_estimator

// Makes all ops use an instruction set; null: the best. Returns whether the
// library and the processor support it; if not, nothing changes.
extern "C" int kmeans_estimator_use_instruction_set(const char* name) {
  const kmeans_estimator::Kernels* found = kmeans_estimator::Find(name);
  if (found != nullptr) kmeans_estimator::kernels = found;
  return found != nullptr;
}

extern "C" const char* kmeans_estimator_instruction_set() {
  return kmeans_estimator::kernels->instruction_set;
}
