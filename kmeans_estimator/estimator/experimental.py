# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of `tf.compat.v1.estimator.experimental`; KMeans is this package's."""

from kmeans_estimator import kmeans as _kmeans
from kmeans_estimator._compat.api import v1 as _v1

InMemoryEvaluatorHook = _v1.experimental.InMemoryEvaluatorHook
KMeans = _kmeans.KMeansClustering
LinearSDCA = _v1.experimental.LinearSDCA
build_raw_supervised_input_receiver_fn = (
    _v1.experimental.build_raw_supervised_input_receiver_fn
)
call_logit_fn = _v1.experimental.call_logit_fn
dnn_logit_fn_builder = _v1.experimental.dnn_logit_fn_builder
linear_logit_fn_builder = _v1.experimental.linear_logit_fn_builder
make_early_stopping_hook = _v1.experimental.make_early_stopping_hook
make_stop_at_checkpoint_step_hook = (
    _v1.experimental.make_stop_at_checkpoint_step_hook
)
stop_if_higher_hook = _v1.experimental.stop_if_higher_hook
stop_if_lower_hook = _v1.experimental.stop_if_lower_hook
stop_if_no_decrease_hook = _v1.experimental.stop_if_no_decrease_hook
stop_if_no_increase_hook = _v1.experimental.stop_if_no_increase_hook
