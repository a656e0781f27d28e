# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.tpu_stubs."""

import tensorflow as tf

from kmeans_estimator._compat import tpu_stubs


class TpuStubsTest(tf.test.TestCase):

  def test_embeddings_say_that_tensorflow_removed_them(self):
    name = 'tensorflow.python.tpu.tpu_embedding'
    module = tpu_stubs.build_embedding(name)
    with self.assertRaisesRegex(
        NotImplementedError, rf'{tf.__version__} removed {name}.AdamParameters'
    ):
      module.AdamParameters(0.1)


if __name__ == '__main__':
  tf.test.main()
