# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the model function for a `TPUEstimator`.

Every core of a TPU runs the training step, in a loop. XLA compiles the step for
fixed shapes. Therefore, on a TPU, a step adds up the sums of all cores,
variables have all their rows from the start, and the host chooses the initial
centers before the first step.
"""

import functools
import math
from typing import Any, Callable, Dict

import tensorflow as tf

from kmeans_estimator import _hooks
from kmeans_estimator import _scaffolds
from kmeans_estimator import model_fn as model_fn_lib
from kmeans_estimator._compat.api import v1 as estimator_lib
from kmeans_estimator.ops import replicas

InputFn = Callable[[Dict[str, Any]], Any]


def make_model_fn(
    model: model_fn_lib.Model, input_fn: InputFn
) -> Callable[..., Any]:
  """Makes the model function of a `TPUEstimator`.

  Args:
    model: the settings that the graphs of all modes share.
    input_fn: takes `params` and returns points. Before training on a TPU, the
      host chooses the initial centers from these points.

  Returns:
    A function of features, labels (ignored), mode, config and `params`. The
    `TPUEstimator` passes `params` with the key `use_tpu`. The function returns
    a `TPUEstimatorSpec` for a TPU, otherwise an `EstimatorSpec`, with the
    contents that `model_fn.make_model_fn` documents. On a TPU the loss is the
    sum over the points of all cores, and a batch with NaN or Inf has the loss
    NaN and moves no centers. The function raises
      TypeError: the features are not numeric, or are float64 on a TPU.
      ValueError: the features cannot be joined to a matrix.
  """
  return functools.partial(_model_fn, model, input_fn)


def _model_fn(model, input_fn, features, labels, mode, config, params):
  if not params['use_tpu']:
    on_host = model_fn_lib.make_model_fn(model)
    return on_host(features, labels, mode, config)
  with replicas.building_for_tpu():
    if mode == estimator_lib.ModeKeys.TRAIN:
      return _training_spec(model, features, config, params, input_fn)
    if mode == estimator_lib.ModeKeys.EVAL:
      return _evaluation_spec(model, features)
    return _prediction_spec(model, features)


def _training_spec(model, features, config, params, input_fn):
  state, inference, _, training_op = model.graph(features).training(
      chooses_centers=False
  )
  description = model.description(features)
  tolerance = model.parameters.relative_tolerance
  return estimator_lib.tpu.TPUEstimatorSpec(
      mode=estimator_lib.ModeKeys.TRAIN,
      loss=inference.loss,
      train_op=model_fn_lib.count_step(training_op),
      training_hooks=(
          []
          if tolerance is None
          else [
              _RelativeToleranceHook(
                  tolerance, _loops_per_iteration(model, config)
              )
          ]
      ),
      # TPUEstimator calls this function outside the part of the graph that XLA
      # compiles.
      scaffold_fn=lambda: _scaffold_of_training(
          state,
          _scaffolds.saver_of_training(
              state, model.parameters, description, config, must_be_trained=True
          ),
          lambda: _chosen_centers(model, input_fn, config, params),
      ),
  )


def _loops_per_iteration(model, config):
  """Returns the number of loops after which centers have certainly moved."""
  steps = model.parameters.steps_per_iteration or 1
  in_loop = config.tpu_config.iterations_per_loop
  # A text is a time, after which a loop ends.
  return steps // math.gcd(steps, in_loop) if isinstance(in_loop, int) else 1


def _evaluation_spec(model, features):
  state, inference = model.graph(features).evaluation()

  def metrics(loss):
    return {model_fn_lib.SCORE: tf.compat.v1.metrics.mean(loss)}

  return estimator_lib.tpu.TPUEstimatorSpec(
      mode=estimator_lib.ModeKeys.EVAL,
      loss=inference.loss,
      # The host concatenates this tensor over the cores, so it must not be a
      # scalar.
      eval_metrics=(metrics, [tf.reshape(inference.loss, [1])]),
      scaffold_fn=lambda: model.scaffold_of_trained(state, features),
  )


def _prediction_spec(model, features):
  spec = model_fn_lib.prediction_spec(model, features)
  return estimator_lib.tpu.TPUEstimatorSpec(
      mode=spec.mode,
      predictions=spec.predictions,
      export_outputs=spec.export_outputs,
      scaffold_fn=lambda: spec.scaffold,
  )


def _scaffold_of_training(state, saver, choose_centers):
  """Makes a scaffold that assigns the initial centers before the first step."""
  centers = tf.compat.v1.placeholder(state.clusters.dtype, state.clusters.shape)
  start = tf.group(
      *(
          variable.assign(centers, read_value=False)
          for variable in (state.clusters, state.clusters_updated)
          if variable is not None
      ),
      state.initialized.assign(True, read_value=False),
  )

  def init_fn(scaffold, session):
    del scaffold
    session.run(start, {centers: choose_centers()})

  return tf.compat.v1.train.Scaffold(init_fn=init_fn, saver=saver)


def _chosen_centers(model, input_fn, config, params):
  """Chooses the initial centers on the host, `[k, d]`."""
  with tf.Graph().as_default():
    tf.compat.v1.set_random_seed(config.tf_random_seed)
    state, _, init_op, _ = model.graph(_features(input_fn(params))).training()
    hook = _hooks.InitializeClustersHook(
        init_op,
        state.initialized,
        state.clusters,
        model.parameters.num_clusters,
        is_chief=True,
    )
    with tf.compat.v1.train.SingularMonitoredSession([hook]) as session:
      return session.run(state.clusters)


def _features(result):
  """Returns the features in the return value of an `input_fn`."""
  if isinstance(result, tf.data.Dataset):
    iterator = tf.compat.v1.data.make_initializable_iterator(result)
    tf.compat.v1.add_to_collection(
        tf.compat.v1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer
    )
    result = iterator.get_next()
  return result[0] if isinstance(result, tuple) else result


class _RelativeToleranceHook(_hooks.RelativeToleranceHook):
  """Compares the losses that TPUEstimator fetches, one per loop on the TPU."""

  def __init__(self, tolerance: float, loops_per_iteration: int):
    super().__init__(None, tolerance, loops_per_iteration)

  def begin(self):
    self._loss = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.LOSSES)[-1]
