// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0

#include "fake_tensorflow.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

// Ends the program if an op uses TensorFlow's C API in a wrong way.
#define REQUIRE(condition)                                               \
  do {                                                                   \
    if (!(condition)) {                                                  \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
      abort();                                                           \
    }                                                                    \
  } while (false)

struct TF_Status {
  TF_Code code = TF_OK;
  std::string message;
};

struct TF_Tensor {
  fake::Value value;
};

struct TF_OpDefinitionBuilder {
  std::string name;
  std::vector<std::string> attributes, inputs, outputs;
  void (*infer)(TF_ShapeInferenceContext*, TF_Status*) = nullptr;
};

struct TF_KernelBuilder {
  std::string op;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
  TF_DataType type = TF_INT32;
};

struct TF_OpKernelConstruction {
  const fake::Attributes& attributes;
  TF_Status failure;
};

struct TF_OpKernelContext {
  const TF_OpDefinitionBuilder& definition;
  const TF_DataType type;
  const std::vector<fake::Value>& inputs;
  const int failing_output;
  std::map<int, fake::Value> outputs;
  TF_Status failure;
};

struct TF_ShapeHandle {
  fake::Shape shape;
};

struct TF_DimensionHandle {
  int64_t value = -1;
};

struct TF_ShapeInferenceContext {
  const std::vector<fake::Shape>& inputs;
  std::vector<fake::Shape> outputs;
};

namespace fake {
namespace {

struct Op {
  TF_OpDefinitionBuilder definition;
  std::map<TF_DataType, TF_KernelBuilder> kernels;
};

// Created on first use, because ops are registered before main runs.
std::map<std::string, Op>& Ops() {
  static auto& ops = *new std::map<std::string, Op>;
  return ops;
}

// The number of handles that exist, to find leaks.
int num_handles = 0;

template <typename T>
T* NewHandle(T* handle) {
  ++num_handles;
  return handle;
}

template <typename T>
void DeleteHandle(T* handle) {
  --num_handles;
  delete handle;
}

size_t SizeOf(TF_DataType type) {
  return type == TF_FLOAT || type == TF_INT32 ? 4 : 8;
}

// Returns the text after the colon in "name: type".
std::string TypeOf(const std::string& spec) {
  return spec.substr(spec.find(':') + 2);
}

TF_DataType ParseType(const std::string& name, TF_DataType type) {
  if (name == "T") return type;
  if (name == "double") return TF_DOUBLE;
  REQUIRE(name == "int64");
  return TF_INT64;
}

void Set(TF_Status* status, TF_Code code, const char* message = "") {
  REQUIRE(status != nullptr);
  status->code = code;
  status->message = message;
}

}  // namespace

int64_t NumElements(const Dims& dims) {
  int64_t size = 1;
  for (const int64_t dim : dims) size *= dim;
  return size;
}

Value::Value(TF_DataType type, const Dims& dims, int64_t offset)
    : type(type), dims(dims) {
  const size_t size = (size_t(NumElements(dims)) + offset) * SizeOf(type);
  memory.reset(static_cast<char*>(malloc(size)), free);
  memset(memory.get(), 0xff, size);
  data = memory.get() + offset * SizeOf(type);
}

Outcome RunOp(const std::string& name, TF_DataType type,
              const Attributes& attributes, const std::vector<Value>& inputs,
              int failing_output) {
  REQUIRE(Ops().count(name));
  const Op& op = Ops().at(name);
  REQUIRE(op.kernels.count(type));
  const TF_KernelBuilder& kernel = op.kernels.at(type);
  // As TensorFlow does, refuses attributes and inputs that are not defined.
  size_t num_attributes = 0;
  for (const std::string& spec : op.definition.attributes) {
    const std::string attribute = spec.substr(0, spec.find(':'));
    num_attributes += attributes.count(attribute);
    REQUIRE(attribute == "T" || attribute == "W" ||
            attributes.count(attribute));
  }
  REQUIRE(num_attributes == attributes.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& specs = op.definition.inputs;
    const std::string spec = TypeOf(i < specs.size() ? specs[i] : specs.back());
    REQUIRE(i < specs.size() || spec == "W * T");
    REQUIRE(inputs[i].type == ParseType(spec == "W * T" ? "T" : spec, type));
  }

  TF_OpKernelConstruction construction = {attributes, {}};
  void* const state = kernel.create(&construction);
  REQUIRE(construction.failure.code == TF_OK);
  TF_OpKernelContext context = {op.definition, type, inputs,
                                failing_output, {},   {}};
  kernel.compute(state, &context);
  kernel.destroy(state);
  REQUIRE(num_handles == 0);

  Outcome outcome = {context.failure.code, context.failure.message, {}, {}};
  if (outcome.code == TF_OK) {
    REQUIRE(context.outputs.size() == op.definition.outputs.size());
    for (const auto& output : context.outputs) {
      outcome.outputs.push_back(output.second);
    }
  }
  return outcome;
}

Outcome InferShapes(const std::string& name, const std::vector<Shape>& inputs) {
  const TF_OpDefinitionBuilder& definition = Ops().at(name).definition;
  TF_ShapeInferenceContext context = {
      inputs, std::vector<Shape>(definition.outputs.size())};
  TF_Status status;
  definition.infer(&context, &status);
  REQUIRE(num_handles == 0);
  return {status.code, status.message, {}, context.outputs};
}

}  // namespace fake

using fake::DeleteHandle;
using fake::NewHandle;
using fake::Set;

extern "C" {

TF_Status* TF_NewStatus() { return NewHandle(new TF_Status); }
void TF_DeleteStatus(TF_Status* status) { DeleteHandle(status); }
void TF_SetStatus(TF_Status* status, TF_Code code, const char* message) {
  Set(status, code, message);
}
TF_Code TF_GetCode(const TF_Status* status) { return status->code; }

void* TF_TensorData(const TF_Tensor* tensor) { return tensor->value.data; }
int TF_NumDims(const TF_Tensor* tensor) { return tensor->value.dims.size(); }
int64_t TF_Dim(const TF_Tensor* tensor, int index) {
  return tensor->value.dims.at(index);
}
void TF_DeleteTensor(TF_Tensor* tensor) { DeleteHandle(tensor); }

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* name) {
  return new TF_OpDefinitionBuilder{name, {}, {}, {}, nullptr};
}
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder* builder,
                                   const char* spec) {
  builder->attributes.push_back(spec);
}
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder* builder,
                                    const char* spec) {
  builder->inputs.push_back(spec);
}
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder* builder,
                                     const char* spec) {
  builder->outputs.push_back(spec);
}
void TF_OpDefinitionBuilderSetIsStateful(TF_OpDefinitionBuilder*, bool) {}
void TF_OpDefinitionBuilderSetShapeInferenceFunction(
    TF_OpDefinitionBuilder* builder,
    void (*infer)(TF_ShapeInferenceContext*, TF_Status*)) {
  builder->infer = infer;
}
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder* builder,
                             TF_Status* status) {
  REQUIRE(!fake::Ops().count(builder->name));
  fake::Ops()[builder->name].definition = *builder;
  delete builder;
  Set(status, TF_OK);
}

TF_ShapeHandle* TF_NewShapeHandle() { return NewHandle(new TF_ShapeHandle); }
void TF_DeleteShapeHandle(TF_ShapeHandle* handle) { DeleteHandle(handle); }
TF_DimensionHandle* TF_NewDimensionHandle() {
  return NewHandle(new TF_DimensionHandle);
}
void TF_DeleteDimensionHandle(TF_DimensionHandle* handle) {
  DeleteHandle(handle);
}
void TF_ShapeInferenceContextGetInput(TF_ShapeInferenceContext* context,
                                      int index, TF_ShapeHandle* handle,
                                      TF_Status* status) {
  handle->shape = context->inputs.at(index);
  Set(status, TF_OK);
}
void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext* context,
                                       int index, TF_ShapeHandle* handle,
                                       TF_Status* status) {
  context->outputs.at(index) = handle->shape;
  Set(status, TF_OK);
}
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext* context,
                                             TF_Status* status) {
  for (fake::Shape& shape : context->outputs) shape.reset();
  Set(status, TF_OK);
}
void TF_ShapeInferenceContextWithRank(TF_ShapeInferenceContext*,
                                      TF_ShapeHandle* handle, int64_t rank,
                                      TF_ShapeHandle* result,
                                      TF_Status* status) {
  if (handle->shape && int64_t(handle->shape->size()) != rank) {
    Set(status, TF_INVALID_ARGUMENT, "The shape has the wrong rank.");
    return;
  }
  result->shape = handle->shape.value_or(fake::Dims(rank, -1));
  Set(status, TF_OK);
}
void TF_ShapeInferenceContextSubshape(TF_ShapeInferenceContext*,
                                      TF_ShapeHandle* handle, int64_t start,
                                      int64_t end, TF_ShapeHandle* result,
                                      TF_Status* status) {
  const fake::Dims dims = handle->shape.value();
  REQUIRE(0 <= start && start <= end && end <= int64_t(dims.size()));
  result->shape = fake::Dims(dims.begin() + start, dims.begin() + end);
  Set(status, TF_OK);
}
void TF_ShapeInferenceContextDim(TF_ShapeInferenceContext*,
                                 TF_ShapeHandle* handle, int64_t index,
                                 TF_DimensionHandle* result) {
  result->value = handle->shape.value().at(index);
}
int TF_DimensionHandleValueKnown(TF_DimensionHandle* handle) {
  return handle->value >= 0;
}
int64_t TF_DimensionHandleValue(TF_DimensionHandle* handle) {
  return handle->value;
}

TF_KernelBuilder* TF_NewKernelBuilder(
    const char* op_name, const char* device,
    void* (*create)(TF_OpKernelConstruction*),
    void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*)) {
  REQUIRE(!strcmp(device, "CPU"));
  return new TF_KernelBuilder{op_name, create, compute, destroy};
}
void TF_KernelBuilder_TypeConstraint(TF_KernelBuilder* builder,
                                     const char* attribute,
                                     const TF_DataType type,
                                     TF_Status* status) {
  REQUIRE(!strcmp(attribute, "T"));
  builder->type = type;
  Set(status, TF_OK);
}
void TF_RegisterKernelBuilder(const char*, TF_KernelBuilder* builder,
                              TF_Status* status) {
  auto& kernels = fake::Ops().at(builder->op).kernels;
  REQUIRE(kernels.emplace(builder->type, *builder).second);
  delete builder;
  Set(status, TF_OK);
}
void TF_OpKernelConstruction_GetAttrInt64(TF_OpKernelConstruction* construction,
                                          const char* name, int64_t* value,
                                          TF_Status* status) {
  const auto found = construction->attributes.find(name);
  if (found == construction->attributes.end()) {
    Set(status, TF_INVALID_ARGUMENT, "There is no such attribute.");
    return;
  }
  *value = found->second;
  Set(status, TF_OK);
}
void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction* construction,
                                         const char* name, unsigned char* value,
                                         TF_Status* status) {
  int64_t number = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, name, &number, status);
  if (status->code == TF_OK) *value = number;
}
// The value of every string attribute is the name of the attribute. Like
// TensorFlow 2.13, copies nothing if the status already holds an error.
void TF_OpKernelConstruction_GetAttrString(
    TF_OpKernelConstruction* construction, const char* name, char* value,
    size_t max_length, TF_Status* status) {
  if (status->code != TF_OK) return;
  int64_t number = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, name, &number, status);
  if (status->code == TF_OK) strncpy(value, name, max_length);
}
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction* construction,
                                     TF_Status* status) {
  construction->failure = *status;
}
int TF_NumInputs(TF_OpKernelContext* context) { return context->inputs.size(); }
void TF_GetInput(TF_OpKernelContext* context, int index, TF_Tensor** tensor,
                 TF_Status* status) {
  *tensor = NewHandle(new TF_Tensor{context->inputs.at(index)});
  Set(status, TF_OK);
}
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int index,
                             TF_DataType type, const int64_t* dims,
                             int num_dims, size_t num_bytes,
                             TF_Status* status) {
  const auto& specs = context->definition.outputs;
  REQUIRE(type == fake::ParseType(fake::TypeOf(specs.at(index)),
                                  context->type));
  REQUIRE(!context->outputs.count(index));
  const fake::Dims shape(dims, dims + num_dims);
  REQUIRE(num_bytes == fake::NumElements(shape) * fake::SizeOf(type));
  if (index == context->failing_output) {
    Set(status, TF_RESOURCE_EXHAUSTED, "There is no memory.");
    return nullptr;
  }
  // Not aligned to a vector, though TensorFlow would align it.
  const fake::Value value(type, shape, 1);
  context->outputs.emplace(index, value);
  Set(status, TF_OK);
  return NewHandle(new TF_Tensor{value});
}
void TF_OpKernelContext_Failure(TF_OpKernelContext* context,
                                TF_Status* status) {
  REQUIRE(status->code != TF_OK);
  context->failure = *status;
}

}  // extern "C"
