# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of `tf.compat.v1.estimator.tpu.experimental`."""

from kmeans_estimator._compat.api import v1 as _v1

EmbeddingConfigSpec = _v1.tpu.experimental.EmbeddingConfigSpec
