# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports in TensorFlow Lite."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import numpy_model
from tests.helpers import testing
from tests.serving import exports

pytestmark = pytest.mark.slow

# So large that the converter quantises the centers: it does not quantise
# constants with less than 1024 elements.
_K, _D = 64, 64

# TensorFlow Lite computes in float64 only with TensorFlow's kernels. Up to this
# release the interpreter in TensorFlow's wheel has them.
_LAST_WITH_SELECT_OPS = (2, 19)
_HAS_SELECT_OPS = (
    tuple(map(int, tf.__version__.split('.')[:2])) <= _LAST_WITH_SELECT_OPS
)


def _convert(path, signature, **options):
  converter = tf.lite.TFLiteConverter.from_saved_model(
      path, signature_keys=[signature]
  )
  for name, value in options.items():
    setattr(converter, name, value)
  return converter.convert()


def _interpreter(model):
  return tf.lite.Interpreter(model_content=model)


def _asker(interpreter):
  def answer(signature, batch):
    return interpreter.get_signature_runner(signature)(points=batch)['output']

  return answer


class TFLiteTest(parameterized.TestCase):

  @parameterized.parameters(*exports.METRICS)
  def test_float32_model_gives_correct_answers(self, metric):
    path = exports.saved_model(metric)
    askers = {
        signature: _asker(_interpreter(_convert(path, signature)))
        for signature in exports.SIGNATURES
    }
    exports.assert_answers(
        lambda signature, batch: askers[signature](signature, batch),
        metric,
        np.float32,
    )

  @parameterized.parameters(*exports.METRICS)
  def test_float64_model_gives_correct_answers(self, metric):
    ops = tf.lite.OpsSet
    interpreter = _interpreter(
        _convert(
            exports.saved_model(metric, np.float64),
            'all_distances',
            target_spec=tf.lite.TargetSpec(
                supported_ops=[ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
            ),
        )
    )
    batch = exports.points(50, np.float64)
    if _HAS_SELECT_OPS:
      np.testing.assert_allclose(
          _asker(interpreter)('all_distances', batch),
          exports.expected(metric, np.float64, batch),
          1e-12,
          1e-12,
      )
    else:
      with self.assertRaisesRegex(RuntimeError, 'Select TensorFlow op'):
        interpreter.allocate_tensors()

  def test_one_file_holds_both_signatures(self):
    metric = exports.METRICS[0]
    converter = tf.lite.TFLiteConverter.from_saved_model(
        exports.saved_model(metric)
    )
    interpreter = _interpreter(converter.convert())
    self.assertContainsSubset(
        exports.SIGNATURES, interpreter.get_signature_list()
    )
    exports.assert_answers(_asker(interpreter), metric, np.float32)

  @parameterized.parameters(*exports.METRICS)
  def test_quantised_model_gives_close_answers(self, metric):
    path = exports.saved_model(metric, k=_K, d=_D)
    full = _convert(path, 'all_distances')
    small = _convert(
        path, 'all_distances', optimizations=[tf.lite.Optimize.DEFAULT]
    )
    self.assertLess(len(small), 0.6 * len(full))
    interpreter = _interpreter(small)
    self.assertIn(
        (_K * _D, np.int8),
        [
            (np.prod(t['shape']), t['dtype'])
            for t in interpreter.get_tensor_details()
        ],
    )

    answer = _asker(interpreter)
    batch, _ = testing.blobs(1000, _D, _K, seed=5)
    centers = exports.model(metric, k=_K, d=_D).cluster_centers()
    truth = numpy_model.distances(batch, centers, metric)
    for rows in 0, 1, 1000:
      distances = answer('all_distances', batch[:rows])
      self.assertEqual(distances.shape, (rows, _K))
      np.testing.assert_allclose(
          distances, truth[:rows], atol=0.02 * truth.max()
      )
    self.assertGreater(
        np.mean(distances.argmin(axis=1) == truth.argmin(axis=1)), 0.95
    )

    bad = batch.copy()
    bad[3, 2] = np.nan
    spoilt = answer('all_distances', bad)
    self.assertTrue(np.isnan(spoilt[3]).all())
    np.testing.assert_allclose(
        np.delete(spoilt, 3, 0), np.delete(distances, 3, 0), 1e-4, 1e-4
    )


if __name__ == '__main__':
  absltest.main()
