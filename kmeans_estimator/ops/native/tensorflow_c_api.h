// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The part of TensorFlow's C API for ops and kernels (tensorflow/c/ops.h,
// kernels.h, tf_tensor.h, tf_status.h) that this library calls. The C API is a
// stable ABI. So a build needs neither TensorFlow nor its headers, and the same
// build runs on every supported release of TensorFlow.

#ifndef KMEANS_ESTIMATOR_TENSORFLOW_C_API_H_
#define KMEANS_ESTIMATOR_TENSORFLOW_C_API_H_

#include <cstddef>
#include <cstdint>

extern "C" {

struct TF_DimensionHandle;
struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeHandle;
struct TF_ShapeInferenceContext;
struct TF_Status;
struct TF_Tensor;

typedef enum {
  TF_FLOAT = 1,
  TF_DOUBLE = 2,
  TF_INT32 = 3,
  TF_INT64 = 9,
} TF_DataType;

typedef enum {
  TF_OK = 0,
  TF_INVALID_ARGUMENT = 3,
  TF_RESOURCE_EXHAUSTED = 8,
} TF_Code;

TF_Status* TF_NewStatus();
void TF_DeleteStatus(TF_Status*);
void TF_SetStatus(TF_Status*, TF_Code, const char* message);
TF_Code TF_GetCode(const TF_Status*);

void* TF_TensorData(const TF_Tensor*);
int TF_NumDims(const TF_Tensor*);
int64_t TF_Dim(const TF_Tensor*, int index);
void TF_DeleteTensor(TF_Tensor*);

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* name);
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderSetIsStateful(TF_OpDefinitionBuilder*, bool);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(
    TF_OpDefinitionBuilder*,
    void (*infer)(TF_ShapeInferenceContext*, TF_Status*));
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*);

TF_ShapeHandle* TF_NewShapeHandle();
void TF_DeleteShapeHandle(TF_ShapeHandle*);
TF_DimensionHandle* TF_NewDimensionHandle();
void TF_DeleteDimensionHandle(TF_DimensionHandle*);
void TF_ShapeInferenceContextGetInput(
    TF_ShapeInferenceContext*, int index, TF_ShapeHandle*, TF_Status*);
void TF_ShapeInferenceContextSetOutput(
    TF_ShapeInferenceContext*, int index, TF_ShapeHandle*, TF_Status*);
void TF_ShapeInferenceContextSetUnknownShape(
    TF_ShapeInferenceContext*, TF_Status*);
void TF_ShapeInferenceContextWithRank(
    TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t rank,
    TF_ShapeHandle* result, TF_Status*);
void TF_ShapeInferenceContextSubshape(
    TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t start, int64_t end,
    TF_ShapeHandle* result, TF_Status*);
void TF_ShapeInferenceContextDim(
    TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t index,
    TF_DimensionHandle* result);
int TF_DimensionHandleValueKnown(TF_DimensionHandle*);
int64_t TF_DimensionHandleValue(TF_DimensionHandle*);

TF_KernelBuilder* TF_NewKernelBuilder(
    const char* op_name, const char* device,
    void* (*create)(TF_OpKernelConstruction*),
    void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*));
void TF_KernelBuilder_TypeConstraint(
    TF_KernelBuilder*, const char* attr, const TF_DataType, TF_Status*);
void TF_RegisterKernelBuilder(
    const char* kernel_name, TF_KernelBuilder*, TF_Status*);
void TF_OpKernelConstruction_GetAttrInt64(
    TF_OpKernelConstruction*, const char* name, int64_t* value, TF_Status*);
void TF_OpKernelConstruction_GetAttrBool(
    TF_OpKernelConstruction*, const char* name, unsigned char* value,
    TF_Status*);
void TF_OpKernelConstruction_GetAttrString(
    TF_OpKernelConstruction*, const char* name, char* value, size_t max_length,
    TF_Status*);
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction*, TF_Status*);
int TF_NumInputs(TF_OpKernelContext*);
void TF_GetInput(TF_OpKernelContext*, int index, TF_Tensor**, TF_Status*);
TF_Tensor* TF_AllocateOutput(
    TF_OpKernelContext*, int index, TF_DataType, const int64_t* dims,
    int num_dims, size_t num_bytes, TF_Status*);
void TF_OpKernelContext_Failure(TF_OpKernelContext*, TF_Status*);

}  // extern "C"

#endif  // KMEANS_ESTIMATOR_TENSORFLOW_C_API_H_
