// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// A stand-in for the part of TensorFlow that the ops call, so that they run
// under sanitizers and emulators. The memory of a tensor ends with its last
// element, so that a sanitizer finds every access beyond the end. Outputs are
// initialised with bytes 0xff, which are NaN or -1, so that a test finds
// elements that were not written.

#ifndef KMEANS_ESTIMATOR_TESTS_NATIVE_FAKE_TENSORFLOW_H_
#define KMEANS_ESTIMATOR_TESTS_NATIVE_FAKE_TENSORFLOW_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensorflow_c_api.h"

namespace fake {

typedef std::vector<int64_t> Dims;
typedef std::optional<Dims> Shape;  // no value: the rank is unknown

int64_t NumElements(const Dims& dims);

// A tensor; copies share the memory.
struct Value {
  // `offset` elements precede the first element in memory. Memory is aligned to
  // 16 bytes, so with most offsets data is not aligned to a vector.
  Value(TF_DataType type, const Dims& dims, int64_t offset);

  template <typename T>
  T* get() const {
    return reinterpret_cast<T*>(data);
  }
  int64_t size() const { return NumElements(dims); }

  TF_DataType type;
  Dims dims;
  std::shared_ptr<char> memory;
  char* data;
};

// The status of a run of an op or of its shape function.
struct Outcome {
  TF_Code code;
  std::string message;
  std::vector<Value> outputs;
  std::vector<Shape> shapes;
};

typedef std::map<std::string, int64_t> Attributes;

// Runs the kernel for type T of a registered op. If `failing_output` >= 0, the
// allocation of that output fails.
Outcome RunOp(const std::string& op, TF_DataType type,
              const Attributes& attributes, const std::vector<Value>& inputs,
              int failing_output = -1);

Outcome InferShapes(const std::string& op, const std::vector<Shape>& inputs);

}  // namespace fake

#endif  // KMEANS_ESTIMATOR_TESTS_NATIVE_FAKE_TENSORFLOW_H_
