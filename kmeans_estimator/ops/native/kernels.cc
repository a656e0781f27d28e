// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The table of kernels of one instruction set. This file is compiled once for
// each instruction set, with the compiler flags of that set and these macros:
//   KERNELS_TARGET        name of the table: kBaseline, kAvx2, kAvx512
//   KERNELS_NAME          name of the instruction set that users see
//   KERNELS_VECTOR_BYTES  size of a vector

#include "allocate.h"
#include "kernels.h"
#include "seeding.h"

namespace kmeans_estimator {

const Kernels KERNELS_TARGET = {
    KERNELS_NAME,
    {Allocate<float>, ChooseByKMeansPlusPlus<float>, ChooseByKmc2<float>,
     EndOfChain<float>},
    {Allocate<double>, ChooseByKMeansPlusPlus<double>, ChooseByKmc2<double>,
     EndOfChain<double>},
};

}  // namespace kmeans_estimator
