# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.model_fn: what the graph of each mode holds."""

import json
import os
import pathlib
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import _hooks
from kmeans_estimator import _own_graphs
from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas
from tests.helpers import testing

_KERNELS_OF_CPU_ONLY = {
    'NearestNeighbors', 'KmeansPlusPlusInitialization',
    'KMC2ChainInitialization',
}  # pyformat: disable
_WRITES = {'AssignAddVariableOp', 'AssignSubVariableOp'}


def _spec(mode, **kwargs):
  """The spec, and the types of all ops in the graph and its functions."""
  kwargs.setdefault('initial_clusters', 'kmeans_plus_plus')
  kwargs.setdefault('config', testing.run_config())
  kmeans = kmeans_estimator.KMeans(3, **kwargs)
  with tf.Graph().as_default() as graph:
    tf.compat.v1.train.create_global_step()
    points = tf.compat.v1.placeholder(tf.float32, [None, 2])
    spec = kmeans.model_fn(points, None, mode, kmeans.config)
    definition = graph.as_graph_def()
  types = [node.op for node in definition.node]
  for function in definition.library.function:
    types.extend(node.op for node in function.node_def)
  return spec, types, graph


class ModelFnTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      metric=('squared_euclidean', 'cosine'), m=(None, 1, 3)
  )
  def test_prediction_graph_contains_inference_only(self, metric, m):
    kwargs = dict(
        distance_metric=metric,
        use_mini_batch=m is not None,
        mini_batch_steps_per_iteration=m or 1,
    )
    spec, types, graph = _spec(estimator_lib.ModeKeys.PREDICT, **kwargs)
    self.assertIsNone(spec.loss)
    self.assertIsNone(spec.train_op)
    self.assertEmpty(graph.get_collection('summaries'))
    self.assertEmpty(
        (_KERNELS_OF_CPU_ONLY | _WRITES | {'Assert', 'While', 'If'})
        & set(types)
    )
    self.assertFalse([t for t in types if 'Random' in t or 'Summary' in t])
    self.assertCountEqual(
        [v.op.name for v in graph.get_collection('variables')],
        ['clusters', 'initialized', 'global_step'],
    )
    self.assertEqual(
        spec.predictions['all_distances'].shape.as_list(), [None, 3]
    )
    self.assertEqual(spec.predictions['cluster_index'].shape.as_list(), [None])
    self.assertEqual(spec.predictions['cluster_index'].dtype, tf.int64)
    self.assertCountEqual(
        spec.export_outputs,
        ['all_distances', 'cluster_index', 'serving_default'],
    )
    for output in spec.export_outputs.values():
      self.assertEqual(list(output.outputs), ['output'])

  @parameterized.parameters('train', 'eval', 'infer')
  def test_scaffold_has_one_ready_op_for_all_sessions(self, mode):
    spec, _, graph = _spec(mode)
    self.assertEmpty(graph.get_collection('ready_op'))
    with graph.as_default():
      ready_op = spec.scaffold.finalize().ready_op
      self.assertIs(spec.scaffold.ready_for_local_init_op, ready_op)
      # As after a session is lost.
      self.assertIs(spec.scaffold.finalize().ready_op, ready_op)
    with tf.compat.v1.Session(graph=graph) as session:
      self.assertIn(b'clusters', session.run(ready_op))
      session.run(spec.scaffold.init_op)
      self.assertEmpty(session.run(ready_op))

  def test_evaluation_neither_chooses_nor_moves_centers(self):
    spec, types, graph = _spec(estimator_lib.ModeKeys.EVAL)
    self.assertIsNone(spec.train_op)
    self.assertEqual(list(spec.eval_metric_ops), ['score'])
    self.assertFalse([t for t in types if 'Random' in t or 'Summary' in t])
    self.assertCountEqual(
        [v.op.name for v in graph.get_collection('variables')],
        ['clusters', 'initialized', 'global_step'],
    )

  def test_training_spec_has_its_summary_and_hooks(self):
    spec, _, graph = _spec(estimator_lib.ModeKeys.TRAIN)
    self.assertEqual(
        [s.op.name for s in graph.get_collection('summaries')], ['loss/raw']
    )
    self.assertLen(spec.training_hooks, 1)
    spec, _, _ = _spec(estimator_lib.ModeKeys.TRAIN, relative_tolerance=0.1)
    self.assertLen(spec.training_hooks, 2)

  def test_waits_for_other_workers_as_long_as_the_session_config_says(self):
    own_limit = testing.run_config(
        session_config=tf.compat.v1.ConfigProto(operation_timeout_in_ms=1000)
    )
    with mock.patch.object(
        replicas, 'are_on_several_workers', return_value=True
    ), mock.patch.object(replicas, 'broadcast_from_first'):
      for config, limits in ((testing.run_config(), 1), (own_limit, 0)):
        spec, _, _ = _spec(estimator_lib.ModeKeys.TRAIN, config=config)
        self.assertLen(
            [
                hook
                for hook in spec.training_hooks
                if isinstance(hook, _hooks.WaitingLimitHook)
            ],
            limits,
        )

  def test_distances_to_all_centers_are_built_only_where_they_can_be_fetched(
      self,
  ):
    batch = np.float32([[0, 0], [0, 1], [9, 9]])
    ask = testing.input_fn(batch)
    kmeans = kmeans_estimator.KMeans(
        2,
        testing.temporary_folder(self),
        initial_clusters=batch[1:],
        use_mini_batch=False,
        config=testing.run_config(),
    )
    with mock.patch.object(
        graph_lib.KMeansGraph,
        'all_distances',
        autospec=True,
        side_effect=graph_lib.KMeansGraph.all_distances,
    ) as build:
      kmeans.train(ask)
      kmeans.evaluate(ask)
      build.assert_not_called()
      for mode in 'train', 'eval':
        with tf.Graph().as_default():
          tf.compat.v1.train.create_global_step()
          spec = kmeans.model_fn(tf.constant(batch), None, mode, kmeans.config)
          self.assertCountEqual(
              spec.predictions, ['all_distances', 'cluster_index']
          )
      self.assertEqual(build.call_count, 2)

    def metric_fn(predictions):
      largest = tf.reduce_max(predictions['all_distances'])
      return {'largest': tf.compat.v1.metrics.mean(largest)}

    measured = estimator_lib.add_metrics(kmeans, metric_fn).evaluate(ask)
    # From (0, 0) to (9, 9).
    self.assertAllClose(measured['largest'], 162)

  @parameterized.parameters(False, True)
  def test_only_the_first_call_of_train_builds_the_choice_of_centers(
      self, has_strategy
  ):
    strategy = None
    if has_strategy:
      strategy = tf.distribute.MirroredStrategy(['/cpu:0'])
    batch = np.float32([[0, 0], [0, 1], [9, 9], [9, 8]])
    ask = testing.input_fn(batch, batch)
    kmeans = kmeans_estimator.KMeans(
        2,
        testing.temporary_folder(self),
        config=testing.run_config(train_distribute=strategy),
    )
    with mock.patch.object(
        graph_lib.seeding, 'choose', side_effect=graph_lib.seeding.choose
    ) as choose:
      kmeans.train(ask)
      choose.assert_called_once()
      kmeans.train(ask)
      choose.assert_called_once()
      # Other sessions may start from other checkpoints.
      with tf.Graph().as_default():
        tf.compat.v1.train.create_global_step()
        kmeans.model_fn(tf.constant(batch), None, 'train', kmeans.config)
      self.assertEqual(choose.call_count, 2)
    # The choice of centers took one batch.
    self.assertEqual(kmeans.get_variable_value('global_step'), 1 + 2)

  def test_variables_of_an_initial_clusters_function_stay_in_checkpoints(self):
    def first_rows(inputs, k):
      tf.compat.v1.get_variable('of_user', initializer=5.0)
      return inputs[0][:k]

    batch = np.float32([[0, 0], [0, 1], [9, 9], [9, 8]])
    kmeans = kmeans_estimator.KMeans(
        2,
        testing.temporary_folder(self),
        initial_clusters=first_rows,
        config=testing.run_config(),
    )
    for _ in range(2):
      kmeans.train(testing.input_fn(batch, batch))
      self.assertEqual(kmeans.get_variable_value('of_user'), 5)

  @parameterized.parameters(('chief', 1), ('worker', 0))
  def test_only_the_chief_builds_the_choice_of_centers(self, task, choices):
    tf_config = {
        'cluster': {name: ['host:1'] for name in ('chief', 'worker', 'ps')},
        'task': {'type': task, 'index': 0},
    }
    with mock.patch.dict(os.environ, TF_CONFIG=json.dumps(tf_config)):
      kmeans = kmeans_estimator.KMeans(2, testing.temporary_folder(self))
    with tf.Graph().as_default(), mock.patch.object(
        graph_lib.seeding, 'choose', side_effect=graph_lib.seeding.choose
    ) as choose:
      _own_graphs.mark_default()
      tf.compat.v1.train.create_global_step()
      kmeans.model_fn(tf.zeros([5, 2]), None, 'train', kmeans.config)
    self.assertEqual(choose.call_count, choices)

  def test_checkpoint_deleted_before_the_session_starts_is_reported(self):
    class DeleteHook(tf.compat.v1.train.SessionRunHook):

      def begin(self):
        for path in pathlib.Path(kmeans.model_dir).glob('*ckpt*'):
          path.unlink()
        pathlib.Path(kmeans.model_dir, 'checkpoint').unlink()

    batch = np.float32([[0, 0], [0, 1], [9, 9], [9, 8]])
    ask = testing.input_fn(batch, batch)
    kmeans = kmeans_estimator.KMeans(
        2, testing.temporary_folder(self), config=testing.run_config()
    )
    kmeans.train(ask)
    with self.assertRaisesRegex(tf.errors.DataLossError, 'Call train.. again'):
      kmeans.train(ask, [DeleteHook()])
    self.assertIsNone(kmeans.latest_checkpoint())
    kmeans.train(ask)
    self.assertEqual(kmeans.get_variable_value('global_step'), 1)

  @parameterized.parameters('random', 'kmeans_plus_plus', 'kmc2')
  def test_initialisation_needs_no_kernel_that_only_cpus_have(self, init):
    _, types, _ = _spec(estimator_lib.ModeKeys.TRAIN, initial_clusters=init)
    self.assertEmpty(
        (_KERNELS_OF_CPU_ONLY - {'NearestNeighbors'}) & set(types)
    )

  @parameterized.parameters('train', 'eval', 'infer')
  def test_only_the_constructor_validates_parameters(self, mode):
    kmeans = kmeans_estimator.KMeans(3)
    with tf.Graph().as_default(), mock.patch.object(
        parameters_lib.Parameters, '__post_init__', side_effect=AssertionError
    ):
      tf.compat.v1.train.create_global_step()
      kmeans.model_fn(tf.zeros([5, 2]), None, mode, kmeans.config)

  def test_feature_columns_make_the_matrix(self):
    column = tf.feature_column.numeric_column('x', shape=[2])
    kmeans = kmeans_estimator.KMeans(2, feature_columns=[column])
    with tf.Graph().as_default():
      tf.compat.v1.train.create_global_step()
      spec = kmeans.model_fn(
          {'x': tf.zeros([5, 2]), 'y': tf.constant(['unused'] * 5)},
          None,
          estimator_lib.ModeKeys.PREDICT,
          kmeans.config,
      )
      self.assertEqual(spec.predictions['all_distances'].shape, [5, 2])


if __name__ == '__main__':
  tf.test.main()
