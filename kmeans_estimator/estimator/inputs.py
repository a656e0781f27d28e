# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of `tf.compat.v1.estimator.inputs`."""

from kmeans_estimator._compat.api import v1 as _v1

numpy_input_fn = _v1.inputs.numpy_input_fn
pandas_input_fn = _v1.inputs.pandas_input_fn
