# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._script_names."""

import ast
import os

from absl.testing import absltest
from absl.testing import parameterized

from kmeans_estimator import _script_names
from tests.helpers import testing


class ModuleTest(parameterized.TestCase):

  @parameterized.parameters(
      ('import tensorflow as tf\ntf.train.limit_epochs(1)',
       {'train', 'train.limit_epochs'}),
      ('import tensorflow\ntensorflow.Session', {'Session'}),
      ('from tensorflow import estimator as e\ne.inputs.numpy_input_fn',
       {'estimator', 'estimator.inputs', 'estimator.inputs.numpy_input_fn'}),
      ('from tensorflow.contrib.factorization import KMeans',
       {'contrib.factorization.KMeans'}),
      ('import tensorflow.compat.v1 as tf\ntf.Session',
       {'compat.v1', 'compat.v1.Session'}),
      ('def f(data):\n  return data.batch(2).make_one_shot_iterator()',
       {'data.Dataset.batch', 'data.Dataset.make_one_shot_iterator'}),
      ('import tensorflow.compat.v1 as tf\n'
       'tf.data.make_one_shot_iterator(x)',
       {'compat.v1', 'compat.v1.data',
        'compat.v1.data.make_one_shot_iterator'}),
      ('import numpy as tf\ntf.Session()', set()),
      ('from .tensorflow import Session', set()),
  )
  def test_finds_names(self, source, expected):
    self.assertEqual(_script_names.of_module(ast.parse(source)), expected)

  @parameterized.parameters(
      "if tf.__version__.startswith('1'):\n  tf.Session()",
      "if tf.__version__ >= '2':\n  pass\nelse:\n  tf.Session()",
      "if int(tf.VERSION[0]) < 2:\n  tf.Session()",
      "if tf.version.VERSION < '2':\n  import tensorflow.contrib",
      "if tf.__version__ < '2':\n  from tensorflow import contrib",
      "if tf.compat.v1.VERSION < '2':\n  for i in x:\n    tf.Session()",
      "if hasattr(tf, 'Session'):\n  tf.Session()",
      "x = tf.Session() if tf.__version__ < '2' else None",
      "tf.__version__ < '2' and tf.Session()",
      "old = tf.__version__ < '2'\nif old:\n  tf.Session()",
      "a, b = tf.__version__.split('.')[:2]\nold = int(a) < 2\n"
      "if old:\n  tf.Session()",
      "def old():\n  return tf.__version__ < '2'\n"
      "if x or old():\n  tf.Session()",
  )
  def test_ignores_names_under_a_condition_on_the_version(self, source):
    names = _script_names.of_module(
        ast.parse(f'import tensorflow as tf\n{source}')
    )
    self.assertNoCommonElements(
        names, {'Session', 'contrib', 'data.Dataset.Session'}
    )

  @parameterized.parameters(
      "print(tf.__version__)\nif x:\n  tf.Session()",
      "self.version = tf.__version__\nif self.x:\n  tf.Session()",
      "assert tf.__version__ < '2'\ntf.Session()",
      "if hasattr(x, 'y'):\n  tf.Session()",
  )
  def test_finds_names_outside_a_condition_on_the_version(self, source):
    names = _script_names.of_module(
        ast.parse(f'import tensorflow as tf\n{source}')
    )
    self.assertIn('Session', names)


class ProgramTest(parameterized.TestCase):

  def _names(self, source, files):
    folder = testing.temporary_folder(self)
    for path, text in files.items():
      path = os.path.join(folder, path)
      os.makedirs(os.path.dirname(path), exist_ok=True)
      with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return _script_names.of_program(source.encode(), folder)

  @parameterized.parameters(
      'import beside',
      'import json, beside as b',
      'from beside import f',
      'def f():\n  import beside',
      'import package.module',
      'from package import module',
      'from package.module import f',
      'import package.relative',
      'import package.above.deep',
      'import initial',
      'import initial.other',
  )
  def test_finds_names_in_imported_modules(self, source):
    uses = 'import tensorflow as tf\ntf.Session()'
    self.assertEqual(
        self._names(
            source,
            {
                'beside.py': uses,
                'package/__init__.py': '',
                'package/module.py': 'import beside',
                'package/relative.py': 'from . import module',
                'package/above/deep.py': 'from ..module import f',
                'initial/__init__.py': 'from . import inner',
                'initial/inner.py': uses,
                'initial/other.py': '',
            },
        ),
        {'Session'},
    )

  def test_ignores_modules_that_are_not_imported(self):
    self.assertEmpty(
        self._names(
            'import json, package.a, broken, numpy',
            {
                'beside.py': 'import tensorflow as tf\ntf.Session()',
                'package/a.py': 'import package.a',
                'package/beside.py': 'import tensorflow as tf\ntf.Session()',
                'broken.py': 'print x',
            },
        )
    )


if __name__ == '__main__':
  absltest.main()
