# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Shortens what TensorFlow does besides computing, with the same results."""

import importlib
import os

import tensorflow as tf

_training_util = importlib.import_module(
    'tensorflow.python.training.training_util'
)
_coordinator = importlib.import_module(
    'tensorflow.python.training.coordinator'
)
_tf_stack = importlib.import_module('tensorflow.python.util.tf_stack')

_SECONDS_BETWEEN_LOOKS = 0.01


def take() -> None:
  """Takes the shortcuts, in this process.

  - Each `train` writes graph.pbtxt, which takes a fifth of the time of a small
    model, because TensorFlow makes the text in Python. `str` makes it in C++.
    `tf.io.write_graph` stays as it is.
  - It asks five times for the finished graph as a message with shapes, which
    TensorFlow adds in Python. The message is made once, and copied.
  - MirroredStrategy looks once per second whether the threads that built the
    graphs of the replicas have ended.
  - Threads of sessions spin while they wait for work, and so take time from the
    other processes that run tests.
  - Each op keeps the stack trace of the code that created it, for error
    messages. The calls of pytest make the traces long, so taking them is slow.
    If tests run in a single process (`-n 0`), ops still keep their traces.
  """
  _training_util.write_graph = _write_graph
  tf.Graph.as_graph_def = _as_graph_def_once
  _coordinator.Coordinator.wait_for_stop = _look_often
  _stop_spinning()
  if 'PYTEST_XDIST_WORKER' in os.environ:
    stack = _tf_stack.extract_stack()
    # TensorFlow 2.13 takes the stack traces elsewhere, and keeps them.
    _tf_stack.extract_stack = lambda *args, **kwargs: stack


def _write_graph(graph_def, folder, name):
  path = os.path.join(folder, name)
  with tf.io.gfile.GFile(path, 'w') as file:
    file.write(str(graph_def))
  return path


_as_graph_def = tf.Graph.as_graph_def


def _as_graph_def_once(self, from_version=None, add_shapes=False, **kwargs):
  if from_version is not None or not add_shapes or not self.finalized:
    return _as_graph_def(self, from_version, add_shapes, **kwargs)
  version, message = getattr(self, '_finished_message', (None, None))
  if version != self.version:
    message = _as_graph_def(self, add_shapes=True, **kwargs)
    self._finished_message = self.version, message
  copy = tf.compat.v1.GraphDef()
  copy.CopyFrom(message)
  return copy


_wait_for_stop = _coordinator.Coordinator.wait_for_stop


def _look_often(self, timeout=None):
  if timeout is not None:
    timeout = min(timeout, _SECONDS_BETWEEN_LOOKS)
  return _wait_for_stop(self, timeout)


def _stop_spinning():
  # All sessions of a process share the threads that the first one starts.
  config = tf.compat.v1.ConfigProto()
  config.experimental.disable_thread_spinning = True
  with tf.compat.v1.Session(graph=tf.Graph(), config=config):
    pass
