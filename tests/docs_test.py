# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of what README and docs say: code, commands, links, names of tests.

Python code runs, also that of the docstrings in the API reference. Commands do
not: they install packages, start servers or take minutes. For these the tests
check that bash can parse them and that what they name exists: files, options,
extras, sessions of nox, benchmark cases.
"""

import ast
import inspect
import json
import pathlib
import re
import runpy
import shlex
import subprocess

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from benchmarks import cases
import kmeans_estimator
from kmeans_estimator import __main__
from kmeans_estimator import estimator
from kmeans_estimator import hooks
from kmeans_estimator import inputs
from kmeans_estimator.ops import clustering_ops
from tests.helpers import pages
from tests.helpers import running
from tests.helpers import testing

_ROOT = pathlib.Path(running.ROOT)
_PAGES = {
    str(path.relative_to(_ROOT)): path
    for path in [
        _ROOT / 'README.md',
        *sorted(
            path
            for path in (_ROOT / 'docs').rglob('*.md')
            if '_build' not in path.parts
        ),
    ]
}
_LANGUAGES = {'', 'json', 'python', 'sh', 'text'}
_FENCE = re.compile(r'^ *```(.*)$', re.MULTILINE)
_LINK = re.compile(r'\]\(([^)\s]+)\)')
# What README and docs take from elsewhere.
_PROGRAMS = {'curl', 'docker', 'export', 'tensorboard'}
_MODULES = {'build', 'pytest', 'tf2onnx.convert', 'twine'}


def _languages(text):
  """The languages of all code blocks; of directives the name in braces."""
  return [match[1] for match in _FENCE.finditer(text)][::2]


def _with(language):
  return [
      (name, path)
      for name, path in _PAGES.items()
      if language in _languages(path.read_text('utf-8'))
  ]


def _scores(output):
  return [float(n) for n in re.findall(r'^score: (.*)$', output, re.MULTILINE)]


class PythonBlocksTest(parameterized.TestCase):

  @parameterized.named_parameters(_with('python'))
  @pytest.mark.slow
  def test_blocks_of_each_page_run(self, path):
    result = running.run_forked(
        *('-m', 'tests.helpers.pages', str(path)),
        cwd=testing.temporary_folder(self),
    )
    self.assertEqual(result.status, 0, result.out + result.err)
    if path.name == 'README.md':
      scores = _scores(result.out)
      self.assertLen(scores, 5)
      self.assertLess(scores[-1], scores[0])
      self.assertEqual(result.out.count('is in cluster'), 5)

  @parameterized.named_parameters(
      ('raises', '```python\n1 / 0\n```\n', 'division by zero'),
      ('prints', '```python\nprint(1)\n```\n\n```text\n2\n```\n', 'Expected'),
  )
  def test_wrong_page_fails(self, text, message):
    page = pathlib.Path(testing.temporary_folder(self), 'page.md')
    page.write_text(text, 'utf-8')
    with self.assertRaisesRegex(
        (AssertionError, ZeroDivisionError), message
    ):
      pages.run(page)

  def test_output_that_no_block_prints_is_ignored(self):
    page = pathlib.Path(testing.temporary_folder(self), 'page.md')
    page.write_text('```python\nprint(1)\n```\n\nOr\n\n```text\n2\n```\n')
    pages.run(page)


# What examples in docstrings take for granted.
_PREAMBLE = """```python
import numpy as np
import tensorflow as tf
import kmeans_estimator
from kmeans_estimator import KMeans
from kmeans_estimator import estimator
from kmeans_estimator import hooks
from kmeans_estimator.inputs import array_input_fn
from kmeans_estimator.ops import clustering_ops

points = np.random.uniform(0, 1000, [100, 2]).astype(np.float32)
input_fn = array_input_fn(points, batch_size=20, num_epochs=1)
eval_spec = estimator.EvalSpec(input_fn, start_delay_secs=0, throttle_secs=0)
kmeans = KMeans(5)
```
"""
_IN_A_GRAPH = """```python
tf.compat.v1.disable_eager_execution()
points = tf.constant(points)
```
"""


class DocstringsTest(absltest.TestCase):

  @pytest.mark.slow
  def test_examples_run(self):
    page = pathlib.Path(testing.temporary_folder(self), 'page.md')
    # All but that of KMeans.tpu_model_fn, which needs a TPU.
    documented = [
        estimator,
        hooks.GracefulStopHook,
        hooks.ClusterSummaryHook,
        hooks.ProgressHook,
        inputs.array_input_fn,
        kmeans_estimator.KMeans,
        clustering_ops.KMeans,
    ]
    texts = [inspect.getdoc(each) for each in documented]
    for text in texts:
      self.assertIn('```python', text)
    *texts, of_graph_level = texts
    page.write_text(
        '\n\n'.join([_PREAMBLE, *texts, _IN_A_GRAPH, of_graph_level]), 'utf-8'
    )
    result = running.run_forked(
        '-m', 'tests.helpers.pages', str(page), cwd=str(page.parent)
    )
    self.assertEqual(result.status, 0, result.out + result.err)


class BlocksTest(parameterized.TestCase):

  @parameterized.named_parameters(_PAGES.items())
  def test_every_block_is_found(self, path):
    languages = _languages(path.read_text('utf-8'))
    directives = [name for name in languages if name.startswith('{')]
    self.assertContainsSubset(
        set(languages) - set(directives), _LANGUAGES, str(path)
    )
    for language in _LANGUAGES - {''}:
      self.assertLen(pages.blocks(path, language), languages.count(language))

  @parameterized.named_parameters(_with('json'))
  def test_json_blocks_are_valid(self, path):
    for text in pages.blocks(path, 'json'):
      json.loads(text)


class CommandsTest(parameterized.TestCase):

  def test_usage_is_that_of_the_command(self):
    [usage] = pages.blocks(_ROOT / 'docs' / 'api' / 'command_line.md', 'text')
    self.assertIn(f'\n{usage}\n', __main__.__doc__)

  @parameterized.named_parameters(_with('sh'))
  def test_commands_of_each_page_exist(self, path):
    for block in pages.blocks(path, 'sh'):
      subprocess.run(['bash', '-n', '-c', block], check=True)
      for command in _commands(block):
        with self.subTest(' '.join(command)):
          self._check(*command)

  def _check(self, program, *arguments):
    if program in _PROGRAMS:
      return
    self.assertEqual(program, 'python')
    if arguments[0] != '-m':
      self._check_script(*arguments)
      return
    module, *arguments = arguments[1:]
    if module in _MODULES:
      return
    getattr(self, f'_check_{module}')(*arguments)

  def _check_script(self, path, *arguments):
    source = (_ROOT / path).read_text('utf-8')
    for argument in arguments:
      if argument.startswith('--'):
        self.assertIn(argument.partition('=')[0].lstrip('-'), source)

  def _check_kmeans_estimator(self, *arguments):
    if arguments[0] in ('--help', '--version'):
      self.assertLen(arguments, 1)
      return
    if arguments[0] in ('--tf1', '--tf2'):
      arguments = arguments[1:]
    self._check_script(*arguments)

  def _check_pip(self, command, *arguments):
    self.assertEqual(command, 'install')
    for argument in arguments:
      extras = re.fullmatch(r'\.\[([\w,]+)\]', argument)
      if extras:
        self.assertContainsSubset(extras[1].split(','), _extras())
      else:
        self.assertRegex(argument, r'^(-e|\.|[\w-]+)$')

  def _check_nox(self, *arguments):
    if arguments:
      option, session = arguments
      self.assertEqual(option, '-s')
      self.assertIn(f'def {session}(session', _read('noxfile.py'))

  def _check_benchmarks(self, *arguments):
    source = _read('benchmarks/__main__.py')
    names = []
    for argument in arguments:
      if argument.startswith('--'):
        self.assertIn(f"'{argument}'", source)
      else:
        names.append(argument)
    cases.matching(names)  # Raises ValueError if there is none.


def _commands(block):
  """Yields the words of each command in a block of shell code."""
  if block.startswith('export '):  # Its value may have several lines.
    yield shlex.split(block)
    return
  words = []
  text = block.replace('\\\n', ' ').replace('\n', ' && ')
  for word in [*shlex.split(text), '&&']:
    if word != '&&':
      words.append(word)
    elif words:
      yield words
      words = []


def _read(name):
  return (_ROOT / name).read_text('utf-8')


def _extras():
  """Returns the names of extras_require in setup.py."""
  for node in ast.walk(ast.parse(_read('setup.py'))):
    if isinstance(node, ast.keyword) and node.arg == 'extras_require':
      return [ast.literal_eval(key) for key in node.value.keys]
  raise AssertionError('setup.py has no extras_require.')


class LinksTest(parameterized.TestCase):

  @parameterized.named_parameters(
      *_PAGES.items(), ('CONTRIBUTING.md', _ROOT / 'CONTRIBUTING.md')
  )
  def test_local_links_lead_to_files(self, path):
    for target in _LINK.findall(path.read_text('utf-8')):
      if not re.match('https?:|#', target):
        file = path.parent / target.partition('#')[0]
        self.assertTrue(file.exists(), f'{path} links to {target}')

  def test_readme_is_short(self):
    self.assertLessEqual(len(_read('README.md').splitlines()), 150)


class DifferencesTest(absltest.TestCase):

  def test_every_row_names_tests_that_exist(self):
    page = _read('docs/differences.md')
    rows = re.findall(r'^\| .*\| (`.*`) \|$', page, re.MULTILINE)
    self.assertGreater(len(rows), 30)
    for row in rows:
      module = None
      for name in re.findall('`([^`]+)`', row):
        *file, test = name.split(': ')
        if file or test.endswith('_test'):
          module = (file or [test])[0]
        source = _read(f'tests/{module}.py')
        if test.startswith('test_'):
          self.assertIn(f'  def {test}(', source, row)


class FiguresTest(absltest.TestCase):

  def test_benchmarks_are_drawn_from_the_table(self):
    script = str(_ROOT / 'docs' / 'figures' / 'benchmarks.py')
    png = pathlib.Path(testing.temporary_folder(self), 'benchmarks.png')
    result = running.run_forked(script, '--output', str(png))
    self.assertEqual(result.status, 0, result.err)
    self.assertGreater(png.stat().st_size, 10_000)

  def test_scores_are_drawn(self):
    path = _ROOT / 'docs' / 'figures' / 'training.py'
    training = runpy.run_path(str(path))
    points = training['pixels']()[:5000]
    figure = training['FIGURES']['mini_batches'](points)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    self.assertIn('full batch', lines)
    for label, line in lines.items():
      passes, scores = line.get_data()
      self.assertEqual(passes[0], 0)
      self.assertBetween(passes[-1], 19, 20, label)
      self.assertLess(scores[-1], scores[0], label)


if __name__ == '__main__':
  absltest.main()
