# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._summaries."""

import os
import re

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import hooks
from tests.helpers import numpy_model
from tests.helpers import testing

_K = 4
_POINTS = testing.blobs(80, 3, _K, seed=5)[0]
# The last center is nearest to no point.
_CENTERS = np.concatenate([_POINTS[:3], np.full([1, 3], 99, np.float32)])
_TAGS = {
    'clusters/share_of_points',
    'clusters/empty',
    'clusters/moved',
    'clusters/moved_mean',
    'clusters/moved_max',
}
_COSINE = kmeans_estimator.KMeans.COSINE_DISTANCE


def _kmeans(model_dir=None, config=None, **kwargs):
  kwargs.setdefault('initial_clusters', _CENTERS)
  return kmeans_estimator.KMeans(
      _K,
      model_dir=model_dir,
      config=testing.run_config(**(config or {})),
      **kwargs,
  )


def _every_point(points=_POINTS):
  return kmeans_estimator.inputs.array_input_fn(points)


def _batches(points=_POINTS, rows=20):
  """Batches in order, again and again."""
  return lambda: tf.data.Dataset.from_tensor_slices(points).repeat().batch(rows)


def _shares(points, centers):
  nearest = np.square(points[:, np.newaxis] - centers).sum(2).argmin(1)
  return np.bincount(nearest, minlength=len(centers)) / len(points)


class _CentersHook(tf.compat.v1.train.SessionRunHook):
  """Keeps the centers before each step, and after the last."""

  def __init__(self):
    self.values = []

  def begin(self):
    self._clusters, = tf.compat.v1.global_variables('clusters')

  def before_run(self, run_context):
    self.values.append(run_context.session.run(self._clusters))

  def end(self, session):
    self.values.append(session.run(self._clusters))


class ClusterSummaryHookTest(tf.test.TestCase, parameterized.TestCase):

  def assert_histogram(self, histogram, values):
    values = np.asarray(values, np.float64)
    for field, expected in (
        ('num', values.size),
        ('min', values.min()),
        ('max', values.max()),
        ('sum', values.sum()),
        ('sum_squares', np.square(values).sum()),
    ):
      self.assertAllClose(getattr(histogram, field), expected, 1e-5, msg=field)
    # Of these limits TensorBoard draws the histogram.
    limits = np.array(histogram.bucket_limit)
    self.assertLen(histogram.bucket, len(limits))
    self.assertAllClose(limits[-1], values.max(), 1e-5)
    np.testing.assert_array_less(limits[:-1], limits[1:])
    self.assertEqual(sum(histogram.bucket), values.size)
    for below, limit in zip(np.cumsum(histogram.bucket), limits):
      # Rounding decides on which side a value at a limit is.
      self.assertBetween(
          below, np.sum(values < limit - 1e-6), np.sum(values <= limit + 1e-6)
      )

  @parameterized.parameters('squared_euclidean', 'cosine')
  def test_summaries_equal_numpy_in_each_step(self, metric):
    centers = _CentersHook()
    kmeans = _kmeans(distance_metric=metric).train(
        _batches(), steps=3, hooks=[centers, hooks.ClusterSummaryHook(1)]
    )
    found = testing.cluster_summaries(kmeans.model_dir)
    self.assertCountEqual(found, [1, 2, 3])
    for step, values in found.items():
      points = _POINTS[20 * (step - 1) : 20 * step]
      before, after = centers.values[step - 1 : step + 1]
      moved = np.linalg.norm(after - before, axis=1)
      if metric == _COSINE:
        points, before, after = (
            numpy_model.normalize(rows.astype(np.float64))
            for rows in (points, before, after)
        )
        moved = 1 - np.sum(before * after, axis=1)
      shares = _shares(points, before)
      self.assertEqual(set(values), _TAGS)
      self.assert_histogram(values['clusters/share_of_points'], shares)
      self.assertEqual(values['clusters/empty'], np.sum(shares == 0))
      if metric != _COSINE:
        self.assertGreaterEqual(values['clusters/empty'], 1)
      self.assert_histogram(values['clusters/moved'], moved)
      self.assertAllClose(values['clusters/moved_mean'], moved.mean(), 1e-5)
      self.assertAllClose(values['clusters/moved_max'], moved.max(), 1e-5)
      self.assertGreater(moved.max(), 0)

  def test_values_that_differ_by_rounding_fill_one_bucket(self):
    # Both centers move by the same vector, but for rounding errors.
    random = np.random.RandomState(0)
    points = random.normal(size=[20, 2])
    points = np.concatenate([points, points + [10, 3]])
    kmeans = kmeans_estimator.KMeans(
        2,
        testing.temporary_folder(self),
        initial_clusters=points[[0, 20]],
        use_mini_batch=False,
    ).train(testing.input_fn(points), hooks=[hooks.ClusterSummaryHook(1)])
    [values] = testing.cluster_summaries(kmeans.model_dir).values()
    moved = values['clusters/moved']
    self.assertLess(0, moved.max - moved.min)
    self.assertEqual(moved.bucket, [2])

  def test_summary_covers_all_steps_since_the_previous_summary(self):
    centers = _CentersHook()
    kmeans = _kmeans().train(
        _batches(), steps=5, hooks=[centers, hooks.ClusterSummaryHook(2)]
    )
    found = testing.cluster_summaries(kmeans.model_dir)
    # The last one is of the end of training.
    self.assertCountEqual(found, [2, 4, 5])
    for first, last in (0, 2), (2, 4), (4, 5):
      shares = np.mean(
          [
              _shares(
                  _POINTS[20 * (i % 4) : 20 * (i % 4 + 1)], centers.values[i]
              )
              for i in range(first, last)
          ],
          axis=0,
      )
      moved = np.linalg.norm(centers.values[last] - centers.values[first], 2, 1)
      values = found[last]
      self.assert_histogram(values['clusters/share_of_points'], shares)
      self.assertEqual(values['clusters/empty'], np.sum(shares == 0))
      self.assert_histogram(values['clusters/moved'], moved)

  def test_summaries_show_that_full_batch_converges(self):
    hook = hooks.ClusterSummaryHook(1)
    kmeans = _kmeans(use_mini_batch=False)
    for _ in range(2):  # The hook may be used again.
      kmeans.train(_every_point(), steps=8, hooks=[hook])
    found = testing.cluster_summaries(kmeans.model_dir)
    self.assertCountEqual(found, range(1, 17))
    # In the first step the far center takes over a point.
    self.assertEqual(found[1]['clusters/empty'], 1)
    self.assertGreater(found[1]['clusters/moved_max'], 50)
    self.assertEqual(found[16]['clusters/empty'], 0)
    self.assertEqual(found[16]['clusters/moved_max'], 0)
    self.assert_histogram(found[16]['clusters/moved'], np.zeros(_K))

  @parameterized.parameters(
      dict(initial_clusters='random'),
      dict(initial_clusters='kmeans_plus_plus', use_mini_batch=False),
      dict(initial_clusters='kmc2', mini_batch_steps_per_iteration=2),
  )
  def test_movement_starts_at_the_chosen_centers(self, **kwargs):
    kmeans = _kmeans(seed=3, **kwargs).train(
        _batches(rows=40), steps=2, hooks=[hooks.ClusterSummaryHook(2)]
    )
    values = testing.cluster_summaries(kmeans.model_dir)[2]
    self.assertEqual(values['clusters/moved'].num, _K)
    # Points are not that far from each other.
    self.assertLess(values['clusters/moved_max'], 20)

  def test_number_of_columns_may_be_unknown(self):
    def input_fn():
      return _batches()().map(
          lambda x: tf.compat.v1.placeholder_with_default(x, [None, None])
      )

    kmeans = _kmeans().train(
        input_fn, steps=2, hooks=[hooks.ClusterSummaryHook(1)]
    )
    self.assertCountEqual(testing.cluster_summaries(kmeans.model_dir), [1, 2])

  def test_batches_without_rows_count_every_cluster_as_empty(self):
    empty = _POINTS[:0]
    kmeans = _kmeans().train(
        testing.input_fn(empty, empty), hooks=[hooks.ClusterSummaryHook(2)]
    )
    values = testing.cluster_summaries(kmeans.model_dir)[2]
    self.assertEqual(values['clusters/empty'], _K)
    self.assert_histogram(values['clusters/share_of_points'], np.zeros(_K))

  def test_train_and_evaluate_writes_summaries(self):
    kmeans = _kmeans()
    estimator_lib.train_and_evaluate(
        kmeans,
        estimator_lib.TrainSpec(
            _batches(), max_steps=4, hooks=[hooks.ClusterSummaryHook(2)]
        ),
        estimator_lib.EvalSpec(_every_point()),
    )
    self.assertCountEqual(testing.cluster_summaries(kmeans.model_dir), [2, 4])

  def test_replicas_count_the_points_of_all_replicas(self):
    tf.config.set_soft_device_placement(True)
    kmeans = _kmeans(
        use_mini_batch=False,
        config=dict(
            train_distribute=tf.distribute.MirroredStrategy(
                ['CPU:0', 'CPU:1']
            ),
            session_config=testing.cpus(2),
        ),
    )
    kmeans.train(
        testing.input_fn(_POINTS[:30], _POINTS[30:]),
        hooks=[hooks.ClusterSummaryHook(1)],
    )
    values = testing.cluster_summaries(kmeans.model_dir)[1]
    self.assert_histogram(
        values['clusters/share_of_points'], _shares(_POINTS, _CENTERS)
    )
    moved = np.linalg.norm(kmeans.cluster_centers() - _CENTERS, axis=1)
    self.assert_histogram(values['clusters/moved'], moved)

  def test_shares_a_file_with_the_losses(self):
    kmeans = kmeans_estimator.KMeans(
        _K,
        initial_clusters=_CENTERS,
        config=estimator_lib.RunConfig(save_summary_steps=1),
    )
    kmeans.train(_batches(), steps=2, hooks=[hooks.ClusterSummaryHook(1)])
    names = [n for n in os.listdir(kmeans.model_dir) if 'tfevents' in n]
    self.assertLen(names, 1)

  def test_costs_nothing_when_it_is_not_used(self):
    graphs = []

    class Hook(tf.compat.v1.train.SessionRunHook):

      def begin(self):
        graph = tf.compat.v1.get_default_graph()
        graphs.append([(op.name, op.type) for op in graph.get_operations()])

    kmeans = _kmeans()
    # The graph of the first call also chooses centers.
    kmeans.train(_batches(), steps=1)
    kmeans.train(_batches(), steps=1, hooks=[Hook()])
    kmeans.train(
        _batches(), steps=1, hooks=[hooks.ClusterSummaryHook(), Hook()]
    )
    self.assertEqual(*graphs)
    # Nor do files hold what is only kept for the hook.
    meta_graph, = [
        name for name in os.listdir(kmeans.model_dir) if name.endswith('1.meta')
    ]
    with open(os.path.join(kmeans.model_dir, meta_graph), 'rb') as file:
      self.assertNotIn(b'kmeans_estimator/training', file.read())

  def test_tasks_that_are_not_chief_write_nothing(self):
    kmeans = _kmeans()
    kmeans._config = kmeans.config.replace()
    kmeans._config._is_chief = False
    hook = hooks.ClusterSummaryHook(1)
    with tf.Graph().as_default():
      features = tf.constant(_POINTS)
      tf.compat.v1.train.create_global_step()
      spec = kmeans.model_fn(features, None, 'train', kmeans.config)
      hook.begin()
      self.assertIsNone(hook.before_run(None))
      hook.after_run(None, None)
      hook.end(None)
      self.assertIsNotNone(spec.train_op)
    self.assertNoCommonElements(
        ['projector'], os.listdir(kmeans.model_dir)
    )

  @parameterized.parameters('evaluate', 'predict')
  def test_evaluation_and_prediction_are_refused(self, method):
    kmeans = _kmeans().train(_batches(), steps=1)
    with self.assertRaisesRegex(ValueError, 'found no training of KMeans'):
      list(
          getattr(kmeans, method)(
              _every_point(), hooks=[hooks.ClusterSummaryHook()]
          )
      )

  @parameterized.parameters(
      (dict(save_steps=0), 'save_steps must be positive, got 0'),
      (
          dict(save_embedding_steps=-5),
          'save_embedding_steps must be positive, got -5',
      ),
  )
  def test_steps_that_are_not_positive_are_refused(self, arguments, message):
    with self.assertRaisesRegex(ValueError, message):
      hooks.ClusterSummaryHook(**arguments)


def _read_table(path):
  with open(path, encoding='utf-8') as file:
    return [line.split('\t') for line in file.read().splitlines()]


class EmbeddingTest(tf.test.TestCase):

  def _embeddings(self, model_dir):
    """The projector's list: name, centers, and what it knows of each center."""
    with open(os.path.join(model_dir, 'projector_config.pbtxt')) as file:
      listed = re.findall(
          r'embeddings { tensor_name: "(.*)" tensor_path: "(.*)" '
          r'metadata_path: "(.*)" }',
          file.read(),
      )
    return {
        name: [_read_table(os.path.join(model_dir, path)) for path in paths]
        for name, *paths in listed
    }

  def _train(self, kmeans, steps, every, save_steps=2):
    kmeans.train(
        _batches(),
        steps=steps,
        hooks=[hooks.ClusterSummaryHook(save_steps, every)],
    )
    return self._embeddings(kmeans.model_dir)

  def test_embedding_holds_centers_shares_and_movements(self):
    kmeans = _kmeans()
    found = self._train(kmeans, 2, 2)
    self.assertEqual(list(found), ['centers at step 2'])
    [(centers, about)] = found.values()
    self.assertAllEqual(np.float32(centers), kmeans.cluster_centers())
    self.assertEqual(about[0], ['cluster', 'share_of_points', 'moved'])
    about = np.float64(about[1:])
    self.assertAllEqual(about[:, 0], range(_K))
    values = testing.cluster_summaries(kmeans.model_dir)[2]
    histogram = values['clusters/share_of_points']
    self.assertAllClose(about[:, 1].sum(), 1)
    self.assertAllClose(
        np.square(about[:, 1]).sum(), histogram.sum_squares, 1e-4
    )
    self.assertAllClose(about[:, 2].mean(), values['clusters/moved_mean'], 1e-4)

  def test_is_written_every_so_many_steps_and_at_the_end(self):
    found = self._train(_kmeans(), 11, 4)
    self.assertEqual(
        list(found), [f'centers at step {i}' for i in (4, 8, 11)]
    )

  def test_goes_with_the_first_summary_after_so_many_steps(self):
    found = self._train(_kmeans(), 12, 3)
    self.assertEqual(
        list(found), [f'centers at step {i}' for i in (4, 6, 10, 12)]
    )

  def test_keeps_the_latest_embeddings_and_the_text_of_users(self):
    kmeans = _kmeans()
    users = 'embeddings { tensor_name: "mine" }  # My own.'
    path = os.path.join(kmeans.model_dir, 'projector_config.pbtxt')
    with open(path, 'w') as file:
      file.write(users)
    for _ in range(4):
      found = self._train(kmeans, 4, 2)
    steps = [8, 10, 12, 14, 16]
    self.assertEqual(list(found), [f'centers at step {i}' for i in steps])
    self.assertCountEqual(
        os.listdir(os.path.join(kmeans.model_dir, 'projector')),
        [f'{kind}-{i}.tsv' for kind in ('centers', 'about') for i in steps],
    )
    with open(path) as file:
      lines = file.read().splitlines()
    self.assertEqual(lines[0], users)
    self.assertLen(lines, 6)

  def test_training_from_an_earlier_checkpoint_drops_later_embeddings(self):
    kmeans = _kmeans(config={'save_checkpoints_steps': 4})
    self._train(kmeans, 12, 2)
    # The user goes back to step 4, and has removed an embedding.
    tf.compat.v1.train.update_checkpoint_state(
        kmeans.model_dir, os.path.join(kmeans.model_dir, 'model.ckpt-4')
    )
    os.remove(os.path.join(kmeans.model_dir, 'projector', 'centers-12.tsv'))
    found = self._train(kmeans, 2, 2)
    self.assertEqual(
        list(found), ['centers at step 4', 'centers at step 6']
    )

  def test_is_not_written_by_default(self):
    kmeans = _kmeans().train(
        _batches(), steps=2, hooks=[hooks.ClusterSummaryHook(1)]
    )
    self.assertNotIn('projector_config.pbtxt', os.listdir(kmeans.model_dir))


if __name__ == '__main__':
  tf.test.main()
