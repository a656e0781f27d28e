# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.gaps."""

import importlib
import os
import sys

import tensorflow as tf

from kmeans_estimator._compat import gaps

_ESTIMATOR_TRAINING = importlib.import_module(
    'tensorflow.python.distribute.estimator_training'
)


class FillTest(tf.test.TestCase):

  def test_supplies_only_what_tensorflow_lacks(self):
    release = tuple(int(part) for part in tf.__version__.split('.')[:2])
    self.assertEqual(
        hasattr(_ESTIMATOR_TRAINING, '__file__'), release < (2, 16)
    )
    for name in gaps.MODULES:
      module = sys.modules.get(name)
      if module is not None and getattr(module, '__file__', None) is None:
        # TensorFlow's folder has no file for this module.
        path = os.path.join(
            os.path.dirname(tf.__file__), *name.split('.')[1:]
        )
        self.assertFalse(os.path.exists(path + '.py'), name)

  def test_graph_can_be_written_as_text(self):
    # TensorFlow 2.20 with protobuf 7 cannot; Estimator does it in every
    # `train`.
    with tf.Graph().as_default() as graph:
      tf.constant(0.1, name='tenth')
    directory = self.get_temp_dir()
    path = tf.io.write_graph(graph, directory, 'graph.pbtxt')
    with open(path, encoding='utf-8') as f:
      self.assertIn('name: "tenth"', f.read())


if __name__ == '__main__':
  tf.test.main()
