# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that checkpoints of this package and the reference are compatible."""

import functools
import json
import os
import shutil
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import numpy_model
from tests.helpers import testing

# This package and the reference.
GRAPHS = clustering_ops.KMeans, testing.reference_ops.KMeans
ESTIMATORS = kmeans_estimator.KMeans, testing.ReferenceKMeans
BATCHES = np.load(os.path.join(testing.TESTDATA, 'batches.npy'))
POINTS = np.load(os.path.join(testing.TESTDATA, 'points.npy'))
K = 4

TRAINED = (
    'full_batch',
    'mini_batch',
    'three_steps_mid_iteration',
    'three_steps_copy_pending',
    'cosine_full_batch',
    'cosine_mini_batch',
    'cosine_three_steps_copy_pending',
)
UNTRAINED = (
    'before_initialization',
    'during_initialization',
    'three_steps_before_initialization',
    'three_steps_during_initialization',
)
MODES = {
    'full batch': dict(use_mini_batch=False),
    'mini-batch': dict(use_mini_batch=True),
    'three steps': dict(use_mini_batch=True, mini_batch_steps_per_iteration=3),
}


def steps_per_iteration(arguments):
  if not arguments['use_mini_batch']:
    return None
  return arguments.get('mini_batch_steps_per_iteration', 1)


def metric_of(arguments):
  return arguments.get('distance_metric', numpy_model.SQUARED_EUCLIDEAN)


# Of the checkpoints that tests share.
_FOLDER = tempfile.TemporaryDirectory()


@functools.lru_cache(maxsize=None)
def _graphs(mode, metric):
  """Returns a graph of each implementation, and an untrained checkpoint."""
  graphs = [
      testing.TrainingGraph(
          kmeans_class,
          BATCHES[0],
          K,
          initial_clusters=BATCHES[0, :K],
          distance_metric=metric,
          **MODES[mode],
      )
      for kmeans_class in GRAPHS
  ]
  folder = tempfile.mkdtemp(dir=_FOLDER.name)
  return graphs, graphs[0].save(os.path.join(folder, 'untrained'))


class CheckpointsTest(parameterized.TestCase):

  def golden(self, name):
    """Returns a model_dir of the reference, its checkpoint and arguments."""
    folder = os.path.join(testing.TESTDATA, name)
    model_dir = os.path.join(testing.temporary_folder(self), 'model')
    shutil.copytree(folder, model_dir)
    with open(os.path.join(folder, 'arguments.json')) as f:
      arguments = json.load(f)
    (index,) = [file for file in os.listdir(folder) if file.endswith('.index')]
    path = os.path.join(model_dir, index[: -len('.index')])
    tf.compat.v1.train.update_checkpoint_state(model_dir, path)
    return model_dir, path, arguments

  def estimator(self, kmeans_class, model_dir, arguments):
    return kmeans_class(
        **{'num_clusters': K, **arguments},
        model_dir=model_dir,
        config=testing.run_config(tf_random_seed=1),
    )

  def test_lists_of_golden_checkpoints_are_complete(self):
    folders = [
        entry.name
        for entry in os.scandir(testing.TESTDATA)
        if entry.is_dir() and not entry.name.startswith('_')
    ]
    self.assertCountEqual(folders, TRAINED + UNTRAINED)

  @parameterized.parameters(*TRAINED)
  def test_golden_model_gives_the_predictions_of_the_reference(self, name):
    model_dir, _, arguments = self.golden(name)
    kmeans = self.estimator(kmeans_estimator.KMeans, model_dir, arguments)
    with np.load(
        os.path.join(testing.TESTDATA, name, 'answers.npz')
    ) as answers:
      predictions = list(kmeans.predict(testing.input_fn(POINTS)))
      for key in 'all_distances', 'cluster_index':
        actual = np.stack([row[key] for row in predictions])
        self.assertEqual(actual.dtype, answers[key].dtype)
        np.testing.assert_allclose(actual, answers[key], 1e-4, 1e-4)
      np.testing.assert_allclose(
          kmeans.score(testing.input_fn(POINTS)), answers['score'], 1e-4
      )

  @parameterized.parameters(*TRAINED)
  def test_training_continues_from_golden_checkpoints(self, name):
    model_dir, path, arguments = self.golden(name)
    values = testing.checkpoint_values(path)
    state = testing.state_of(
        values, metric_of(arguments), steps_per_iteration(arguments)
    )
    if 'pending' in name:
      self.assertEqual(state.update_in_steps, 0)
    kmeans = self.estimator(kmeans_estimator.KMeans, model_dir, arguments)
    more = BATCHES[int(values['global_step']) :]
    # Train twice: the second training continues from a checkpoint of ours.
    for batches in more[:1], more[1:]:
      kmeans.train(testing.input_fn(*batches))
      for batch in batches:
        state, _ = numpy_model.step(state, batch)
      testing.assert_state(testing.checkpoint_values(model_dir), state)
    self.assertEqual(kmeans.get_variable_value('global_step'), len(BATCHES))

  @parameterized.parameters(*UNTRAINED)
  def test_initialization_continues_from_golden_checkpoints(self, name):
    _, path, arguments = self.golden(name)
    chosen = testing.checkpoint_values(path)['clusters'].reshape([-1, 3])
    self.assertLen(chosen, 2 if 'during' in name else 0)
    graph = testing.TrainingGraph(
        clustering_ops.KMeans, BATCHES[1], **arguments
    )
    graph.restore(path)
    self.assertTrue(graph.initialize(BATCHES[1]))
    values = graph.values()
    np.testing.assert_array_equal(values['clusters'][: len(chosen)], chosen)
    for row in values['clusters'][len(chosen) :]:
      self.assertIn(row.tolist(), BATCHES[1].tolist())
    if 'clusters_updated' in values:
      np.testing.assert_array_equal(
          values['clusters_updated'], values['clusters']
      )

  @parameterized.parameters(*UNTRAINED)
  def test_golden_checkpoints_without_centers_are_initialized_and_trained(
      self, name
  ):
    model_dir, path, arguments = self.golden(name)
    kmeans = self.estimator(kmeans_estimator.KMeans, model_dir, arguments)
    kmeans.train(testing.input_fn(*BATCHES), steps=2)
    values = testing.checkpoint_values(model_dir)
    self.assertEqual(values['global_step'], 2)
    self.assertTrue(values['initialized'])
    self.assertEqual(values['clusters'].shape, (K, 3))
    self.assertCountEqual(values, testing.checkpoint_values(path))

  @parameterized.product(
      mode=tuple(MODES),
      metric=numpy_model.METRICS,
      # The last step is within, or at the end of, an iteration of three steps.
      steps=(2, 3),
  )
  def test_training_alternates_between_ours_and_the_reference(
      self, mode, metric, steps
  ):
    folder = testing.temporary_folder(self)
    graphs, untrained = _graphs(mode, metric)
    path = None
    m = steps_per_iteration(MODES[mode])
    state = numpy_model.initial_state(BATCHES[0, :K], metric, m)
    # Train with ours, then with the reference, then with ours again.
    for turn, graph in enumerate([*graphs, graphs[0]]):
      graph.restore(path or untrained)
      if not path:
        graph.initialize(BATCHES[0])
      for batch in BATCHES[turn : turn + steps]:
        state, _ = numpy_model.step(state, batch)
        graph.step(batch)
      values = graph.values()
      if graph is graphs[0] or m is None:
        testing.assert_state(values, state)
      state, expected = testing.state_of(values, metric, m), state
      if m is not None:
        # The reference copies the centers late. A race determines its centers,
        # but it counts all points.
        done = numpy_model.finish_iteration_if_due(state)
        self.assertEqual(done.update_in_steps, expected.update_in_steps)
        self.assertEqual(done.counts.sum(), expected.counts.sum())
      path = graph.save(os.path.join(folder, f'turn_{turn}'))

  @parameterized.parameters(
      ('full batch', numpy_model.COSINE),
      ('mini-batch', numpy_model.SQUARED_EUCLIDEAN),
      ('three steps', numpy_model.COSINE),
  )
  def test_estimators_share_a_model_directory(self, mode, metric):
    model_dir = testing.temporary_folder(self)
    kmeans = [
        self.estimator(
            kmeans_class,
            model_dir,
            dict(
                initial_clusters=BATCHES[0, :K],
                distance_metric=metric,
                **MODES[mode],
            ),
        )
        for kmeans_class in ESTIMATORS
    ]
    for turn in range(3):
      trainer = kmeans[turn % 2]
      trainer.train(testing.input_fn(*BATCHES), steps=2)
      self.assertEqual(trainer.get_variable_value('global_step'), 2 * turn + 2)
      if not turn:
        # Both read a checkpoint of ours in the last turn, too.
        continue
      ours, reference = (
          list(model.predict(testing.input_fn(POINTS))) for model in kmeans
      )
      self.assertLen(ours, len(POINTS))
      for actual, expected in zip(ours, reference):
        np.testing.assert_allclose(
            actual['all_distances'], expected['all_distances'], 1e-4, 1e-4
        )
        self.assertEqual(actual['cluster_index'], expected['cluster_index'])

  @parameterized.product(
      mode=('mini-batch', 'three steps'), init_steps=(0, 1)
  )
  def test_reference_continues_our_initialization(self, mode, init_steps):
    folder = testing.temporary_folder(self)
    ours, reference = (
        testing.TrainingGraph(
            kmeans_class,
            BATCHES[0],
            K,
            initial_clusters='random',
            random_seed=1,
            **MODES[mode],
        )
        for kmeans_class in GRAPHS
    )
    for _ in range(init_steps):
      self.assertFalse(ours.initialize(BATCHES[0, :3]))
    reference.restore(ours.save(os.path.join(folder, 'ours')))
    self.assertTrue(reference.initialize(BATCHES[1]))
    reference.step(BATCHES[2])
    values = reference.values()
    self.assertEqual(values['clusters'].shape, (K, 3))
    if init_steps and mode == 'three steps':
      np.testing.assert_array_equal(values['clusters'][:3], BATCHES[0, :3])


if __name__ == '__main__':
  absltest.main()
