# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._session."""

import contextlib
import functools
import gc
import glob
import itertools
import os
import shutil
import textwrap
import threading
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import inputs
from tests.helpers import running
from tests.helpers import testing

_POINTS, _CENTERS = testing.blobs(60, 2, 3, seed=0)
_BATCHES = inputs.array_input_fn(_POINTS, batch_size=8)
_WHOLE = inputs.array_input_fn(_POINTS)
_LABELS = np.zeros([60], np.int64)


def _kmeans(**kwargs):
  kwargs.setdefault('config', testing.run_config())
  return kmeans_estimator.KMeans(3, initial_clusters=_CENTERS, **kwargs)


@functools.lru_cache(maxsize=None)
def _trained():
  """Returns a model of five steps, with a checkpoint of each."""
  config = testing.run_config(save_checkpoints_steps=1)
  return _kmeans(config=config).train(_BATCHES, steps=5)


def _tensor():
  return tf.constant(_POINTS)


def _threads():
  """Returns the number of threads, including those of TensorFlow."""
  return len(os.listdir('/proc/self/task'))


class _RecordingHook(tf.compat.v1.train.SessionRunHook):
  """Records the calls of its methods, with the default graph of each call."""

  def __init__(self):
    self.calls = []

  def _record(self, name):
    self.calls.append((name, tf.compat.v1.get_default_graph()))

  def begin(self):
    self._record('begin')

  def after_create_session(self, session, coord):
    self.session = session
    self._record('after_create_session')

  def before_run(self, run_context):
    self._record('before_run')

  def after_run(self, run_context, run_values):
    self._record('after_run')

  def end(self, session):
    self._record('end')

  @property
  def names(self):
    return [name for name, _ in self.calls]


class OpenPredictionTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.kmeans = _trained()
    cls.index = list(cls.kmeans.predict_cluster_index(_BATCHES))
    cls.distances = list(cls.kmeans.transform(_BATCHES))

  @parameterized.parameters('predict', 'predict_cluster_index', 'transform')
  def test_eager_tensorflow_works_between_results(self, method):
    before = tf.compat.v1.get_default_graph()
    for i, _ in enumerate(getattr(self.kmeans, method)(_BATCHES)):
      self.assertTrue(tf.executing_eagerly())
      self.assertIs(tf.compat.v1.get_default_graph(), before)
      self.assertEqual(tf.constant(i).numpy(), i)
      [item] = tf.data.Dataset.from_tensors(i)
      self.assertEqual(item, i)
    self.assertEqual(i, 59)

  def test_keras_runs_between_results(self):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    for distances in self.kmeans.transform(_BATCHES):
      self.assertEqual(model(distances[np.newaxis]).shape, [1, 1])

  def test_default_graph_of_the_caller_stays(self):
    with tf.Graph().as_default() as graph:
      for _ in self.kmeans.predict(_BATCHES):
        self.assertIs(tf.compat.v1.get_default_graph(), graph)
      self.assertEmpty(graph.get_operations())

  def test_several_predictions_may_be_open(self):
    rows = zip(
        _POINTS,
        self.kmeans.predict_cluster_index(_BATCHES),
        self.kmeans.transform(_BATCHES),
        self.kmeans.predict(_BATCHES),
    )
    for i, (_, index, distances, prediction) in enumerate(rows):
      self.assertEqual(index, self.index[i])
      self.assertAllEqual(distances, self.distances[i])
      self.assertEqual(prediction['cluster_index'], index)
    self.assertEqual(i, 59)

  def test_predictions_may_be_closed_in_any_order(self):
    first = self.kmeans.predict(_BATCHES)
    second = self.kmeans.transform(_BATCHES)
    self.assertEqual(next(first)['cluster_index'], self.index[0])
    self.assertAllEqual(next(second), self.distances[0])
    first.close()
    self.assertAllEqual(next(second), self.distances[1])
    second.close()
    self.assertTrue(tf.executing_eagerly())

  def test_model_may_be_trained_and_evaluated_between_results(self):
    kmeans = _kmeans().train(_BATCHES, steps=1)
    expected = list(kmeans.transform(_BATCHES))
    distances = kmeans.transform(_BATCHES)
    first = next(distances)
    kmeans.train(_BATCHES, steps=3)
    self.assertEqual(kmeans.evaluate(_BATCHES)['global_step'], 4)
    # An open prediction continues with the checkpoint that it started with.
    self.assertAllEqual([first, *distances], expected)

  def test_prediction_may_continue_in_other_threads(self):
    indices = self.kmeans.predict_cluster_index(_BATCHES)
    found = [next(indices)]
    # The last thread exhausts the generator, which closes its session.
    for part in (itertools.islice(indices, 30), indices):
      thread = threading.Thread(target=found.extend, args=[part])
      thread.start()
      thread.join()
    self.assertEqual(found, self.index)

  @parameterized.product(
      method=('predict', 'predict_cluster_index', 'transform'),
      end=('close', 'drop', 'exhaust', 'error'),
  )
  def test_session_and_threads_end_with_the_generator(self, method, end):
    # `setUpClass` has started the threads that the process keeps.
    predict = getattr(self.kmeans, method)
    gc.collect()
    gc.disable()
    self.addCleanup(gc.enable)
    before = _threads()
    results = predict(_BATCHES)
    next(results)
    self.assertGreater(_threads(), before)
    if end == 'close':
      results.close()
    elif end == 'drop':
      del results
    elif end == 'exhaust':
      for _ in results:
        pass
    else:
      with self.assertRaises(KeyError):
        results.throw(KeyError())
    self.assertEqual(_threads(), before)

  def test_threads_of_queues_end_with_the_generator(self):
    def input_fn():
      return tf.compat.v1.train.batch(
          [tf.constant(_POINTS)], 20, enqueue_many=True
      )

    before = threading.active_count()
    results = self.kmeans.predict(input_fn)
    next(results)
    self.assertGreater(threading.active_count(), before)
    results.close()
    self.assertEqual(threading.active_count(), before)

  def test_hooks_of_an_exhausted_prediction_are_called_to_the_end(self):
    hook = _RecordingHook()
    predictions = self.kmeans.predict(
        inputs.array_input_fn(_POINTS, batch_size=30), hooks=[hook]
    )
    self.assertEmpty(hook.calls)  # Nothing happens before the first `next`.
    self.assertLen(list(predictions), 60)
    self.assertEqual(
        hook.names,
        ['begin', 'after_create_session']
        + ['before_run', 'after_run'] * 2
        + ['before_run', 'end'],
    )
    self.assertLen({graph for _, graph in hook.calls}, 1)

  def test_hooks_of_a_closed_prediction_get_no_end(self):
    hook = _RecordingHook()
    predictions = self.kmeans.predict(_BATCHES, hooks=[hook])
    next(predictions)
    predictions.close()
    # `end` is not called, as after an error.
    self.assertEqual(hook.names[-1], 'after_run')
    with self.assertRaisesRegex(RuntimeError, 'closed Session'):
      hook.session.run([])

  def test_hook_may_stop_the_prediction(self):
    class Stop(tf.compat.v1.train.SessionRunHook):

      def after_run(self, run_context, run_values):
        run_context.request_stop()

    self.assertLen(list(self.kmeans.predict(_BATCHES, hooks=[Stop()])), 8)

  def test_refuses_hooks_of_the_wrong_type(self):
    with self.assertRaisesRegex(TypeError, 'SessionRunHooks, got 5'):
      next(self.kmeans.predict(_BATCHES, hooks=[5]))

  def test_predict_keys_select_predictions(self):
    for keys in (['cluster_index'], ['all_distances'], None):
      prediction = next(self.kmeans.predict(_BATCHES, predict_keys=keys))
      self.assertCountEqual(
          prediction, keys or ['cluster_index', 'all_distances']
      )
    with self.assertRaisesRegex(ValueError, 'no_such_key'):
      next(self.kmeans.predict(_BATCHES, predict_keys=['no_such_key']))

  def test_yield_single_examples_false_yields_batches(self):
    batches = list(self.kmeans.predict(_BATCHES, yield_single_examples=False))
    self.assertEqual(
        [len(batch['cluster_index']) for batch in batches], [8] * 7 + [4]
    )
    self.assertAllEqual(
        np.concatenate([batch['cluster_index'] for batch in batches]),
        self.index,
    )

  def test_checkpoint_path_selects_the_checkpoint(self):
    path = os.path.join(self.kmeans.model_dir, 'model.ckpt-1')
    centers = testing.checkpoint_values(path)['clusters']
    before = np.linalg.norm(_POINTS[:, np.newaxis] - centers, axis=-1)
    squared = [
        prediction['all_distances']
        for prediction in self.kmeans.predict(_BATCHES, checkpoint_path=path)
    ]
    self.assertAllClose(np.sqrt(squared), before, rtol=1e-4, atol=1e-4)
    self.assertNotAllClose(self.distances, before, rtol=1e-4, atol=1e-4)

  def test_error_of_the_input_is_raised_after_the_good_batches(self):
    def fails_later():
      yield _POINTS[:5]
      raise ZeroDivisionError

    def input_fn():
      return tf.data.Dataset.from_generator(
          fails_later, output_signature=tf.TensorSpec([None, 2])
      )

    before = tf.compat.v1.get_default_graph()
    predictions = self.kmeans.predict(input_fn)
    for _ in range(5):
      next(predictions)
    with self.assertRaises(tf.errors.OpError):
      next(predictions)
    self.assertIs(tf.compat.v1.get_default_graph(), before)
    self.assertEmpty(list(predictions))

  def test_process_may_end_with_open_predictions(self):
    result = running.run(
        '-c',
        textwrap.dedent("""
            import numpy as np
            import kmeans_estimator

            points = np.random.normal(size=[60, 2])
            input_fn = kmeans_estimator.inputs.array_input_fn(points, 8)
            kmeans = kmeans_estimator.KMeans(3).train(input_fn, steps=1)
            kept = kmeans.transform(input_fn)
            next(kept)
            for _ in kmeans.predict(input_fn):
              raise KeyError('of the loop')
        """),
        TF_CPP_MIN_LOG_LEVEL='3',
    )
    self.assertEqual(result.status, 1)
    self.assertEndsWith(result.err.strip(), "KeyError: 'of the loop'")
    self.assertNotIn('Exception ignored', result.err)


class InMemoryEvaluatorHookTest(tf.test.TestCase):

  def test_evaluates_the_variables_of_the_training_session(self):
    kmeans = _kmeans(use_mini_batch=False)
    hook = estimator_lib.experimental.InMemoryEvaluatorHook(kmeans, _WHOLE)
    with self.assertRaisesRegex(ValueError, 'train.input_fn, steps=1. without'):
      kmeans.train(_tensor, steps=1, hooks=[hook])
    kmeans.train(_tensor, steps=1)
    kmeans.train(_tensor, steps=2, hooks=[hook])
    scores = {
        event.step: value.simple_value
        for path in glob.glob(os.path.join(kmeans.eval_dir(), '*tfevents*'))
        for event in tf.compat.v1.train.summary_iterator(path)
        for value in event.summary.value
        if value.tag == 'score'
    }
    self.assertCountEqual(scores, [1, 3])
    self.assertGreater(scores[1], scores[3])
    self.assertAllClose(scores[3], kmeans.score(_WHOLE))


class TensorAsInputTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.kmeans = _trained()

  @parameterized.named_parameters(
      ('tensor', _tensor),
      ('random', lambda: tf.random.normal([60, 2])),
      ('tensor_and_labels', lambda: (tf.constant(_POINTS), _LABELS)),
      ('dict', lambda: {'x': tf.constant(_POINTS)}),
      (
          'dict_and_labels',
          lambda: (
              {
                  'a': tf.constant(_POINTS[:, 0]),
                  'b': tf.constant(_POINTS[:, 1]),
              },
              _LABELS,
          ),
      ),
      ('sparse', lambda: tf.sparse.from_dense(tf.constant(_POINTS))),
  )
  def test_tensor_is_one_batch_to_predict_and_evaluate(self, input_fn):
    self.assertLen(list(self.kmeans.predict(input_fn)), 60)
    self.assertLen(list(self.kmeans.predict_cluster_index(input_fn)), 60)
    self.assertLen(list(self.kmeans.transform(input_fn)), 60)
    hook = _RecordingHook()
    result = self.kmeans.evaluate(input_fn, hooks=[hook])
    self.assertEqual(hook.names.count('after_run'), 1)
    self.assertEqual(hook.names[-1], 'end')
    self.assertGreater(result['score'], 0)

  def test_python_function_of_a_feature_column_does_not_repeat_a_tensor(self):
    def normalizer_fn(values):
      halves = tf.numpy_function(lambda x: x / 2, [values], values.dtype)
      return tf.ensure_shape(halves, values.shape)

    column = tf.feature_column.numeric_column(
        'x', shape=[2], normalizer_fn=normalizer_fn
    )

    def input_fn():
      return {'x': tf.constant(_POINTS)}

    kmeans = _kmeans(feature_columns=[column]).train(input_fn, steps=1)
    found = itertools.islice(kmeans.predict_cluster_index(input_fn), 100)
    self.assertLen(list(found), 60)
    hook = _RecordingHook()
    kmeans.evaluate(input_fn, hooks=[hook])
    self.assertEqual(hook.names.count('after_run'), 1)

  def test_tensor_gives_the_same_results_as_a_dataset(self):
    self.assertAllEqual(
        list(self.kmeans.transform(_tensor)),
        list(self.kmeans.transform(_WHOLE)),
    )
    self.assertEqual(
        self.kmeans.evaluate(_tensor), self.kmeans.evaluate(_WHOLE)
    )

  def test_tensor_is_the_batch_of_every_training_step(self):
    centers = []
    for input_fn in (_tensor, _WHOLE):
      kmeans = _kmeans(use_mini_batch=False).train(input_fn, steps=4)
      self.assertEqual(kmeans.get_variable_value('global_step'), 4)
      centers.append(kmeans.cluster_centers())
    self.assertAllEqual(*centers)

  def test_tensor_is_evaluated_steps_times(self):
    hook = _RecordingHook()
    self.kmeans.evaluate(_tensor, steps=3, hooks=[hook])
    self.assertEqual(hook.names.count('after_run'), 3)

  def test_tensor_works_in_train_and_evaluate(self):
    kmeans = _kmeans()
    hook = _RecordingHook()
    result, _ = estimator_lib.train_and_evaluate(
        kmeans,
        estimator_lib.TrainSpec(_tensor, max_steps=2),
        estimator_lib.EvalSpec(_tensor, steps=None, hooks=[hook]),
    )
    self.assertEqual(hook.names.count('after_run'), 1)
    self.assertEqual(result['score'], kmeans.score(_WHOLE))

  def test_prediction_of_a_tensor_gives_no_warning(self):
    with mock.patch.object(tf.get_logger(), 'warning') as warning:
      list(self.kmeans.predict(_tensor))
    warning.assert_not_called()

  @parameterized.named_parameters(
      (
          'limit_epochs',
          lambda: tf.compat.v1.train.limit_epochs(tf.constant(_POINTS), 3),
          3,
      ),
      (
          'queue_runner',
          lambda: tf.compat.v1.train.batch(
              tf.compat.v1.train.slice_input_producer(
                  [tf.constant(_POINTS)], num_epochs=2, shuffle=False
              ),
              20,
          ),
          6,
      ),
      (
          'one_shot_iterator',
          lambda: tf.compat.v1.data.make_one_shot_iterator(
              _BATCHES()
          ).get_next(),
          8,
      ),
      (
          'python',
          lambda: tf.ensure_shape(
              tf.compat.v1.py_func(
                  iter([_POINTS[:30], _POINTS[30:]]).__next__, [], tf.float32
              ),
              [None, 2],
          ),
          2,
      ),
  )
  def test_stream_is_read_to_its_end(self, input_fn, batches):
    hook = _RecordingHook()
    list(self.kmeans.predict(input_fn, hooks=[hook]))
    self.assertEqual(hook.names.count('after_run'), batches)
    hook = _RecordingHook()
    self.kmeans.evaluate(input_fn, hooks=[hook])
    self.assertEqual(hook.names.count('after_run'), batches)

  def test_placeholder_is_read_until_the_feeding_hook_stops(self):
    class Feed(tf.compat.v1.train.SessionRunHook):

      def __init__(self):
        self._batches = [_POINTS[:30], _POINTS[30:]]

      def before_run(self, run_context):
        batch = self._batches.pop()
        if not self._batches:
          run_context.request_stop()
        return tf.compat.v1.train.SessionRunArgs(
            None, feed_dict={'fed:0': batch}
        )

    def input_fn():
      return tf.compat.v1.placeholder(tf.float32, [None, 2], 'fed')

    self.assertLen(list(self.kmeans.predict(input_fn, hooks=[Feed()])), 60)


class PrecisionTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(1e25, 1.0, 1e-30)
  def test_float64_is_evaluated_in_float64(self, scale):
    points = np.float64(_POINTS) * scale
    kmeans = kmeans_estimator.KMeans(
        3,
        initial_clusters=points[:3],
        use_mini_batch=False,
        config=testing.run_config(),
    )
    every_point = inputs.array_input_fn(points)
    kmeans.train(every_point, steps=2)
    distances = np.array(list(kmeans.transform(every_point)))
    expected = np.square(distances.min(axis=1)).sum()
    self.assertTrue(0 < expected < np.inf)
    score = kmeans.score(every_point)
    self.assertEqual(score.dtype, np.float64)
    np.testing.assert_allclose(score, expected, 1e-12)
    result = kmeans.evaluate(inputs.array_input_fn(points, batch_size=20))
    for key in ('score', 'loss'):
      self.assertEqual(result[key].dtype, np.float64)
      np.testing.assert_allclose(result[key], expected / 3, 1e-12)

  def test_float32_is_evaluated_in_float32(self):
    result = _trained().evaluate(_BATCHES)
    self.assertEqual(result['score'].dtype, np.float32)
    self.assertEqual(result['loss'].dtype, np.float32)

  def test_input_without_batches_has_score_0(self):
    result = _trained().evaluate(
        lambda: tf.data.Dataset.from_tensors(_POINTS).take(0)
    )
    self.assertEqual(result['score'], 0)


class UnwritableFolderTest(tf.test.TestCase, parameterized.TestCase):

  @contextlib.contextmanager
  def _as_nobody(self):
    """Takes the right to write anywhere from a process that is root."""
    if os.geteuid():
      yield
      return
    os.seteuid(65534)
    try:
      yield
    finally:
      os.seteuid(0)

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.model_dir = os.path.join(testing.folder_of_class(cls), 'model')
    kmeans = _kmeans(model_dir=cls.model_dir).train(_BATCHES, steps=1)
    cls.expected = kmeans.score(_BATCHES)
    # Import now what this user may read, but nobody may not.
    list(kmeans.predict(_BATCHES))

  def _evaluated(self):
    """Returns a copy of a model that was trained and evaluated once."""
    folder = testing.temporary_folder(self)
    os.chmod(folder, 0o755)
    model_dir = os.path.join(folder, 'model')
    shutil.copytree(self.model_dir, model_dir)
    return _kmeans(model_dir=model_dir)

  @parameterized.parameters(None, 'other')
  def test_score_works_if_results_cannot_be_written(self, name):
    kmeans = self._evaluated()
    blocked = kmeans.eval_dir(name)
    if tf.io.gfile.exists(blocked):
      tf.io.gfile.rmtree(blocked)
    with open(blocked, 'w'):
      pass
    with self.assertLogs('tensorflow', 'WARNING') as logs:
      result = kmeans.evaluate(_BATCHES, steps=1, name=name)
    self.assertEqual(result['score'], self.expected)
    self.assertRegex(
        ''.join(logs.output), f'results .* are not written to {blocked}: '
    )

  @parameterized.parameters(True, False)
  def test_score_works_in_a_read_only_folder(self, has_eval_folder):
    kmeans = self._evaluated()
    eval_dir = kmeans.eval_dir()
    if has_eval_folder:
      os.chmod(eval_dir, 0o555)
    else:
      tf.io.gfile.rmtree(eval_dir)
    os.chmod(kmeans.model_dir, 0o555)
    try:
      with self._as_nobody():
        self.assertEqual(kmeans.score(_BATCHES), self.expected)
        self.assertLen(list(kmeans.predict(_BATCHES)), 60)
        self.assertEqual(kmeans.cluster_centers().shape, (3, 2))
    finally:
      os.chmod(kmeans.model_dir, 0o755)


if __name__ == '__main__':
  tf.test.main()
