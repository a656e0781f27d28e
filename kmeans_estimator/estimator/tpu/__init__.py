# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of `tf.compat.v1.estimator.tpu`."""

from kmeans_estimator._compat.api import v1 as _v1
from kmeans_estimator.estimator.tpu import experimental as experimental

InputPipelineConfig = _v1.tpu.InputPipelineConfig
RunConfig = _v1.tpu.RunConfig
TPUConfig = _v1.tpu.TPUConfig
TPUEstimator = _v1.tpu.TPUEstimator
TPUEstimatorSpec = _v1.tpu.TPUEstimatorSpec
