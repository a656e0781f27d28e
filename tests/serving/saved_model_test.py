# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports in TensorFlow's loaders."""

import os

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import running
from tests.helpers import testing
from tests.serving import exports

pytestmark = pytest.mark.slow


class SavedModelTest(parameterized.TestCase):

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_tf_saved_model_load_gives_correct_answers(self, metric, dtype):
    signatures = tf.saved_model.load(
        exports.saved_model(metric, dtype)
    ).signatures
    self.assertCountEqual(
        signatures, ['all_distances', 'cluster_index', 'serving_default']
    )
    exports.assert_answers(
        lambda signature, batch: signatures[signature](
            points=tf.constant(batch)
        )['output'].numpy(),
        metric,
        dtype,
    )

  @parameterized.parameters(
      ('squared_euclidean', np.float32, 'all_distances'),
      ('cosine', np.float64, 'all_distances'),
      ('cosine', np.float32, 'serving_default'),
  )
  def test_saved_model_cli_gives_correct_answers(
      self, metric, dtype, signature
  ):
    folder = testing.temporary_folder(self)
    points = exports.points(30, dtype)
    np.save(os.path.join(folder, 'points.npy'), points)
    result = running.run_forked(
        *('-m', 'tensorflow.python.tools.saved_model_cli', 'run'),
        *('--dir', exports.saved_model(metric, dtype)),
        *('--tag_set', 'serve', '--signature_def', signature),
        *('--inputs', 'points=points.npy', '--outdir', folder),
        cwd=folder,
    )
    self.assertEqual(result.status, 0, result.err)
    answer = np.load(os.path.join(folder, 'output.npy'))
    expected = exports.expected(metric, dtype, points)
    if signature == 'serving_default':
      np.testing.assert_array_equal(answer, expected.argmin(axis=1))
    else:
      self.assertEqual(answer.dtype, dtype)
      np.testing.assert_allclose(answer, expected, 1e-5, 1e-5)


if __name__ == '__main__':
  absltest.main()
