# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stands in for three modules that TPUEstimator imports.

TensorFlow 2.16 removed TPU embeddings and the TPU watchdog together with its
other TensorFlow 1 code for TPUs. This module only defines their names. Calling
a removed class or function raises NotImplementedError, and the shutdown hook
only logs that TensorFlow cannot see a shutdown.
"""

import types

import tensorflow as tf


def build_embedding(name: str) -> types.ModuleType:
  """Builds a stand-in for `tensorflow.python.tpu.tpu_embedding`."""
  module = types.ModuleType(name, 'TPU embeddings, which TensorFlow removed.')
  for optimizer in (
      'Adagrad',
      'Adam',
      'Ftrl',
      'Momentum',
      'ProximalAdagrad',
      'RMSProp',
      'StochasticGradientDescent',
  ):
    parameters = optimizer + 'Parameters'
    setattr(module, parameters, _removed(f'{name}.{parameters}'))
  return module


def build_embedding_gradient(name: str) -> types.ModuleType:
  """Builds a stand-in for `tensorflow.python.tpu.tpu_embedding_gradient`."""
  return types.ModuleType(
      name, 'Gradients of TPU embeddings, which TensorFlow removed.'
  )


def build_session_support(name: str) -> types.ModuleType:
  """Builds a stand-in for `tensorflow.python.tpu.session_support`."""
  module = types.ModuleType(name, 'Shutdown hooks of TPUEstimator.')
  finalizers = {
      finalizer: type(finalizer, (), {})
      for finalizer in (
          'ShutdownLameWorkers',
          'ShutdownAllWorkers',
          'ResetComputation',
      )
  }
  vars(module).update(
      finalizers,
      GracefulShutdownHook=_NoGracefulShutdown,
      start_worker_watchdog=_removed(f'{name}.start_worker_watchdog'),
  )
  return module


class _NoGracefulShutdown(tf.compat.v1.train.SessionRunHook):
  """Stands in for the hook that saves before a TPU worker shuts down."""

  def __init__(self, **unused_kwargs):
    super().__init__()

  def begin(self):
    tf.compat.v1.logging.info(
        'TensorFlow %s cannot see a TPU worker shutting down. If one does, '
        'training continues from the last checkpoint.',
        tf.__version__,
    )


def _removed(name):
  """Returns a class named like the removed object; calling it raises."""

  def __init__(self, *unused_args, **unused_kwargs):
    raise NotImplementedError(f'TensorFlow {tf.__version__} removed {name}.')

  return type(name.rpartition('.')[2], (), {'__init__': __init__})
