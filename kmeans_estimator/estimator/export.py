# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of `tf.compat.v1.estimator.export`."""

from kmeans_estimator._compat.api import v1 as _v1

ClassificationOutput = _v1.export.ClassificationOutput
EvalOutput = _v1.export.EvalOutput
ExportOutput = _v1.export.ExportOutput
PredictOutput = _v1.export.PredictOutput
RegressionOutput = _v1.export.RegressionOutput
ServingInputReceiver = _v1.export.ServingInputReceiver
TensorServingInputReceiver = _v1.export.TensorServingInputReceiver
build_parsing_serving_input_receiver_fn = (
    _v1.export.build_parsing_serving_input_receiver_fn
)
build_raw_serving_input_receiver_fn = (
    _v1.export.build_raw_serving_input_receiver_fn
)
