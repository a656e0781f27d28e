// Copyright 2026 The kmeans_estimator Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compiled once for each instruction set, with its flags and
//   KERNELS_TARGET        name of the table: kBaseline, kAvx2, kAvx512
//   KERNELS_NAME          name that users read
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
