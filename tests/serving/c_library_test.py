# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports in TensorFlow's C library.

The example program loads them in processes that do not import TensorFlow.
"""

import os

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from tests.helpers import running
from tests.helpers import testing
from tests.serving import exports

pytestmark = pytest.mark.slow

_PROGRAM = os.path.join(running.ROOT, 'examples', 'serving', 'c_library.py')
# Predicts for all batches in `questions.npz`, and for a batch with too few
# columns.
_CLIENT = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import c_library

with np.load('questions.npz') as questions:
  questions = dict(questions)
model = c_library.SavedModel(sys.argv[2])
answers = {
    name: model(name.partition('/')[2], batch)
    for name, batch in questions.items()
}
np.savez('answers.npz', **answers)
try:
  model('all_distances', np.ones([3, 1]))
except RuntimeError as e:
  print(e)
model.close()
assert 'tensorflow' not in sys.modules
"""


class CLibraryTest(parameterized.TestCase):

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_answers_are_correct(self, metric, dtype):
    folder = testing.temporary_folder(self)
    questions = {
        f'{i}/{signature}': batch
        for i, (signature, batch) in enumerate(exports.questions(dtype))
    }
    np.savez(os.path.join(folder, 'questions.npz'), **questions)
    result = running.run(
        '-c',
        _CLIENT,
        os.path.dirname(_PROGRAM),
        exports.saved_model(metric, dtype),
        cwd=folder,
    )
    self.assertEqual(result.status, 0, result.err)
    self.assertRegex(result.out, r'\[4\] vs. \[3,1\]|\[3,1\].*,4\]')
    with np.load(os.path.join(folder, 'answers.npz')) as answers:
      exports.check([answers[name] for name in questions], metric, dtype)

  def test_program_prints_the_answer(self):
    metric, dtype = exports.METRICS[0], np.float32
    points = exports.points(2)
    result = running.run(
        _PROGRAM,
        exports.saved_model(metric, dtype),
        '--',
        *(','.join(map(str, row)) for row in points),
    )
    self.assertEqual(result.status, 0, result.err)
    expected = exports.expected(metric, dtype, points).argmin(axis=1)
    self.assertEqual(result.out.strip(), str(expected))

  def test_program_reports_a_missing_model(self):
    result = running.run(_PROGRAM, testing.temporary_folder(self), '1,2,3,4')
    self.assertEqual(result.status, 1)
    self.assertIn('Could not find SavedModel', result.err)


if __name__ == '__main__':
  absltest.main()
