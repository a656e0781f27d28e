// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Vectors of the instruction set that a file is compiled for, using the vector
// extensions of GCC and Clang. Everything here has internal linkage. Otherwise
// the linker would merge functions of the same name that were compiled for
// different instruction sets.

#ifndef KMEANS_ESTIMATOR_SIMD_H_
#define KMEANS_ESTIMATOR_SIMD_H_

#include <cstdint>
#include <cstdlib>
#include <utility>

namespace kmeans_estimator {
namespace {

// A tile of scores has kTileCenters x 2 vectors. With the operands of their
// computation they fill the registers.
#if KERNELS_VECTOR_BYTES == 64  // 32 registers
constexpr int kTileCenters = 12;
#elif KERNELS_VECTOR_BYTES == 32  // 16 registers
constexpr int kTileCenters = 6;
#elif defined(__aarch64__)  // 32 registers of 16 bytes
constexpr int kTileCenters = 12;
#else
constexpr int kTileCenters = 4;
#endif

template <typename T>
struct IntegerOf;
template <>
struct IntegerOf<float> {
  typedef int32_t Type;
};
template <>
struct IntegerOf<double> {
  typedef int64_t Type;
};

template <typename T>
struct Simd {
  static constexpr int kLanes = KERNELS_VECTOR_BYTES / sizeof(T);
  typedef T Vector __attribute__((vector_size(KERNELS_VECTOR_BYTES)));
  typedef typename IntegerOf<T>::Type Integer;
  // The result type of comparing two vectors.
  typedef Integer Integers __attribute__((vector_size(KERNELS_VECTOR_BYTES)));
};

template <typename V, typename T>
inline V Load(const T* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <typename V, typename T>
inline void Store(T* to, V v) {
  __builtin_memcpy(to, &v, sizeof v);
}

template <typename T>
inline T Sum(typename Simd<T>::Vector v) {
  T lanes[Simd<T>::kLanes];
  Store(lanes, v);
  for (int half = Simd<T>::kLanes / 2; half; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// Exchanges runs of `size` lanes between two vectors, as a step of a transpose.
// For size 2, a becomes a0 a1 b0 b1 a4 a5 b4 b5 and b becomes a2 a3 b2 b3 a6 a7
// b6 b7. In a shuffle, indices >= kLanes select lanes of the second vector.
template <typename T, int size, int... lane>
inline void Exchange(typename Simd<T>::Vector& a, typename Simd<T>::Vector& b,
                     std::integer_sequence<int, lane...>) {
  constexpr int kLanes = Simd<T>::kLanes;
  const auto old_a = a, old_b = b;
#if defined(__clang__)
  a = __builtin_shufflevector(
      old_a, old_b, (lane & size ? lane - size + kLanes : lane)...);
  b = __builtin_shufflevector(
      old_a, old_b, (lane & size ? lane + kLanes : lane + size)...);
#else
  typedef typename Simd<T>::Integers Integers;
  a = __builtin_shuffle(
      old_a, old_b, Integers{(lane & size ? lane - size + kLanes : lane)...});
  b = __builtin_shuffle(
      old_a, old_b, Integers{(lane & size ? lane + kLanes : lane + size)...});
#endif
}

// Transposes a square matrix of kLanes vectors.
template <typename T, int size = Simd<T>::kLanes / 2>
inline void Transpose(typename Simd<T>::Vector* rows) {
  constexpr int kLanes = Simd<T>::kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; ++r) {
    if (r & size) continue;
    Exchange<T, size>(rows[r], rows[r + size],
                      std::make_integer_sequence<int, kLanes>());
  }
  if constexpr (size > 1) Transpose<T, size / 2>(rows);
}

// Scratch memory of a kernel, aligned for vectors.
template <typename T>
class Buffer {
 public:
  // Allocates nothing if rows * columns elements do not fit into memory.
  explicit Buffer(int64_t rows, int64_t columns = 1) {
    int64_t bytes = 0;
    void* data = nullptr;
    if (!__builtin_mul_overflow(rows, columns, &bytes) &&
        !__builtin_mul_overflow(bytes, int64_t{sizeof(T)}, &bytes) &&
        !__builtin_add_overflow(bytes, 64, &bytes) &&
        posix_memalign(&data, 64, bytes) == 0) {
      data_ = static_cast<T*>(data);
    }
  }
  ~Buffer() { free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool is_allocated() const { return data_ != nullptr; }
  T* get() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  T* data_ = nullptr;
};

}  // namespace
}  // namespace kmeans_estimator

#endif  // KMEANS_ESTIMATOR_SIMD_H_
