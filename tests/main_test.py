# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of `python -m kmeans_estimator`."""

import os
import platform
import signal
import textwrap

from absl.testing import parameterized
import pytest
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import __main__ as main_lib
from tests.helpers import running
from tests.helpers import testing

_FACTS = """
import sys, os
print(sys.argv, sys.path[0], sorted(globals()))
print(__name__, __file__, __doc__, __package__, __spec__, __builtins__)
print(sys.modules['__main__'].__dict__ is globals())
print(__loader__.name, __loader__.path)
"""

_CHAIN = """
import json

def parse(text):
  try:
    return json.loads(text)
  except ValueError as error:
    raise RuntimeError('no good') from error

parse('{')
"""


class LikePythonTest(tf.test.TestCase, parameterized.TestCase):

  def _write(self, name, text):
    path = os.path.join(self.get_temp_dir(), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
      f.write(textwrap.dedent(text))
    return path

  @parameterized.named_parameters(
      ('facts', _FACTS),
      ('exit_status', 'import sys; sys.exit(3)'),
      ('exit_message', 'import sys; print(1); sys.exit("no data")'),
      ('exception', 'def f():\n  return 1 / 0\n\nprint("on")\nf()'),
      ('chained_exceptions', _CHAIN),
      ('missing_module', 'import json\nimport no_such_module'),
      ('failing_module', 'import broken_module'),
      ('missing_name', 'from json import no_such_name'),
      ('python_2_print', 'x = 1\nprint x'),
      ('python_2_range', 'for i in xrange(3): pass'),
      ('interrupted', 'raise KeyboardInterrupt'),
      ('excepthook', 'import sys, traceback\n'
       'sys.excepthook = lambda *e: traceback.print_exception(*e, limit=1)\n'
       'def f(): raise ValueError("mine")\nf()'),
      ('module_beside', 'import beside; print(beside.answer, beside.__file__)'),
      ('encoding', '# coding: latin-1\nprint(ascii("\u00fc"))'),
  )
  def test_script_runs_as_with_python(self, source):
    path = self._write('script.py', source)
    self._write('beside.py', 'answer = 42')
    self._write('broken_module.py', '"a" + 1')
    command = [path, '--flag', 'a b']
    expected = running.run(*command)
    self.assertEqual(
        running.run('-m', 'kmeans_estimator', *command), expected
    )

  def test_relative_path_runs_as_with_python(self):
    path = self._write('sub/script.py', _FACTS + '1 / 0')
    folder = os.path.dirname(os.path.dirname(path))
    expected = running.run('sub/script.py', cwd=folder)
    self.assertIn(os.path.dirname(path), expected.out)
    self.assertEqual(
        running.run('-m', 'kmeans_estimator', 'sub/script.py', cwd=folder),
        expected,
    )

  def test_symbolic_link_runs_as_with_python(self):
    path = self._write('sub/script.py', _FACTS + 'import beside')
    self._write('sub/beside.py', '')
    link = os.path.join(self.get_temp_dir(), 'link.py')
    os.symlink(path, link)
    expected = running.run(link)
    self.assertEqual(expected.status, 0)
    self.assertEqual(running.run('-m', 'kmeans_estimator', link), expected)

  def test_missing_script_fails_as_with_python(self):
    path = os.path.join(self.get_temp_dir(), 'none.py')
    expected = running.run(path)
    self.assertEqual(expected.status, 2)
    self.assertEqual(running.run('-m', 'kmeans_estimator', path), expected)

  @parameterized.parameters(
      ([], 'SCRIPT is missing.'),
      (['--tf1'], 'SCRIPT is missing.'),
      (['--no-such-option', 'a.py'], '--no-such-option is not an option'),
      (['--tf1', '--tf2', 'a.py'], '--tf2 is not an option, or stands'),
      (['--tf2', '--version'], '--version is not an option, or stands'),
      (['-c', 'print(1)'], '-c is not an option'),
  )
  def test_wrong_command_prints_usage_and_reason(self, arguments, reason):
    result = running.run('-m', 'kmeans_estimator', *arguments)
    self.assertEqual((result.status, result.out), (2, ''))
    usage, other, message = result.err.splitlines()
    self.assertEqual(
        usage,
        'usage: python -m kmeans_estimator [--tf1 | --tf2] SCRIPT [ARGS...]',
    )
    self.assertEqual(
        other, '       python -m kmeans_estimator --help | --version'
    )
    self.assertStartsWith(message, f'python -m kmeans_estimator: {reason}')

  @parameterized.parameters('-h', '--help')
  def test_help_comes_without_tensorflow(self, option):
    # Importing TensorFlow takes seconds, and help must not.
    without_tensorflow = self._write('sitecustomize.py', """
        import sys
        sys.modules['tensorflow'] = None
    """)
    result = running.run(
        '-m',
        'kmeans_estimator',
        option,
        PYTHONPATH=os.pathsep.join(
            [os.path.dirname(without_tensorflow), running.ROOT]
        ),
    )
    self.assertEqual((result.status, result.err), (0, ''))
    self.assertStartsWith(result.out, 'Runs an old TensorFlow program')
    self.assertIn(main_lib._USAGE, result.out)
    for name in (*main_lib._VERSIONS, '-h, --help', '--version'):
      self.assertRegex(result.out, f'(?m)^  {name} +[a-z]')
    for line in result.out.splitlines():
      self.assertLessEqual(len(line), 80)

  def test_keyboard_interrupt_ends_the_process_by_sigint(self):
    path = self._write('script.py', 'raise KeyboardInterrupt')
    self.assertEqual(
        running.run('-m', 'kmeans_estimator', path).status, -signal.SIGINT
    )


_AS_TENSORFLOW_1 = """
import os
import sys
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
assert 'tensorflow' not in sys.modules

import tensorflow as tf
import tensorflow.contrib.factorization as by_alias
from tensorflow.contrib.factorization import KMeans, KMeansClustering
from tensorflow.contrib import factorization
import tensorflow.contrib.factorization
import beside
import kmeans_estimator

assert tf is tf.compat.v1 or tf.__name__.endswith('compat.v1')
assert tensorflow is tf
assert by_alias is factorization is tf.contrib.factorization
assert factorization is kmeans_estimator.factorization
assert KMeans is kmeans_estimator.ops.clustering_ops.KMeans
assert KMeansClustering is factorization.KMeansClustering
assert tf.estimator.experimental.KMeans is kmeans_estimator.KMeans
assert not tf.executing_eagerly()
assert not tf.resource_variables_enabled()
assert hasattr(tf.data.Dataset.range(3), 'make_one_shot_iterator')
assert beside.tf is tf
try:
  tf.contrib.layers
except AttributeError as error:
  assert 'tensorflow.contrib' in str(error)
import tensorflow.compat.v2 as tf2
assert not hasattr(tf2.train, 'limit_epochs')

def centers(init, mini_batch, shape):
  with tf.Graph().as_default(), tf.Session() as session:
    points = tf.placeholder(tf.float32, shape)
    *_, initialized, init_op, training_op = KMeans(
        points, 2, init, use_mini_batch=mini_batch, random_seed=1,
        kmc2_chain_length=2).training_graph()
    session.run(tf.global_variables_initializer())
    feed = {points: [[0, 0], [9, 9], [0, 1], [9, 8]]}
    while not session.run(initialized):
      session.run(init_op, feed)
    for _ in range(50):
      session.run(training_op, feed)
    return sorted(session.run(tf.global_variables()[0]).round(1).tolist())

# Static shapes are made of other objects in TensorFlow 1.
for init in 'random', 'kmeans_plus_plus', 'kmc2', [[1, 1], [5, 5]]:
  for shape in [4, 2], [None, 2], [None, None]:
    found = centers(init, init == 'kmc2', shape)
    assert found in ([[0, 0.5], [9, 8.5]], [[4.5, 4], [4.5, 5]]), found
"""

_AS_TENSORFLOW_2 = """
import tensorflow as tf
import tensorflow.compat.v1 as tf1
import kmeans_estimator

assert tf.executing_eagerly()
assert not hasattr(tf, 'placeholder') and not hasattr(tf, 'contrib')
assert not hasattr(tf.train, 'limit_epochs')
assert tf.estimator.experimental.KMeans is kmeans_estimator.KMeans
assert tf1.estimator.experimental.KMeans is kmeans_estimator.KMeans

def input_fn():
  return tf1.train.limit_epochs(tf.constant([[0., 0.], [0., 2.]]), num_epochs=1)

iterator = tf1.data.make_one_shot_iterator(tf.data.Dataset.range(3))
kmeans = tf1.estimator.experimental.KMeans(1, use_mini_batch=False)
kmeans.train(input_fn)  # Chooses a point.
kmeans.train(input_fn)
print(tf.constant(kmeans.cluster_centers()).numpy().round(2).tolist())
"""


@pytest.mark.slow
class WithTensorFlowTest(tf.test.TestCase, parameterized.TestCase):

  def _run(self, source, *flags, run=running.run_forked, **others):
    folder = testing.temporary_folder(self)
    for name, text in {'script': source, **others}.items():
      with open(os.path.join(folder, name + '.py'), 'w') as f:
        f.write(text)
    self._script = os.path.join(folder, 'script.py')
    return run(
        '-m',
        'kmeans_estimator',
        *flags,
        self._script,
        TF_CPP_MIN_LOG_LEVEL='3',
    )

  def test_script_for_tensorflow_1_runs(self):
    # In a new interpreter: TensorFlow is imported when the script asks for it.
    result = self._run(
        _AS_TENSORFLOW_1, run=running.run, beside='import tensorflow as tf'
    )
    self.assertEqual(result.status, 0, result.err)

  def test_script_for_tensorflow_2_runs(self):
    result = self._run(_AS_TENSORFLOW_2)
    self.assertEqual(result.status, 0, result.err)
    self.assertEqual(result.out, '[[0.0, 1.0]]\n')

  def test_module_next_to_the_script_selects_tensorflow_1(self):
    result = self._run(
        'import beside\nprint(beside.model())\n',
        beside='import tensorflow as tf\n'
        'def model():\n'
        '  return tf.placeholder(tf.float32, [2]).shape[0].value\n',
    )
    self.assertEqual((result.status, result.out), (0, '2\n'), result.err)

  def test_flag_selects_the_version(self):
    # No name in this script tells TensorFlow 1 from TensorFlow 2.
    source = (
        'import sys\n'
        'import tensorflow as tf\n'
        'print(sys.argv[1:], tf.executing_eagerly(), "Session" in dir(tf))\n'
    )
    for flag, expected in (
        ('--tf1', '[] False True\n'),
        ('--tf2', '[] True False\n'),
    ):
      result = self._run(source, flag)
      self.assertEqual((result.status, result.out), (0, expected), result.err)

  @parameterized.parameters(
      ('getattr(tf, "Session")', 'with TensorFlow 2: .*', '--tf1'),
      ('from importlib import import_module as i\n'
       'getattr(i("tensorflow.train"), "limit_epochs")', '.*', '--tf1'),
      ('tf.Session; getattr(tf, "function"); getattr(tf, "summary").create_file'
       '_writer', 'with TensorFlow 1: .* such as Session.*', '--tf2'),
  )
  def test_error_names_the_flag_that_helps(self, source, reason, flag):
    result = self._run(f'import tensorflow as tf\n{source}\n')
    self.assertEqual(result.status, 1)
    self.assertRegex(
        result.err.splitlines()[-1],
        f'^kmeans_estimator: .*{reason}python -m kmeans_estimator {flag} '
        f'{self._script}$',
    )

  @parameterized.parameters(
      ('tf.no_such_name',),
      ('tf.Session', '--tf2'),
      ('raise AttributeError("Session")',),
  )
  def test_error_names_no_flag_that_would_not_help(self, source, *flags):
    result = self._run(f'import tensorflow as tf\n{source}\n', *flags)
    self.assertEqual(result.status, 1)
    self.assertNotIn('--tf', result.err)

  @parameterized.parameters(
      'import kmeans_estimator; kmeans_estimator.KMeans(2)',
      'from kmeans_estimator import estimator',
      'from kmeans_estimator.ops import clustering_ops',
  )
  def test_script_may_import_this_package_first(self, first):
    result = self._run(
        f'{first}\n'
        'import kmeans_estimator\n'
        'kmeans_estimator.restore_tf_estimator()\n'
        'import kmeans_estimator.factorization\n'
        'import tensorflow as tf\n'
        'assert tf.estimator.experimental.KMeans is kmeans_estimator.KMeans\n'
        'assert tf.Session is tf.compat.v1.Session\n'
    )
    self.assertEqual(result.status, 0, result.err)

  def test_traceback_shows_no_frame_of_this_package(self):
    result = self._run(
        'import tensorflow as tf\n'
        'from tensorflow.contrib import layers\n'
    )
    self.assertEqual(result.status, 1)
    start = result.err.index('Traceback')
    self.assertEqual(
        result.err[start:].splitlines()[:3],
        [
            'Traceback (most recent call last):',
            f'  File "{self._script}", line 2, in <module>',
            '    from tensorflow.contrib import layers',
        ],
    )
    self.assertIn("cannot import name 'layers'", result.err)
    self.assertNotIn('kmeans_estimator', result.err[start:])


@pytest.mark.slow
class VersionTest(tf.test.TestCase):

  def test_version_prints_the_versions_and_the_ops(self):
    result = running.run_forked('-m', 'kmeans_estimator', '--version')
    self.assertEqual(result.status, 0, result.err)
    package, tensorflow, python, ops = result.out.splitlines()
    self.assertEqual(
        package, f'kmeans_estimator {kmeans_estimator.__version__}'
    )
    self.assertEqual(tensorflow, f'TensorFlow {tf.__version__}')
    self.assertEqual(python, f'Python {platform.python_version()}')
    self.assertRegex(ops, r'^ops on CPUs: (native, [\w-]+|portable: .+)$')


class HasTest(parameterized.TestCase):

  @parameterized.parameters(
      ('Session', True, False),
      ('train.limit_epochs', True, False),
      ('data.Dataset.make_one_shot_iterator', True, False),
      ('data.Dataset.from_tensors', True, True),
      ('compat.v1.train.limit_epochs', True, True),
      ('no_such_name', False, False),
  )
  def test_finds_names_in_the_tensorflow_that_has_them(
      self, name, in_tensorflow_1, in_tensorflow_2
  ):
    self.assertEqual(main_lib._has(tf.compat.v1, name), in_tensorflow_1)
    self.assertEqual(main_lib._has(tf, name), in_tensorflow_2)


if __name__ == '__main__':
  tf.test.main()
