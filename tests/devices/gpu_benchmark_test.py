# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests the files that benchmarks/gpu exports."""

from absl.testing import absltest
import numpy as np
import pytest

from benchmarks import data
from benchmarks.gpu import export
from benchmarks.gpu import files
from tests.helpers import numpy_model
from tests.helpers import testing

pytestmark = pytest.mark.slow


class ExportTest(absltest.TestCase):

  def test_exports_programs_and_correct_results(self):
    size = files.Size.parse('300x4x3')
    folder = testing.temporary_folder(self)
    export.main([folder, '--size', str(size)])

    points, centers = data.clusters(*size)
    state = numpy_model.initial_state(
        centers, numpy_model.SQUARED_EUCLIDEAN, None
    )
    losses = []
    for _ in range(files.STEPS):
      state, loss = numpy_model.step(state, points)
      losses.append(loss)
    expected = np.load(files.expected_path(folder, size))
    np.testing.assert_allclose(expected['losses'], losses, rtol=1e-4)
    np.testing.assert_allclose(expected['clusters'], state.clusters, rtol=1e-4)
    np.testing.assert_array_equal(expected['point'], points[-1])
    for precision in files.PRECISIONS:
      with open(files.hlo_path(folder, size, precision), 'rb') as f:
        program = f.read()
      self.assertIn(b'scatter', program)
      # Custom calls would need functions that only TensorFlow has.
      self.assertNotIn(b'custom-call', program)


if __name__ == '__main__':
  absltest.main()
