# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.replicas."""

import time
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas
from tests.helpers import implementations
from tests.helpers import numpy_model


class _Replicas:
  """A graph that a function of the replica's index builds, and a session."""

  def __init__(self, build, number=2, cross_device_ops=None):
    # An earlier test in this process may have disabled soft placement, and then
    # devices must exist. Eager TensorFlow has one CPU, the session below
    # several.
    tf.config.set_soft_device_placement(True)
    strategy = tf.distribute.MirroredStrategy(
        [f'CPU:{i}' for i in range(number)], cross_device_ops
    )
    with tf.Graph().as_default() as graph, strategy.scope():
      own = strategy.experimental_distribute_values_from_function(
          lambda context: tf.constant(
              context.replica_id_in_sync_group, tf.float32
          )
      )
      result = strategy.run(build, args=(own,))
      self.results = tf.nest.map_structure(
          strategy.experimental_local_results, result
      )
      initialize = tf.compat.v1.global_variables_initializer()
    config = tf.compat.v1.ConfigProto(
        device_count={'CPU': number}, allow_soft_placement=True
    )
    self.session = tf.compat.v1.Session(graph=graph, config=config)
    self.session.run(initialize)

  def run(self):
    return self.session.run(self.results)


class WithoutReplicasTest(tf.test.TestCase):

  def test_no_ops_are_added_without_replicas(self):
    with tf.Graph().as_default() as graph:
      one, two = tf.constant(1.0), tf.constant(2)
      nodes = len(graph.get_operations())
      self.assertEqual(replicas.sum_over_replicas([one, two]), [one, two])
      self.assertIs(replicas.share_of_first(one), one)
      built = replicas.build_once_per_process(lambda batches: batches, [one])
      self.assertEqual(built, [one])
      self.assertFalse(replicas.are_on_several_workers())
      self.assertLen(graph.get_operations(), nodes)

  def test_no_ops_are_added_with_one_replica(self):
    def build(own):
      nodes = len(tf.compat.v1.get_default_graph().get_operations())
      [total] = replicas.sum_over_replicas([own])
      self.assertIs(replicas.share_of_first(total), own)
      self.assertFalse(replicas.are_on_several_workers())
      self.assertLen(
          tf.compat.v1.get_default_graph().get_operations(), nodes
      )
      return total

    self.assertEqual(_Replicas(build, 1).run(), (0,))


class ReplicasTest(tf.test.TestCase, parameterized.TestCase):

  def test_sum_supports_several_dtypes_and_shapes(self):
    def build(own):
      matrix = tf.fill([2, 3], own + 1)
      count = tf.cast(own, tf.int64) + 2**40
      return tuple(replicas.sum_over_replicas([matrix, count, own]))

    matrices, counts, owns = _Replicas(build, 4).run()
    for matrix, count, own in zip(matrices, counts, owns):
      self.assertAllEqual(matrix, np.full([2, 3], 10))
      self.assertEqual(count, 4 * 2**40 + 6)
      self.assertEqual(own, 6)

  def test_sum_may_depend_on_variables(self):
    def build(own):
      variable = tf.compat.v1.Variable(3.0, use_resource=True)
      [total] = replicas.sum_over_replicas([variable.read_value() + own])
      return total

    by_one_device = tf.distribute.ReductionToOneDevice()
    self.assertEqual(_Replicas(build, 2, by_one_device).run(), (7, 7))

  def test_shares_add_up_to_the_value_of_the_first_replica(self):
    def build(own):
      del own
      return replicas.share_of_first(tf.constant(5.0))

    self.assertEqual(_Replicas(build).run(), (5, 0))

  def test_shares_wait_for_the_checks_of_the_value(self):
    def build(own):
      del own
      with tf.device('/CPU:0'):
        check = tf.raw_ops.Assert(condition=False, data=['checked'])
      with tf.control_dependencies([check]):
        value = tf.constant(5.0)
      return replicas.share_of_first(value)

    graph = _Replicas(build)
    for share in graph.results:
      with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'checked'):
        graph.session.run(share)

  def test_op_built_once_per_process_gets_the_batches_of_all_replicas(self):
    def build(own):
      variable = tf.compat.v1.Variable([0.0, 0.0], use_resource=True)
      assign = replicas.build_once_per_process(
          lambda batches: variable.assign(batches[0][:, 0]), [own[None, None]]
      )
      with tf.control_dependencies([assign]):
        return variable.read_value()

    for value in _Replicas(build).run():
      self.assertAllEqual(value, [0, 1])

  def test_replicas_of_one_process_are_not_on_several_workers(self):
    _Replicas(lambda own: self.assertFalse(replicas.are_on_several_workers()))

  @parameterized.parameters(
      (np.nan, 'own 1'), (np.finfo(np.float32).max, 'sum .* replicas overflows')
  )
  def test_replica_with_the_fault_reports_it_before_the_sum_is_checked(
      self, bad, message
  ):
    def build(own):
      share = tf.where(own < 1, np.float32(np.finfo(np.float32).max), bad)
      [total] = replicas.sum_over_replicas([share])

      def checks():
        with tf.device('/CPU:0'):
          return [
              tf.raw_ops.Assert(
                  condition=tf.math.is_finite(share), data=['own', own]
              )
          ]

      return replicas.checked(total, checks)

    with self.assertRaisesRegex(
        tf.errors.InvalidArgumentError, message.replace(' ', '.*')
    ):
      _Replicas(build).run()

  def test_check_waits_for_other_sums(self):
    summed = []

    def slowly(value):
      time.sleep(0.5)
      summed.append(value)
      return value

    def build(own):
      total, = replicas.sum_over_replicas([own + np.float32(np.nan)])
      slow = tf.numpy_function(slowly, [own], tf.float32)
      slow.set_shape([])
      other, = replicas.sum_over_replicas([slow])

      def checks():
        with tf.device('/CPU:0'):
          return [tf.raw_ops.Assert(condition=False, data=['own'])]

      return replicas.checked(total, checks, [other])

    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'own'):
      _Replicas(build).run()
    self.assertCountEqual(summed, [0, 1])


@implementations.native_and_portable
class StepTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(None, 1, 2)
  def test_nan_on_one_replica_changes_no_variable(self, steps_per_iteration):
    def build(own):
      points = tf.reshape(tf.range(8.0), [4, 2])
      bad = tf.compat.v1.placeholder_with_default(False, [], name='bad')
      points += tf.where(
          tf.logical_and(bad, own > 0), tf.constant(np.nan), 0.0
      )
      _, inference, init_op, step = clustering_ops.KMeans(
          points,
          2,
          initial_clusters=np.eye(2),
          use_mini_batch=steps_per_iteration is not None,
          mini_batch_steps_per_iteration=steps_per_iteration or 1,
      ).training()
      with tf.control_dependencies([step]):
        return init_op, tf.identity(inference.loss)

    graph = _Replicas(build)
    init_op, step = graph.results
    reads = {
        op.name: op.outputs[0]
        for op in graph.session.graph.get_operations()
        if op.type == 'ReadVariableOp' and '/Read/' in op.name
    }
    graph.session.run(init_op)
    graph.session.run(step)
    before = graph.session.run(reads)
    self.assertGreaterEqual(len(before), 4)
    bad = [
        op.outputs[0]
        for op in graph.session.graph.get_operations()
        if op.type == 'PlaceholderWithDefault' and op.name.endswith('bad')
    ]
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'holds NaN'):
      graph.session.run(step, {place: True for place in bad})
    for name, value in graph.session.run(reads).items():
      self.assertAllEqual(value, before[name], name)
    graph.session.run(step)

  def test_lightest_weights_are_exchanged_after_the_checks(self):
    exchanged, losses = [], []
    gather_rows = replicas.gather_rows

    def build(own):
      _, inference, _, step = graph_lib.KMeansGraph(
          tf.ones([3, 2]) + own,
          parameters_lib.Parameters(
              2, np.eye(2), 'squared_euclidean', 1, True, 1, 0
          ),
          tf.ones([3]),
      ).training()
      losses.append(inference.loss.op)
      return step

    def gather(rows):
      exchanged.append(rows.op.inputs[0].op.control_inputs)
      return gather_rows(rows)

    with mock.patch.object(replicas, 'gather_rows', gather):
      _Replicas(build)
    self.assertLen(losses, 2)
    self.assertEqual(exchanged, [[loss] for loss in losses])

  @parameterized.parameters(None, 1, 2)
  def test_step_uses_the_weights_of_all_replicas(self, steps_per_iteration):
    points = np.random.RandomState(1).normal(size=[2, 6, 2]).astype(np.float32)
    # The lightest point is in the second batch.
    weights = np.float32([[2, 3, 0, 5, 4, 2], [1, 7, 3, 0, 2, 2]])
    parameters = parameters_lib.Parameters(
        num_clusters=2,
        initial_clusters=np.eye(2),
        distance_metric='squared_euclidean',
        seed=1,
        use_mini_batch=steps_per_iteration is not None,
        mini_batch_steps_per_iteration=steps_per_iteration or 1,
        kmeans_plus_plus_num_retries=2,
    )

    def build(own):
      own = tf.cast(own, tf.int32)
      state, inference, init_op, step = graph_lib.KMeansGraph(
          tf.gather(points, own), parameters, tf.gather(weights, own)
      ).training()
      clusters = state.clusters.read_value()
      with tf.control_dependencies([step]):
        return init_op, tf.identity(inference.loss), clusters

    graph = _Replicas(build)
    init_op, losses, clusters = graph.results
    graph.session.run(init_op)
    repeated = np.repeat(
        points.reshape([-1, 2]), weights.astype(int).ravel(), axis=0
    )
    state = numpy_model.initial_state(
        np.eye(2), 'squared_euclidean', steps_per_iteration
    )
    for _ in range(2):
      state, expected = numpy_model.step(state, repeated)
      self.assertAllClose(graph.session.run(losses), [expected, expected])
    for copy in graph.session.run(clusters):
      self.assertAllClose(copy, state.clusters)


if __name__ == '__main__':
  tf.test.main()
