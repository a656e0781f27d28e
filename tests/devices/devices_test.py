# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests graphs for GPUs and TPUs on a machine that has none.

Some tests compile the graphs with XLA for the CPU. XLA accepts and refuses the
same graphs as for a GPU or TPU: it refuses unknown ops, and shapes that it
cannot infer from the shapes of the input. Other tests look up the kernels of
all ops.
"""

import collections
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import state as state_lib
from tests.devices import placement
from tests.helpers import numpy_model
from tests.helpers import testing

N, D, K = 60, 5, 4
BATCHES = [testing.blobs(N, D, K, seed)[0] for seed in (1, 1, 2)]
CENTERS = testing.blobs(N, D, K, 1)[1]
RULES = (
    ('full_batch', dict(use_mini_batch=False)),
    ('mini_batch', dict(use_mini_batch=True)),
    (
        'mini_batch_of_2_steps',
        dict(use_mini_batch=True, mini_batch_steps_per_iteration=2),
    ),
)
METRICS = (
    ('euclidean', clustering_ops.SQUARED_EUCLIDEAN_DISTANCE),
    ('cosine', clustering_ops.COSINE_DISTANCE),
)


def _function(build, example, compiled):
  """Makes a function of a batch from a function that builds a graph.

  Args:
    build: takes a tensor and returns a structure of fetches, and variables.
    example: a batch; the function accepts batches of this shape.
    compiled: whether XLA compiles the function.

  Returns:
    The function and the variables.
  """
  built = []
  graph = tf.compat.v1.wrap_function(
      lambda points: built.append(build(points)),
      [tf.TensorSpec(example.shape, example.dtype)],
  )
  [(fetches, variables)] = built
  pruned = graph.prune(graph.inputs[0], fetches)
  return (
      # pylint: disable-next=unnecessary-lambda
      tf.function(lambda points: pruned(points), jit_compile=compiled),
      variables,
  )


def _after(op, tensors):
  with tf.control_dependencies([op]):
    return tf.nest.map_structure(tf.identity, tensors)


def _assign(variables, value):
  with tf.init_scope():
    for variable in variables:
      if variable is not None:
        variable.assign(tf.cast(value, variable.dtype))


class CompiledTest(tf.test.TestCase, parameterized.TestCase):
  """Tests that graphs return the same results with and without XLA."""

  def _assert_compiles(self, build, batches, rtol=1e-5):
    results = []
    for compiled in False, True:
      function, variables = _function(build, batches[0], compiled)
      results.append(
          [
              (function(batch), [variable.numpy() for variable in variables])
              for batch in map(tf.constant, batches)
          ]
      )
    self.assertAllClose(*results, rtol, atol=3e-5)
    return results[0]

  @parameterized.named_parameters(
      *(
          (f'{rule}_{metric}', dict(kwargs, distance_metric=value))
          for rule, kwargs in RULES
          for metric, value in METRICS
      )
  )
  def test_compiled_step_equals_the_uncompiled_step(self, kwargs):
    def build(points):
      kmeans = clustering_ops.KMeans(
          points, K, initial_clusters=CENTERS, **kwargs
      )
      state, inference, _, step = kmeans.training()
      results = inference, kmeans.all_distances(inference.centers)
      _assign([state.clusters, state.clusters_updated], CENTERS)
      variables = [
          state.clusters,
          state.counts,
          state.clusters_updated,
          state.update_in_steps,
      ]
      return _after(step, results), [v for v in variables if v is not None]

    (_, variables), *_, (_, variables_at_end) = self._assert_compiles(
        build, BATCHES
    )
    self.assertNotAllClose(variables[0], variables_at_end[0])

  @parameterized.named_parameters(
      ('random', 'random', 0),
      ('random_after_others', 'random', 2),
      ('kmeans_plus_plus', 'kmeans_plus_plus', 0),
      ('kmeans_plus_plus_after_others', 'kmeans_plus_plus', 2),
      ('kmc2', 'kmc2', 0),
      ('kmc2_after_others', 'kmc2', 2),
      ('array', CENTERS, 0),
  )
  def test_compiled_initialization_equals_the_uncompiled_one(
      self, method, selected
  ):
    def build(points):
      with mock.patch.object(state_lib, 'grow', wraps=state_lib.grow) as grow:
        state, *_ = clustering_ops.KMeans(
            points, K, initial_clusters=method, kmc2_chain_length=N // K
        ).training()
      _assign([state.clusters], CENTERS[:selected])
      # Leave out the assignment: XLA cannot change the shape of a variable.
      [(_, centers)] = [call.args for call in grow.call_args_list]
      return centers, []

    [(centers, _)] = self._assert_compiles(build, BATCHES[:1])
    self.assertAllEqual(centers[:selected], CENTERS[:selected])
    self.assertLen(np.unique(centers, axis=0), K)

  @parameterized.named_parameters(*METRICS)
  def test_compiled_prediction_equals_the_uncompiled_one(self, metric):
    def build(points):
      state, *predictions = clustering_ops.KMeans(
          points, K, distance_metric=metric
      ).prediction()
      _assign([state.clusters], CENTERS)
      return predictions, []

    self._assert_compiles(build, BATCHES)

  @parameterized.named_parameters(*METRICS)
  def test_compiled_evaluation_equals_the_uncompiled_one(self, metric):
    def build(points):
      state, inference = clustering_ops.KMeans(
          points, K, distance_metric=metric
      ).evaluation()
      _assign([state.clusters], CENTERS)
      return inference.loss, []

    self._assert_compiles(build, BATCHES)

  @parameterized.parameters(tf.float16, tf.bfloat16)
  def test_half_precision_is_summed_in_float32(self, dtype):
    # The squares of the points, and their sums, overflow in float16.
    points = tf.cast(200 + 50 * BATCHES[0], dtype).numpy()

    def build(batch):
      state, inference, _, step = clustering_ops.KMeans(
          batch, K, initial_clusters=points[:K]
      ).training()
      _assign([state.clusters], points[:K])
      return _after(step, inference), [state.clusters]

    [(inference, [clusters])] = self._assert_compiles(
        build, [points], rtol=1e-4
    )
    model = numpy_model.initial_state(
        points[:K].astype(np.float64), numpy_model.SQUARED_EUCLIDEAN, None
    )
    expected, expected_loss = numpy_model.step(model, points)
    self.assertEqual(inference.distance[0].dtype, tf.float32)
    self.assertAllClose(inference.loss, expected_loss, rtol=1e-4)
    self.assertAllClose(clusters, expected.clusters, rtol=1e-4)

  def test_products_are_float32_if_tensor_float_32_is_disabled(self):
    def build(points):
      state, _, cluster_index = clustering_ops.KMeans(points, K).prediction()
      _assign([state.clusters], CENTERS)
      return cluster_index, []

    self.addCleanup(
        tf.config.experimental.enable_tensor_float_32_execution,
        tf.config.experimental.tensor_float_32_execution_enabled(),
    )
    for tf32 in True, False:
      tf.config.experimental.enable_tensor_float_32_execution(tf32)
      function, _ = _function(build, BATCHES[0], compiled=True)
      program = function.experimental_get_compiler_ir(tf.constant(BATCHES[0]))()
      self.assertRegex(program, r' dot\(')
      # TensorFlow 2.13 does not pass the precision on to XLA.
      if tf32 or tf.__version__.split('.')[1] >= '15':
        self.assertEqual('{highest,highest}' in program, not tf32)


class AutomaticallyCompiledTest(tf.test.TestCase, parameterized.TestCase):
  """Tests graphs in which XLA compiles only the ops that it can compile."""

  @parameterized.named_parameters(*RULES)
  def test_training_in_a_jit_scope_equals_plain_training(self, kwargs):
    def in_scope(*args, **kwargs):
      graph = mock.Mock()
      with tf.xla.experimental.jit_scope():
        result = clustering_ops.KMeans(*args, **kwargs).training_graph()
      graph.training_graph.return_value = result
      return graph

    kwargs = dict(kwargs, initial_clusters='random', random_seed=1)
    plain, compiled = [
        testing.TrainingGraph(make, BATCHES[0], K, **kwargs)
        for make in (clustering_ops.KMeans, in_scope)
    ]
    for graph in plain, compiled:
      # The second batch gives the centers that the first batch did not give.
      graph.initialize(BATCHES[0][: K - 1])
      graph.initialize(BATCHES[0])
      for batch in BATCHES:
        graph.step(batch)
    for name, value in plain.values().items():
      self.assertAllClose(
          value, compiled.values()[name], rtol=1e-5, atol=3e-5, msg=name
      )
    self.assertTrue(
        any(
            '_XlaCompile' in op.node_def.attr
            for op in compiled.session.graph.get_operations()
        )
    )

    batch = BATCHES[0].copy()
    batch[7, 3] = np.nan
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, 'NaN.*7.*3'):
      compiled.step(batch)
    self.assertAllClose(
        plain.values()['clusters'],
        compiled.values()['clusters'],
        rtol=1e-5,
        atol=3e-5,
    )


def _names(nodes):
  return [f'{node.op} {node.name}' for node in nodes]


class KernelsTest(parameterized.TestCase):
  """Tests that TensorFlow's registry has kernels of all ops for a device."""

  # Batches for which a CPU graph has native ops, and a batch of unknown size.
  _BATCHES = (
      (tf.float32, [4096, 32]),
      (tf.float32, [None, 32]),
      (tf.float64, [4096, 32]),
  )
  _NUM_CLUSTERS = 64

  def _assert_all_have_kernels(self, build):
    """Checks that each device has kernels for the ops of a function."""
    # `test_graph_is_the_same_for_every_device`, so build it for one device.
    graph = self._graph(build, placement.DEVICES[0])
    for device in placement.DEVICES:
      self.assertEmpty(_names(placement.without_kernel(graph, device)), device)

  def _graph(self, build, device):
    with tf.Graph().as_default() as graph, tf.device(device):
      build()
    return graph

  @parameterized.parameters(
      (RULES[0][1], [None, 32]), (RULES[2][1], [4096, 32])
  )
  def test_graph_is_the_same_for_every_device(self, rule, shape):
    def build():
      kmeans = clustering_ops.KMeans(
          tf.compat.v1.placeholder(tf.float32, shape),
          self._NUM_CLUSTERS,
          initial_clusters='kmeans_plus_plus',
          **rule,
      )
      kmeans.training_graph()

    first, *others = (
        collections.Counter(
            node.op for node in placement.nodes(self._graph(build, device))
        )
        for device in placement.DEVICES
    )
    for other in others:
      self.assertEqual(other, first)

  @parameterized.named_parameters(
      *(
          (f'{rule}_{metric}', dict(kwargs, distance_metric=value))
          for rule, kwargs in RULES
          for metric, value in METRICS
      ),
      ('kmeans_plus_plus', dict(initial_clusters='kmeans_plus_plus')),
      ('kmc2', dict(initial_clusters='kmc2')),
      ('array', dict(initial_clusters=np.ones([_NUM_CLUSTERS, 32]))),
  )
  def test_training_graph_has_kernels(self, kwargs):
    for dtype, shape in self._BATCHES:

      def build(dtype=dtype, shape=shape):
        clustering_ops.KMeans(
            tf.compat.v1.placeholder(dtype, shape),
            self._NUM_CLUSTERS,
            **kwargs,
        ).training_graph()

      self._assert_all_have_kernels(build)

  @parameterized.parameters(
      *zip([kwargs for _, kwargs in RULES], parameters_lib.INITIALIZATIONS)
  )
  def test_graph_of_weights_and_several_starts_has_kernels(self, rule, method):
    parameters = parameters_lib.Parameters(
        **{
            'num_clusters': self._NUM_CLUSTERS,
            'initial_clusters': method,
            'distance_metric': clustering_ops.COSINE_DISTANCE,
            'seed': 1,
            'mini_batch_steps_per_iteration': 1,
            'kmeans_plus_plus_num_retries': 2,
            'num_starts': 2,
            **rule,
        }
    )
    for dtype, shape in self._BATCHES[:2]:

      def build(dtype=dtype, shape=shape):
        graph = graph_lib.KMeansGraph(
            tf.compat.v1.placeholder(dtype, shape),
            parameters,
            tf.compat.v1.placeholder(dtype, shape[:1]),
        )
        graph.training()
        graph.evaluation()

      self._assert_all_have_kernels(build)

  @parameterized.named_parameters(*METRICS)
  def test_prediction_and_evaluation_graphs_have_kernels(self, metric):
    # The graph of a bfloat16 batch differs by one cast in every mode.
    for dtype, shape in (*self._BATCHES, (tf.bfloat16, [4096, 32])):

      def build(dtype=dtype, shape=shape):
        kmeans = clustering_ops.KMeans(
            tf.compat.v1.placeholder(dtype, shape),
            self._NUM_CLUSTERS,
            distance_metric=metric,
        )
        kmeans.prediction()
        kmeans.evaluation()

      self._assert_all_have_kernels(build)

  def test_functions_of_clustering_ops_have_kernels(self):
    def build():
      points = tf.compat.v1.placeholder(tf.float32, [None, D])
      clustering_ops.kmeans_plus_plus_initialization(points, K, 1, 2)
      clustering_ops.kmc2_chain_initialization(points[:, 0], 1)
      clustering_ops.nearest_neighbors(points, points[:K], 2)

    self._assert_all_have_kernels(build)

  @parameterized.parameters(
      dict(initial_clusters='kmeans_plus_plus', relative_tolerance=0.1),
      dict(use_mini_batch=False, distance_metric='cosine'),
      dict(initial_clusters='kmc2', mini_batch_steps_per_iteration=2),
  )
  def test_graphs_of_the_estimator_have_kernels(self, **kwargs):
    def may_have_none(node):
      """Returns whether a node runs on the host: input, summaries, savers."""
      return (
          'Dataset' in node.op
          or 'Iterator' in node.op
          or 'Summary' in node.op
          or node.name.startswith('save/')
          or placement.handles_text(node)
      )

    class GraphHook(tf.compat.v1.train.SessionRunHook):

      def after_create_session(self, session, coord):
        graphs.append(session.graph)

    def input_fn():
      points = np.random.RandomState(1).uniform(size=[4096, 32])
      return tf.data.Dataset.from_tensors(np.float32(points)).repeat()

    graphs = []
    kmeans = kmeans_estimator.KMeans(
        self._NUM_CLUSTERS,
        model_dir=testing.temporary_folder(self),
        config=testing.run_config(),
        **kwargs,
    )
    # Pretend that this machine has a GPU.
    with mock.patch.object(
        tf.config, 'list_physical_devices', lambda kind: [kind]
    ):
      kmeans.train(input_fn, [GraphHook()], steps=1)
      kmeans.evaluate(input_fn, steps=1, hooks=[GraphHook()])
      next(kmeans.predict(input_fn, hooks=[GraphHook()]))
    self.assertLen(graphs, 3)
    for graph in graphs:
      for device in placement.DEVICES:
        self.assertEmpty(
            _names(
                node
                for node in placement.without_kernel(graph, device)
                if not may_have_none(node)
            ),
            device,
        )

  def test_missing_kernels_of_the_reference_are_found(self):
    with tf.Graph().as_default() as graph:
      points = tf.compat.v1.placeholder(tf.float32, [N, D])
      testing.reference_ops.KMeans(
          [points], K, initial_clusters='kmeans_plus_plus', random_seed=1
      ).training_graph()
    for device in placement.DEVICES:
      self.assertContainsSubset(
          {'NearestNeighbors', 'KmeansPlusPlusInitialization'},
          {node.op for node in placement.without_kernel(graph, device)},
      )


if __name__ == '__main__':
  tf.test.main()
