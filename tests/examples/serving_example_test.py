# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs examples/serving: exports one model and uses it with each client."""

import os
import re

from absl.testing import absltest
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.helpers import running
from tests.helpers import testing
from tests.serving import prediction_service

pytestmark = pytest.mark.slow

_COLOURS = np.float32([[174, 201, 231], [61, 58, 23], [240, 240, 240]])
_ROWS = [','.join(f'{x:g}' for x in row) for row in _COLOURS]


def _run(program, *args, run=running.run_forked):
  result = run(
      os.path.join(running.ROOT, 'examples', 'serving', program), *args
  )
  if result.status:
    raise RuntimeError(result.err)
  return result.out


class ServingExampleTest(absltest.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = testing.folder_of_class(cls)
    cls.out = _run('export.py', folder)
    (version,) = os.listdir(os.path.join(folder, 'palette'))
    cls.lite = os.path.join(folder, 'palette.tflite')
    cls.path = os.path.join(folder, 'palette', version)
    signatures = tf.saved_model.load(cls.path).signatures
    cls.signatures = signatures
    cls.answer = signatures['serving_default'](rgb=tf.constant(_COLOURS))[
        'output'
    ].numpy()

  def test_version_is_a_number(self):
    # TensorFlow Serving only finds versions that are numbers.
    self.assertTrue(os.path.basename(self.path).isdigit())
    self.assertIn(self.path, self.out)

  def test_answer_is_the_nearest_colour(self):
    lines = self.out.splitlines()[:16]
    palette = np.array(
        [line.partition('[')[2].rstrip(']').split() for line in lines], float
    )
    distances = np.square(_COLOURS[:, np.newaxis] - palette).sum(axis=2)
    np.testing.assert_array_equal(self.answer, distances.argmin(axis=1))

  def test_c_library_client_gives_the_answer(self):
    # Not run_forked, whose processes have imported TensorFlow's Python package.
    out = _run('c_library.py', self.path, *_ROWS, run=running.run)
    self.assertEqual(out.strip(), str(self.answer))

  def test_tflite_client_gives_the_answer(self):
    self.assertEqual(
        _run('tflite.py', self.lite, *_ROWS).strip(), str(self.answer)
    )

  def test_grpc_client_gives_the_answer(self):
    with prediction_service.serve('palette', self.path) as address:
      out = _run('grpc_client.py', address, *_ROWS)
    self.assertIn('method_name: "tensorflow/serving/predict"', out)
    values = re.findall(r'int64_val: (\d+)', out)
    self.assertEqual([int(value) for value in values], list(self.answer))

  def test_warm_up_requests_are_valid(self):
    records = tf.data.TFRecordDataset(
        os.path.join(self.path, 'assets.extra', 'tf_serving_warmup_requests')
    )
    asked = []
    for record in records.as_numpy_iterator():
      log = prediction_log_pb2.PredictionLog.FromString(record)
      self.assertEqual(log.WhichOneof('log_type'), 'predict_log')
      request = log.predict_log.request
      self.assertEqual(request.model_spec.name, 'palette')
      signature = self.signatures[request.model_spec.signature_name]
      rows = tf.make_ndarray(request.inputs['rgb'])
      output = signature(rgb=tf.constant(rows))['output']
      self.assertLen(output, len(rows))
      asked.append(request.model_spec.signature_name)
    self.assertCountEqual(asked, 2 * ['serving_default', 'all_distances'])


if __name__ == '__main__':
  absltest.main()
