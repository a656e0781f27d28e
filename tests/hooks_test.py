# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.hooks."""

import os
import signal
import textwrap
import threading
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import hooks
from kmeans_estimator.ops import replicas
from tests.helpers import running
from tests.helpers import testing

_POINTS = testing.blobs(60, 2, 3, seed=0)[0]
_EVERY_POINT = kmeans_estimator.inputs.array_input_fn(_POINTS)
_BOTH = (signal.SIGTERM, signal.SIGINT)

# A shell makes the programs that it runs in the background ignore SIGINT.
_OBEYS_SIGINT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
# Trains on a batch for each line of stdin, and says when a step waits for it.
_SCRIPT = """
import sys
import numpy as np
import tensorflow as tf
import kmeans_estimator
from kmeans_estimator import estimator, hooks

def batches():
  while print('waits', flush=True) or sys.stdin.readline():
    yield np.eye(3, dtype=np.float32)

def input_fn():
  points = tf.data.Dataset.from_generator(
      batches, output_signature=tf.TensorSpec([3, 3], tf.float32))
  # No batch is asked for before the step that needs it.
  options = tf.data.Options()
  options.experimental_optimization.inject_prefetch = False
  return points.with_options(options)

kmeans = kmeans_estimator.KMeans(
    2, model_dir=sys.argv[1], use_mini_batch=False,
    initial_clusters=[[1, 0, 0], [0, 1, 0]],
    config=estimator.RunConfig(tf_random_seed=1))
all_hooks = [hooks.GracefulStopHook()]
"""
_TRAIN = 'kmeans.train(input_fn, hooks=all_hooks)\n'
_TRAIN_AND_EVALUATE = """
estimator.train_and_evaluate(
    kmeans,
    estimator.TrainSpec(input_fn, max_steps=100, hooks=all_hooks),
    estimator.EvalSpec(lambda: tf.data.Dataset.from_tensors(np.eye(3))
                       .map(lambda x: tf.cast(x, tf.float32))))
"""


class _SignalHook(tf.compat.v1.train.SessionRunHook):
  """Sends the process a signal when a step is done."""

  def __init__(self, number, step):
    self._number = number
    self._step = step

  def begin(self):
    self._global_step = tf.compat.v1.train.get_global_step()

  def after_run(self, run_context, run_values):
    del run_values
    if run_context.session.run(self._global_step) == self._step:
      signal.raise_signal(self._number)


class _EndHook(tf.compat.v1.train.SessionRunHook):

  def __init__(self, at_end):
    self._at_end = at_end

  def end(self, session):
    del session
    self._at_end()


class GracefulStopHookTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.calls = []
    for number in _BOTH:
      self.addCleanup(
          signal.signal, number, signal.signal(number, self._on_signal)
      )

  def _on_signal(self, number, frame):
    del frame
    self.calls.append((number, self._saved_step()))

  def _saved_step(self):
    return self.kmeans.get_variable_value('global_step')

  def _kmeans(self):
    self.kmeans = kmeans_estimator.KMeans(
        3,
        use_mini_batch=False,
        seed=1,
        config=testing.run_config(session_config=testing.unoptimized()),
    )
    return self.kmeans

  @parameterized.product(
      number=_BOTH, order=[0, 1], name=['train', 'train_and_evaluate']
  )
  def test_stops_saves_and_passes_the_signal_on(self, number, order, name):
    graceful = hooks.GracefulStopHook()
    all_hooks = [_SignalHook(number, 3)]
    all_hooks.insert(order, graceful)
    kmeans = self._kmeans()
    if name == 'train':
      kmeans.train(_EVERY_POINT, steps=50, hooks=all_hooks)
    else:
      estimator_lib.train_and_evaluate(
          kmeans,
          estimator_lib.TrainSpec(_EVERY_POINT, 50, all_hooks),
          estimator_lib.EvalSpec(_EVERY_POINT),
      )
    # The signal comes before, or after, this hook has looked for one.
    stopped = 4 - order
    self.assertEqual(self._saved_step(), stopped)
    self.assertEqual(self.calls, [(number, stopped)])
    for each in _BOTH:
      self.assertEqual(signal.getsignal(each), self._on_signal)

  def test_changes_nothing_without_a_signal(self):
    graceful = hooks.GracefulStopHook()
    kmeans = self._kmeans()
    for _ in range(2):
      kmeans.train(_EVERY_POINT, steps=2, hooks=[graceful])
      self.assertEqual(signal.getsignal(signal.SIGTERM), self._on_signal)
    self.assertEqual(self._saved_step(), 4)
    self.assertEmpty(self.calls)

  def test_may_be_used_again_after_a_signal(self):
    graceful = hooks.GracefulStopHook()
    kmeans = self._kmeans()
    kmeans.train(
        _EVERY_POINT, steps=9,
        hooks=[graceful, _SignalHook(signal.SIGTERM, 2)],
    )  # pyformat: disable
    kmeans.train(_EVERY_POINT, max_steps=6, hooks=[graceful])
    self.assertEqual(self._saved_step(), 6)
    self.assertLen(self.calls, 1)

  def test_signal_is_passed_on_after_all_other_hooks(self):
    self._kmeans().train(
        _EVERY_POINT,
        steps=50,
        hooks=[
            hooks.GracefulStopHook(),
            _SignalHook(signal.SIGTERM, 3),
            _EndHook(lambda: self.calls.append('end')),
        ],
    )
    self.assertEqual(self.calls, ['end', (signal.SIGTERM, 4)])

  def test_handlers_are_put_back_after_an_error(self):
    bad = np.full([4, 2], np.nan, np.float32)
    with self.assertRaises(tf.errors.InvalidArgumentError):
      self._kmeans().train(
          testing.input_fn(_POINTS, _POINTS, bad),
          hooks=[hooks.GracefulStopHook()],
      )
    self.assertEqual(signal.getsignal(signal.SIGTERM), self._on_signal)

  def test_signal_while_the_checkpoint_is_written_is_passed_on(self):
    self._kmeans().train(
        _EVERY_POINT,
        steps=2,
        hooks=[
            hooks.GracefulStopHook(),
            _EndHook(lambda: signal.raise_signal(signal.SIGTERM)),
        ],
    )
    self.assertEqual(self.calls, [(signal.SIGTERM, 2)])

  def test_adds_no_op_without_other_workers(self):
    with tf.Graph().as_default() as graph:
      hooks.GracefulStopHook().begin()
      self.assertEmpty(graph.get_operations())

  def test_workers_exchange_signals_after_the_checks_of_the_step(self):
    with tf.Graph().as_default(), mock.patch.object(
        replicas, 'sum_over_workers'
    ) as exchange:
      loss = tf.constant(1.0)
      tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.LOSSES, loss)
      hooks.GracefulStopHook().begin()
      [make_number] = exchange.call_args[0]
      self.assertEqual(make_number().op.control_inputs, [loss.op])

  def test_other_threads_are_refused(self):
    errors = []

    def train():
      try:
        self._kmeans().train(
            _EVERY_POINT, steps=1, hooks=[hooks.GracefulStopHook()]
        )
      except RuntimeError as error:
        errors.append(str(error))

    thread = threading.Thread(target=train, name='trainer')
    thread.start()
    thread.join()
    self.assertRegex(errors[0], "main thread only.*called in 'trainer'")


class ProcessTest(parameterized.TestCase):

  def _start(self, script):
    self._model_dir = os.path.join(testing.temporary_folder(self), 'model')
    process = running.start_forked(
        '-c',
        _OBEYS_SIGINT + _SCRIPT + script,
        self._model_dir,
        TF_CPP_MIN_LOG_LEVEL='3',
    )
    self.addCleanup(process.close)
    return process

  def _wait_for_step(self, process, step):
    """Waits until a step waits for its batch."""
    for _ in range(step - 1):
      self.assertEqual(process.stdout.readline(), 'waits\n')
      self._give_batch(process)
    self.assertEqual(process.stdout.readline(), 'waits\n')

  def _give_batch(self, process):
    process.stdin.write('\n')
    process.stdin.flush()

  def _wait_for(self, process, text):
    for line in process.stderr:
      if text in line:
        return
    self.fail(f'ended without {text!r}')

  @parameterized.product(number=_BOTH, train=[_TRAIN, _TRAIN_AND_EVALUATE])
  def test_process_ends_as_the_signal_says(self, number, train):
    process = self._start(train)
    self._wait_for_step(process, 4)
    process.send_signal(number)
    self._wait_for(process, f'Got {number.name}: training ends')
    self._give_batch(process)
    err = process.stderr.read()
    self.assertEqual(process.wait(), -number, err)
    self.assertEqual('KeyboardInterrupt' in err, number == signal.SIGINT)
    values = testing.checkpoint_values(self._model_dir)
    self.assertEqual(values['global_step'], 4)

  @parameterized.parameters(zip(_BOTH, _BOTH[::-1]))
  def test_second_signal_ends_a_step_that_hangs(self, first, second):
    process = self._start(_TRAIN)
    self._wait_for_step(process, 2)
    process.send_signal(first)
    self._wait_for(process, f'Got {first.name}')
    process.send_signal(second)
    self.assertEqual(process.wait(), -second)

  def test_second_signal_calls_the_handler_of_the_program(self):
    process = self._start(textwrap.dedent("""
        import signal
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    """) + _TRAIN)
    self._wait_for_step(process, 2)
    process.send_signal(signal.SIGTERM)
    self._wait_for(process, 'Got SIGTERM')
    process.send_signal(signal.SIGTERM)
    self._give_batch(process)
    self.assertEqual(process.wait(), 5)

  def test_before_the_first_step_there_is_nothing_to_save(self):
    process = self._start(textwrap.dedent("""
        kmeans = kmeans_estimator.KMeans(2)
        """) + _TRAIN)
    # For a batch to choose the centers from.
    self.assertEqual(process.stdout.readline(), 'waits\n')
    process.send_signal(signal.SIGTERM)
    self.assertEqual(process.wait(), -signal.SIGTERM)


if __name__ == '__main__':
  tf.test.main()
