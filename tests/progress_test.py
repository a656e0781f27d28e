# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._progress."""

import contextlib
import io
import re
import sys
import types
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import _progress
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import hooks
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(60, 2, 3, seed=0)
_EVERY_POINT = kmeans_estimator.inputs.array_input_fn(_POINTS)


def _kmeans(**kwargs):
  return kmeans_estimator.KMeans(
      3,
      initial_clusters=_CENTERS,
      config=testing.run_config(session_config=testing.unoptimized()),
      **kwargs,
  )


class _Clock:
  """Stands for `time`: a step takes two seconds."""

  def __init__(self):
    self.now = 100.0

  def monotonic(self):
    return self.now


class _TickHook(tf.compat.v1.train.SessionRunHook):
  """Lets time pass, and keeps the losses."""

  def __init__(self, clock):
    self._clock = clock
    self.losses = []

  def before_run(self, run_context):
    self._clock.now += 2
    [loss] = run_context.session.graph.get_collection(
        tf.compat.v1.GraphKeys.LOSSES
    )
    return tf.compat.v1.train.SessionRunArgs(loss)

  def after_run(self, run_context, run_values):
    self.losses.append(run_values.results)


class _FakeTqdm:
  """What the hook uses of tqdm; notes what it is told."""

  made: list = []

  def __init__(self, **kwargs):
    self.kwargs = kwargs
    self.n = kwargs['initial']
    self.calls = []
    self.made.append(self)

  def update(self, steps):
    self.n += steps
    self.calls.append(self.n)

  def set_postfix(self, refresh, **values):
    self.values = values

  def refresh(self):
    self.calls.append('refresh')

  def close(self):
    self.calls.append('close')


class _Terminal(io.StringIO):

  def isatty(self):
    return True


@contextlib.contextmanager
def _tqdm(installed):
  module = types.ModuleType('tqdm.auto')
  module.tqdm = _FakeTqdm
  _FakeTqdm.made = []
  modules = {'tqdm': module, 'tqdm.auto': module}
  with mock.patch.dict(
      sys.modules, modules if installed else dict.fromkeys(modules)
  ):
    yield _FakeTqdm.made


class LinesTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    clock = _Clock()
    self.enter_context(mock.patch.object(_progress, 'time', clock))
    self.tick = _TickHook(clock)
    self.lines = []
    self.hook = hooks.ProgressHook(every_n_secs=6, write=self.lines.append)

  def _train(self, kmeans, **kwargs):
    self.lines.clear()
    self.tick.losses.clear()
    return kmeans.train(
        _EVERY_POINT, hooks=[self.tick, self.hook], **kwargs
    )

  def _expected(self, *lines):
    """Fills in the losses; a line starts with its step."""

    def filled(line):
      step = int(re.match(r'step (\d+)', line)[1])
      return line.replace('LOSS', f'loss {self.tick.losses[step - 1]:.6g}')

    return [filled(line) for line in lines]

  def test_lines_show_loss_speed_and_time_left_to_the_last_step(self):
    kmeans = self._train(_kmeans(), steps=9)
    self.assertEqual(
        self.lines,
        self._expected(
            'step 1 of 9, LOSS',
            'step 4 of 9, LOSS, 0.5 steps/s, 0:00:10 left',
            'step 7 of 9, LOSS, 0.5 steps/s, 0:00:04 left',
            'step 9 of 9, LOSS, 0.5 steps/s',
        ),
    )
    # `steps` counts from where training goes on.
    self._train(kmeans, steps=4)
    self.assertStartsWith(self.lines[0], 'step 10 of 13, loss ')
    self.assertRegex(self.lines[1], 'step 13 of 13, loss .*, 0.5 steps/s$')

  def test_lines_show_max_steps_as_the_last_step(self):
    kmeans = self._train(_kmeans(), max_steps=4)
    self._train(kmeans, max_steps=7)
    self.assertStartsWith(self.lines[0], 'step 5 of 7, ')
    self.assertLen(self.lines, 2)

  def test_lines_show_no_last_step_if_it_is_unknown(self):
    self._train(_kmeans(relative_tolerance=0.5))
    self.assertEqual(self.lines[0], self._expected('step 1, LOSS')[0])
    self.assertRegex(
        self.lines[-1], rf'^step {len(self.tick.losses)}, loss .* 0.5 steps/s$'
    )

  def test_train_and_evaluate_shows_lines(self):
    estimator_lib.train_and_evaluate(
        _kmeans(),
        estimator_lib.TrainSpec(
            _EVERY_POINT, max_steps=2, hooks=[self.tick, self.hook]
        ),
        estimator_lib.EvalSpec(_EVERY_POINT),
    )
    self.assertEqual(
        self.lines,
        self._expected(
            'step 1 of 2, LOSS', 'step 2 of 2, LOSS, 0.5 steps/s'
        ),
    )

  def test_other_estimators_show_no_last_step(self):
    def model_fn(features, labels, mode):
      del labels
      step = tf.compat.v1.train.get_global_step()
      return estimator_lib.EstimatorSpec(
          mode, loss=tf.reduce_sum(features), train_op=step.assign_add(1).op
      )

    another = estimator_lib.Estimator(model_fn, config=testing.run_config())
    self._train(another, steps=2)
    self.assertEqual(
        self.lines,
        self._expected('step 1, LOSS', 'step 2, LOSS, 0.5 steps/s'),
    )

  def test_hooks_may_be_an_iterator(self):
    kmeans = _kmeans()
    kmeans.train(_EVERY_POINT, steps=1, hooks=iter([self.hook]))
    self.assertStartsWith(self.lines[0], 'step 1 of 1, ')

  def test_input_that_ends_before_the_first_step_shows_no_line(self):
    # The initialisation takes the one batch that there is.
    kmeans = kmeans_estimator.KMeans(3, config=testing.run_config())
    kmeans.train(testing.input_fn(_POINTS), hooks=[self.hook])
    self.assertEmpty(self.lines)

  def test_adds_no_op(self):
    graphs = []

    class Hook(tf.compat.v1.train.SessionRunHook):

      def begin(self):
        graph = tf.compat.v1.get_default_graph()
        graphs.append([(op.name, op.type) for op in graph.get_operations()])

    for extra in [], [self.hook]:
      _kmeans().train(_EVERY_POINT, steps=1, hooks=[*extra, Hook()])
    self.assertEqual(*graphs)

  def test_evaluation_is_refused(self):
    kmeans = _kmeans().train(_EVERY_POINT, steps=1)
    with self.assertRaisesRegex(ValueError, 'ProgressHook found no loss'):
      kmeans.evaluate(_EVERY_POINT, hooks=[self.hook])

  @parameterized.parameters(0, -1, float('nan'))
  def test_time_that_is_not_positive_is_refused(self, every_n_secs):
    with self.assertRaisesRegex(ValueError, 'every_n_secs must be positive'):
      hooks.ProgressHook(every_n_secs)


class PlaceTest(tf.test.TestCase, parameterized.TestCase):

  def _train(self, stderr, **kwargs):
    self.enter_context(mock.patch.object(sys, 'stderr', stderr))
    _kmeans().train(
        _EVERY_POINT, steps=5, hooks=[hooks.ProgressHook(**kwargs)]
    )
    return stderr.getvalue()

  @parameterized.parameters('terminal', 'notebook')
  def test_terminal_and_notebook_show_a_bar(self, place):
    stderr = _Terminal() if place == 'terminal' else io.StringIO()
    if place == 'notebook':
      builtins = mock.Mock(__IPYTHON__=True)
      self.enter_context(mock.patch.object(_progress, 'builtins', builtins))
    with _tqdm(installed=True) as made:
      self.assertEmpty(self._train(stderr))
    [bar] = made
    self.assertEqual((bar.kwargs['initial'], bar.kwargs['total']), (0, 5))
    self.assertEqual(bar.calls[0], 1)
    self.assertEqual(bar.calls[-3:], [5, 'refresh', 'close'])
    self.assertRegex(bar.values['loss'], r'^[\d.]+$')

  @parameterized.named_parameters(
      ('no_tqdm', False, _Terminal), ('no_terminal', True, io.StringIO)
  )
  def test_lines_go_to_stderr_without_tqdm_or_a_terminal(
      self, installed, stderr
  ):
    with _tqdm(installed) as made:
      lines = self._train(stderr()).splitlines()
    self.assertEmpty(made)
    self.assertRegex(lines[0], '^step 1 of 5, loss ')
    self.assertRegex(lines[-1], '^step 5 of 5, loss .* steps/s$')
    self.assertLen(lines, 2)

  def test_own_write_takes_lines_in_a_terminal_too(self):
    lines = []
    with _tqdm(installed=True) as made:
      self.assertEmpty(self._train(_Terminal(), write=lines.append))
    self.assertEmpty(made)
    self.assertLen(lines, 2)

  def test_real_tqdm_draws_to_100_percent(self):
    stderr = _Terminal()
    self.assertRegex(
        self._train(stderr).replace('\r', '\n'),
        r'100%\|.*5/5 \[.*step/s.*loss=[\d.]+\]\n$',
    )


if __name__ == '__main__':
  tf.test.main()
