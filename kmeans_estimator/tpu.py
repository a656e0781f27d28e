# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The model function for a `TPUEstimator`.

A TPU runs a step on each of its cores, in a loop, and what it runs must have
been compiled for fixed shapes. So there a step takes the sums over all cores,
variables have all their rows from the start, and the initial centers are chosen
by the host, before the first step.
"""

from typing import Any, Callable, Dict, List, Optional

import tensorflow as tf

from kmeans_estimator import _hooks
from kmeans_estimator import _model_description
from kmeans_estimator import features as features_lib
from kmeans_estimator import model_fn as model_fn_lib
from kmeans_estimator._compat.api import v1 as estimator_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas

InputFn = Callable[[Dict[str, Any]], Any]


class TpuModelFn(model_fn_lib.ModelFn):
  """The model function of one set of parameters, for a TPU or none."""

  def __init__(
      self,
      parameters: parameters_lib.Parameters,
      feature_columns: Optional[List[Any]],
      input_fn: InputFn,
      weight_column: Any = None,
  ):
    """Stores what every graph needs.

    Args:
      parameters: how to cluster.
      feature_columns: see `features.parse_features`.
      input_fn: called with `params`; gives the points that the initial centers
        of training on a TPU are chosen from.
      weight_column: see `features.split_weights`.
    """
    super().__init__(parameters, feature_columns, weight_column)
    self._input_fn = input_fn

  # A TPUEstimator passes `params`, which an Estimator does not.
  def model_fn(  # type: ignore[override]
      self,
      features: features_lib.Features,
      labels: Any,
      mode: str,
      config: Any,
      params: Dict[str, Any],
  ) -> Any:
    """Builds the graph of one mode, with what that mode needs.

    Args:
      features: the points, see `features.parse_features`; on a TPU of a fixed
        number, and not float64.
      labels: ignored.
      mode: one of `estimator.ModeKeys`.
      config: the `tpu.RunConfig`.
      params: those of the `TPUEstimator`, with its `use_tpu`.

    Returns:
      A `TPUEstimatorSpec` for a TPU, else an `EstimatorSpec`; what they hold is
      the same as in `ModelFn.model_fn`. The loss is that of all cores' points.
      A batch with NaN or Inf has a loss of NaN, and moves no centers.

    Raises:
      TypeError: features are not numbers, or float64 for a TPU.
      ValueError: features make no matrix.
    """
    if not params['use_tpu']:
      return super().model_fn(features, labels, mode, config)
    with replicas.of_tpu():
      graph = self._graph(features, mode)
      description = self._description(features)
      if mode == estimator_lib.ModeKeys.TRAIN:
        return self._tpu_training_spec(graph, description, config, params)
      if mode == estimator_lib.ModeKeys.EVAL:
        return self._tpu_evaluation_spec(graph, description)
      return self._tpu_prediction_spec(graph, description)

  def _tpu_training_spec(self, graph, description, config, params):
    state, inference, _, training_op = graph.training()
    with tf.control_dependencies([training_op]):
      train_op = tf.compat.v1.train.get_global_step().assign_add(
          1, read_value=False
      )
    training_hooks = []
    if self._parameters.relative_tolerance is not None:
      training_hooks.append(
          _RelativeToleranceHook(self._parameters.relative_tolerance)
      )
    return estimator_lib.tpu.TPUEstimatorSpec(
        mode=estimator_lib.ModeKeys.TRAIN,
        loss=inference.loss,
        train_op=train_op,
        training_hooks=training_hooks,
        scaffold_fn=lambda: self._scaffold_of_training(
            state, description, config, params
        ),
    )

  def _tpu_evaluation_spec(self, graph, description):
    state, inference = graph.evaluation()

    def metrics(loss):
      return {model_fn_lib.SCORE: tf.compat.v1.metrics.mean(loss)}

    return estimator_lib.tpu.TPUEstimatorSpec(
        mode=estimator_lib.ModeKeys.EVAL,
        loss=inference.loss,
        # What goes to the host is joined there, core by core.
        eval_metrics=(metrics, [tf.reshape(inference.loss, [1])]),
        scaffold_fn=lambda: self._scaffold_of_trained(state, description),
    )

  def _tpu_prediction_spec(self, graph, description):
    spec = self._prediction_spec(graph, description)
    return estimator_lib.tpu.TPUEstimatorSpec(
        mode=spec.mode,
        predictions=spec.predictions,
        export_outputs=spec.export_outputs,
        scaffold_fn=lambda: spec.scaffold,
    )

  def _scaffold_of_training(self, state, description, config, params):
    """Called outside of what is compiled."""
    centers = tf.compat.v1.placeholder(
        state.clusters.dtype, state.clusters.shape
    )
    start = tf.group(
        *(
            variable.assign(centers, read_value=False)
            for variable in (state.clusters, state.clusters_updated)
            if variable is not None
        ),
        state.initialized.assign(True, read_value=False),
    )

    def choose_centers(scaffold, session):
      del scaffold
      session.run(start, {centers: self._chosen_centers(config, params)})

    return tf.compat.v1.train.Scaffold(
        init_fn=choose_centers,
        saver=_model_description.DescribedSaver.for_training(
            state, self._parameters.num_clusters, config, must_be_trained=True
        ).described_by(description),
    )

  def _chosen_centers(self, config, params):
    """Chooses the initial centers on the host, `[k, d]`."""
    with tf.Graph().as_default():
      tf.compat.v1.set_random_seed(config.tf_random_seed)
      features = _features(self._input_fn(params))
      graph = self._graph(features, estimator_lib.ModeKeys.TRAIN)
      state, _, init_op, _ = graph.training()
      hook = _hooks.InitializeClustersHook(
          init_op,
          state.initialized,
          state.clusters,
          self._parameters.num_clusters,
          is_chief=True,
      )
      with tf.compat.v1.train.SingularMonitoredSession([hook]) as session:
        return session.run(state.clusters)


def _features(result):
  """Of what an `input_fn` returned."""
  if isinstance(result, tf.data.Dataset):
    iterator = tf.compat.v1.data.make_initializable_iterator(result)
    tf.compat.v1.add_to_collection(
        tf.compat.v1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer
    )
    result = iterator.get_next()
  return result[0] if isinstance(result, tuple) else result


class _RelativeToleranceHook(_hooks.RelativeToleranceHook):
  """Looks at the loss that TPUEstimator fetches from the TPU, once a loop."""

  def __init__(self, tolerance: float):
    super().__init__(None, tolerance)

  def begin(self):
    self._loss = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.LOSSES)[-1]
