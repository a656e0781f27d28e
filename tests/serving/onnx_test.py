# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports in ONNX, through tf2onnx and onnxruntime.

The extra `test` installs both with Python 3.10 and later. For older versions of
Python no tf2onnx supports the protobuf of TensorFlow, so there is nothing to
test.
"""

import os
import sys
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from tests.helpers import running
from tests.helpers import testing
from tests.serving import exports

pytestmark = pytest.mark.slow

_HAS_ONNX = sys.version_info >= (3, 10)
if _HAS_ONNX:
  import onnxruntime
  from tf2onnx import convert
  from tf2onnx import tf_loader


def _convert(path, signature, file):
  """Converts a SavedModel as `python -m tf2onnx.convert` does."""
  graph_def, inputs, outputs = tf_loader.from_saved_model(
      path, None, None, 'serve', [signature]
  )
  convert.from_graph_def(
      graph_def, input_names=inputs, output_names=outputs, output_path=file
  )


def _session(file):
  return onnxruntime.InferenceSession(
      file, providers=['CPUExecutionProvider']
  )


@unittest.skipUnless(_HAS_ONNX, 'tf2onnx needs Python 3.10')
class OnnxTest(parameterized.TestCase):

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_answers_are_correct(self, metric, dtype):
    path = exports.saved_model(metric, dtype)
    folder = testing.temporary_folder(self)
    sessions = {}
    for signature in exports.SIGNATURES:
      file = os.path.join(folder, signature + '.onnx')
      _convert(path, signature, file)
      sessions[signature] = _session(file)

    def answer(signature, batch):
      (output,) = sessions[signature].run(None, {'points:0': batch})
      return output

    exports.assert_answers(answer, metric, dtype)
    with self.assertRaisesRegex(Exception, 'Got: 3 Expected: 4'):
      answer('all_distances', exports.points(5, dtype)[:, :3])

  def test_convert_command_converts_the_export(self):
    metric, file = exports.METRICS[0], 'model.onnx'
    folder = testing.temporary_folder(self)
    result = running.run_forked(
        *('-m', 'tf2onnx.convert'),
        *('--saved-model', exports.saved_model(metric)),
        *('--signature_def', 'serving_default', '--output', file),
        cwd=folder,
    )
    self.assertEqual(result.status, 0, result.err)
    session = _session(os.path.join(folder, file))
    batch = exports.points(20)
    (given,) = session.get_inputs()
    self.assertEqual(given.shape[1:], [exports.D])
    (index,) = session.run(None, {given.name: batch})
    expected = exports.expected(metric, np.float32, batch)
    np.testing.assert_array_equal(index, expected.argmin(axis=1))


if __name__ == '__main__':
  absltest.main()
