# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports in TensorFlow's C library.

The example program loads them in processes that do not import TensorFlow.
"""

import functools
import itertools
import os
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from tests.helpers import running
from tests.helpers import testing
from tests.serving import exports

pytestmark = pytest.mark.slow

_PROGRAM = os.path.join(running.ROOT, 'examples', 'serving', 'c_library.py')
# For each folder of questions: predicts for all batches in `questions.npz`, and
# for a batch with too few columns.
_CLIENT = """
import os, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import c_library

for folder, path in zip(sys.argv[2::2], sys.argv[3::2]):
  with np.load(os.path.join(folder, 'questions.npz')) as questions:
    questions = dict(questions)
  model = c_library.SavedModel(path)
  answers = {
      name: model(name.partition('/')[2], batch)
      for name, batch in questions.items()
  }
  try:
    model('all_distances', np.ones([3, 1]))
  except RuntimeError as e:
    answers['error'] = str(e)
  np.savez(os.path.join(folder, 'answers.npz'), **answers)
  model.close()
assert 'tensorflow' not in sys.modules
"""
_MODELS = tuple(itertools.product(exports.METRICS, exports.DTYPES))


@functools.lru_cache(maxsize=None)
def _answered():
  """Asks all models in one process, which loads the library once.

  Returns:
    For each of `_MODELS` the answers, and the error for too few columns.
  """
  with tempfile.TemporaryDirectory() as parent:
    folders, arguments = [], []
    for number, model in enumerate(_MODELS):
      folder = os.path.join(parent, str(number))
      os.mkdir(folder)
      questions = {
          f'{i}/{signature}': batch
          for i, (signature, batch) in enumerate(exports.questions(model[1]))
      }
      np.savez(os.path.join(folder, 'questions.npz'), **questions)
      folders.append(folder)
      arguments += [folder, exports.saved_model(*model)]
    result = running.run('-c', _CLIENT, os.path.dirname(_PROGRAM), *arguments)
    if result.status:
      raise RuntimeError(result.err)
    answers = {}
    for folder, model in zip(folders, _MODELS):
      with np.load(os.path.join(folder, 'answers.npz')) as file:
        answers[model] = dict(file)
  return answers


class CLibraryTest(parameterized.TestCase):

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_answers_are_correct(self, metric, dtype):
    answers = dict(_answered()[metric, dtype])
    error = str(answers.pop('error'))
    self.assertRegex(error, r'\[4\] vs. \[3,1\]|\[3,1\].*,4\]')
    exports.check(list(answers.values()), metric, dtype)

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
