# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""TPUEstimator without a TPU, and graphs for one: built, or run on a CPU.

A core's graph runs on a CPU, with a stand-in for the ops that cores exchange
tensors by, which no CPU has.
"""

import collections
from concurrent import futures
import contextlib
import dataclasses
import functools
import itertools
import threading
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator._compat import placement as placement_lib
from kmeans_estimator.ops import graph as graph_lib
from kmeans_estimator.ops import parameters as parameters_lib
from kmeans_estimator.ops import replicas
from tests.devices import placement
from tests.helpers import numpy_model
from tests.helpers import testing

N, D, K = 60, 5, 4
BATCHES = [testing.blobs(N, D, K, seed)[0] for seed in (1, 2, 3)]
CENTERS = testing.blobs(N, D, K, 1)[1]
EUCLIDEAN, COSINE = numpy_model.METRICS
RULES = (
    ('full_batch', dict(use_mini_batch=False), None),
    ('mini_batch', dict(use_mini_batch=True), 1),
    ('mini_batch_of_2_steps', dict(mini_batch_steps_per_iteration=2), 2),
)
MODES = estimator.ModeKeys


def input_fn(params):
  dataset = tf.data.Dataset.from_tensor_slices(np.concatenate(BATCHES))
  return dataset.repeat().batch(params['batch_size'], drop_remainder=True)


def once(params):
  dataset = tf.data.Dataset.from_tensor_slices(BATCHES[0])
  return dataset.batch(params['batch_size'])


def run_config(model_dir=None, **kwargs):
  return estimator.tpu.RunConfig(
      model_dir=model_dir,
      log_step_count_steps=None,
      save_summary_steps=None,
      **kwargs,
  )


def tpu_estimator(kmeans, model_dir, use_tpu, **kwargs):
  return estimator.tpu.TPUEstimator(
      kmeans.tpu_model_fn(input_fn),
      config=run_config(
          model_dir, tpu_config=estimator.tpu.TPUConfig(iterations_per_loop=2)
      ),
      use_tpu=use_tpu,
      train_batch_size=8 * N,
      eval_batch_size=8 * N,
      predict_batch_size=8 * N,
      **kwargs,
  )


def variables(session=None):
  graph = session.graph if session else tf.compat.v1.get_default_graph()
  return {
      v.op.name: v
      for v in graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
  }


class _Cores:
  """Stands in for the ops by which the cores of a TPU exchange tensors.

  Each core has a graph, a session and a thread of its own. An op waits until
  that op of every core has come, as on a TPU.
  """

  _TIMEOUT_SECS = 120

  def __init__(self, number=1):
    self.number = number
    self._changed = threading.Condition()
    self._visits = collections.Counter()
    self._values = collections.defaultdict(dict)

  def _exchange(self, op, core, value):
    """What all cores bring to an op, in their order."""
    with self._changed:
      visit = self._visits[op, core]
      self._visits[op, core] += 1
      values = self._values[op, visit]
      values[core] = value
      self._changed.notify_all()
      if not self._changed.wait_for(
          lambda: len(values) == self.number, self._TIMEOUT_SECS
      ):
        raise TimeoutError(f'Only cores {sorted(values)} came to op {op}.')
      return [values[i] for i in range(self.number)]

  @contextlib.contextmanager
  def connect(self, core):
    """The ops are those of a core in the graph that is built inside."""
    ops = itertools.count()
    group = [list(range(self.number))]

    def cross_replica_sum(x):
      op = next(ops)
      total = tf.numpy_function(
          lambda own, _: np.sum(
              self._exchange(op, core, own), axis=0, dtype=own.dtype
          ),
          # TensorFlow's op has the group there, too.
          [x, tf.constant(group)],
          x.dtype,
      )
      total.set_shape(x.shape)
      return total

    def all_to_all(
        input,  # pylint: disable=redefined-builtin
        group_assignment,
        concat_dimension,
        split_dimension,
        split_count,
    ):
      op = next(ops)

      def exchange(own, own_group):
        np.testing.assert_array_equal(own_group, group)
        return np.concatenate(
            [
                np.split(value, split_count, split_dimension)[core]
                for value in self._exchange(op, core, own)
            ],
            concat_dimension,
        )

      return tf.numpy_function(exchange, [input, group_assignment], input.dtype)

    with mock.patch.object(
        tf.compat.v1.tpu, 'cross_replica_sum', cross_replica_sum
    ), mock.patch.object(
        tf.raw_ops, 'AllToAll', all_to_all
    ), placement_lib.portable_ops():
      yield


class WithoutTpuTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters(*RULES)
  def test_results_equal_those_of_kmeans(
      self, kwargs, unused_steps_per_iteration
  ):
    def make(model_dir):
      return kmeans_estimator.KMeans(
          K, model_dir, seed=3, config=testing.run_config(), **kwargs
      )

    kmeans = make(testing.temporary_folder(self))
    folder = testing.temporary_folder(self)
    other = tpu_estimator(make(None), folder, use_tpu=False)
    batch = {'batch_size': 8 * N}

    kmeans.train(lambda: input_fn(batch), steps=3)
    other.train(input_fn, steps=3)
    self.assertAllEqual(
        kmeans.cluster_centers(), make(folder).cluster_centers()
    )
    self.assertEqual(
        kmeans.evaluate(lambda: input_fn(batch), steps=2),
        other.evaluate(input_fn, steps=2),
    )
    predictions = list(kmeans.predict(lambda: once(batch)))
    self.assertLen(predictions, N)
    for one, another in zip(predictions, other.predict(once)):
      self.assertAllEqual(one['cluster_index'], another['cluster_index'])
      self.assertAllEqual(one['all_distances'], another['all_distances'])

  def test_export_has_the_signatures_of_kmeans(self):
    kmeans = kmeans_estimator.KMeans(K)
    on_tpu = tpu_estimator(
        kmeans,
        testing.temporary_folder(self),
        use_tpu=False,
        export_to_tpu=False,
    )
    on_tpu.train(input_fn, steps=1)

    def receiver_fn():
      points = tf.compat.v1.placeholder(tf.float32, [None, D])
      return estimator.export.ServingInputReceiver(points, points)

    path = on_tpu.export_saved_model(
        testing.temporary_folder(self), receiver_fn
    )
    signatures = tf.saved_model.load(path).signatures
    self.assertCountEqual(
        signatures, ['all_distances', 'cluster_index', 'serving_default']
    )


@functools.lru_cache(maxsize=None)
def trained_on_host():
  """Returns a model that tests share and must not train."""
  kmeans = kmeans_estimator.KMeans(K, config=testing.run_config())
  return kmeans.train(testing.input_fn(*BATCHES), steps=2)


class CoreTest(tf.test.TestCase, parameterized.TestCase):
  """What a core of a TPU runs, run on a CPU."""

  @contextlib.contextmanager
  def _core(self, kmeans, mode, use=input_fn, build=None, cores=None, core=0):
    """Gives a session, a placeholder of a batch, the spec and its scaffold.

    Args:
      kmeans: the model.
      mode: a mode key.
      use: what initial centers are chosen from.
      build: adds something to the graph of a spec.
      cores: what connects this core to others; None: there is no other.
      core: the number of this core.
    """
    with tf.Graph().as_default():
      tf.compat.v1.train.create_global_step()
      batch = tf.compat.v1.placeholder(tf.float32, [N, D])
      with (cores or _Cores()).connect(core):
        spec = kmeans.tpu_model_fn(use)(
            features=batch,
            labels=None,
            mode=mode,
            config=run_config(),
            params={'use_tpu': True, 'batch_size': N},
        )
      scaffold = spec.scaffold_fn()
      if build:
        build(spec)
      scaffold.finalize()
      # Ops that wait for other cores must not keep those from running.
      config = tf.compat.v1.ConfigProto(
          use_per_session_threads=True, inter_op_parallelism_threads=8
      )
      with tf.compat.v1.Session(config=config) as session:
        yield session, batch, spec, scaffold

  def _train(self, kmeans, state, num_cores):
    """Checks steps of several cores, each on batches of its own."""
    cores = _Cores(num_cores)
    with contextlib.ExitStack() as stack, futures.ThreadPoolExecutor(
        num_cores
    ) as threads:
      all_cores = [
          stack.enter_context(
              self._core(kmeans, MODES.TRAIN, cores=cores, core=core)
          )
          for core in range(num_cores)
      ]
      # The host initializes a model once, and each core has a copy.
      (first, _, _, scaffold), *others = all_cores
      first.run(scaffold.init_op)
      scaffold.init_fn(first)
      initial = first.run(variables(first))
      for session, *_ in others:
        for name, variable in variables(session).items():
          variable.load(initial[name], session)
      for step in range(len(BATCHES)):
        points = [
            BATCHES[(step + core) % len(BATCHES)] + core
            for core in range(num_cores)
        ]
        results = threads.map(
            lambda core, own: core[0].run(
                [core[2].loss, core[2].train_op], {core[1]: own}
            ),
            all_cores,
            points,
        )
        state, expected = numpy_model.step(state, np.concatenate(points))
        for loss, _ in results:
          self.assertAllClose(loss, expected, rtol=1e-4)
      for session, *_ in all_cores:
        values = session.run(variables(session))
        self.assertEqual(values['global_step'], len(BATCHES))
        testing.assert_state(values, state)

  @parameterized.named_parameters(
      *(
          (f'{rule}_{metric}_{cores}_cores', kwargs, m, metric, cores)
          for rule, kwargs, m in RULES
          for metric, cores in ((EUCLIDEAN, 1), (COSINE, 1), (EUCLIDEAN, 2))
      )
  )
  def test_training_equals_the_numpy_model(
      self, kwargs, steps_per_iteration, metric, num_cores
  ):
    kmeans = kmeans_estimator.KMeans(
        K, initial_clusters=CENTERS, distance_metric=metric, **kwargs
    )
    state = numpy_model.initial_state(CENTERS, metric, steps_per_iteration)
    self._train(kmeans, state, num_cores)

  @parameterized.product(metric=numpy_model.METRICS, num_cores=(1, 2, 3))
  def test_empty_clusters_take_over_the_farthest_points_of_all_cores(
      self, metric, num_cores
  ):
    centers = CENTERS.copy()
    # Points are as near to an earlier one.
    centers[1:3] = centers[0]
    kmeans = kmeans_estimator.KMeans(
        K,
        initial_clusters=centers,
        distance_metric=metric,
        use_mini_batch=False,
    )
    state = numpy_model.initial_state(centers, metric, None)
    self._train(kmeans, state, num_cores)

  @parameterized.named_parameters(*RULES)
  def test_bad_batch_moves_no_center(self, kwargs, steps_per_iteration):
    kmeans = kmeans_estimator.KMeans(K, initial_clusters=CENTERS, **kwargs)
    bad = BATCHES[0].copy()
    bad[7, 3] = np.nan
    state = numpy_model.initial_state(CENTERS, EUCLIDEAN, steps_per_iteration)
    if steps_per_iteration == 2:
      # It counts as a step.
      state = dataclasses.replace(state, update_in_steps=1)
    with self._core(kmeans, MODES.TRAIN) as (session, batch, spec, scaffold):
      session.run(scaffold.init_op)
      scaffold.init_fn(session)
      loss, _ = session.run([spec.loss, spec.train_op], {batch: bad})
      self.assertAllEqual(loss, np.nan)
      testing.assert_state(session.run(variables()), state)

  @parameterized.named_parameters(*RULES)
  def test_weighted_step_equals_one_on_repeated_points(
      self, kwargs, steps_per_iteration
  ):
    parameters = parameters_lib.Parameters(
        **{
            'num_clusters': K,
            'initial_clusters': CENTERS,
            'distance_metric': EUCLIDEAN,
            'seed': 1,
            'use_mini_batch': True,
            'mini_batch_steps_per_iteration': 1,
            'kmeans_plus_plus_num_retries': 2,
            **kwargs,
        }
    )
    weights = np.random.RandomState(1).randint(0, 4, N).astype(np.float32)
    wrong = weights.copy()
    wrong[4] = -1
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      points = tf.compat.v1.placeholder(tf.float32, [N, D])
      given = tf.compat.v1.placeholder(tf.float32, [N])
      with replicas.building_for_tpu(), _Cores().connect(0):
        state, inference, _, step = graph_lib.KMeansGraph(
            points, parameters, given
        ).training()
      centers = [
          variable
          for variable in (state.clusters, state.clusters_updated)
          if variable is not None
      ]
      session.run(tf.compat.v1.global_variables_initializer())
      session.run([variable.assign(CENTERS) for variable in centers])
      expected = numpy_model.initial_state(
          CENTERS, EUCLIDEAN, steps_per_iteration
      )
      # In the third a cluster is empty, and takes over one of repeated points.
      for batch in BATCHES[:2]:
        loss, _ = session.run(
            [inference.loss, step], {points: batch, given: weights}
        )
        expected, expected_loss = numpy_model.step(
            expected, batch.repeat(weights.astype(int), axis=0)
        )
        self.assertAllClose(loss, expected_loss, rtol=1e-4)
        self.assertAllClose(session.run(state.clusters), expected.clusters)
      before = session.run(centers[-1])
      loss, _ = session.run(
          [inference.loss, step], {points: BATCHES[0], given: wrong}
      )
      self.assertAllEqual(loss, np.nan)
      self.assertAllEqual(session.run(centers[-1]), before)

  @parameterized.parameters('random', 'kmeans_plus_plus', 'kmc2')
  def test_host_chooses_initial_centers(self, method):
    kmeans = kmeans_estimator.KMeans(K, initial_clusters=method, seed=5)
    chosen = []
    for _ in range(2):
      with self._core(kmeans, MODES.TRAIN) as (session, _, _, scaffold):
        session.run(scaffold.init_op)
        scaffold.init_fn(session)
        self.assertTrue(session.run(variables()['initialized']))
        chosen.append(session.run(variables()['clusters']))
    self.assertAllEqual(*chosen)
    self.assertLen(np.unique(chosen[0], axis=0), K)
    for center in chosen[0]:
      self.assertTrue((center == np.concatenate(BATCHES)).all(axis=1).any())

  def test_goes_on_from_a_checkpoint_of_a_host(self):
    kmeans = trained_on_host()
    for mode in MODES.TRAIN, MODES.EVAL, MODES.PREDICT:
      with self._core(kmeans, mode) as (session, _, _, scaffold):
        scaffold.saver.restore(session, kmeans.latest_checkpoint())
        self.assertAllEqual(
            session.run(variables()['clusters']), kmeans.cluster_centers()
        )

  def test_evaluation_equals_that_on_a_host(self):
    kmeans = trained_on_host()
    metrics = {}

    def build(spec):
      metric_fn, [loss] = spec.eval_metrics
      self.assertEqual(loss.shape, [1])
      # From four cores.
      metrics.update(metric_fn(tf.tile(loss, [4])))

    with self._core(kmeans, MODES.EVAL, build=build) as (
        session,
        batch,
        _,
        scaffold,
    ):
      value, update = metrics['score']
      session.run(scaffold.local_init_op)
      scaffold.saver.restore(session, kmeans.latest_checkpoint())
      for points in BATCHES:
        session.run(update, {batch: points})
      expected = kmeans.evaluate(testing.input_fn(*BATCHES))
      self.assertAllClose(session.run(value), expected['score'])

  def test_prediction_equals_that_on_a_host(self):
    kmeans = trained_on_host()
    with self._core(kmeans, MODES.PREDICT) as (session, batch, spec, scaffold):
      self.assertEqual(spec.predictions['all_distances'].shape, [N, K])
      self.assertEqual(spec.predictions['cluster_index'].shape, [N])
      scaffold.saver.restore(session, kmeans.latest_checkpoint())
      self.assertAllEqual(
          session.run(spec.predictions['cluster_index'], {batch: BATCHES[0]}),
          list(kmeans.predict_cluster_index(testing.input_fn(BATCHES[0]))),
      )

  @parameterized.parameters(MODES.EVAL, MODES.PREDICT)
  def test_refuses_an_untrained_model(self, mode):
    with self._core(kmeans_estimator.KMeans(K), mode) as (
        session, _, _, scaffold
    ):
      with self.assertRaisesRegex(ValueError, 'must be trained'):
        scaffold.init_fn(session)

  def test_refuses_float64(self):
    with tf.Graph().as_default():
      with self.assertRaisesRegex(TypeError, 'float64.*float32'):
        kmeans_estimator.KMeans(K).tpu_model_fn(input_fn)(
            features=tf.compat.v1.placeholder(tf.float64, [N, D]),
            labels=None,
            mode=MODES.TRAIN,
            config=run_config(),
            params={'use_tpu': True, 'batch_size': N},
        )

  def test_relative_tolerance_looks_at_the_loss_of_the_host(self):
    kmeans = kmeans_estimator.KMeans(K, relative_tolerance=0.1)

    def build(spec):
      [hook] = spec.training_hooks
      loss = tf.compat.v1.placeholder(tf.float32, [])
      tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.LOSSES, loss)
      hook.begin()
      [fetched] = hook.before_run(None).fetches
      self.assertIs(fetched, loss)

    with self._core(kmeans, MODES.TRAIN, build=build):
      pass

  def test_relative_tolerance_compares_losses_an_iteration_apart(self):
    kmeans = kmeans_estimator.KMeans(
        K, relative_tolerance=0.1, mini_batch_steps_per_iteration=3
    )
    context = mock.Mock()

    def build(spec):
      [hook] = spec.training_hooks
      for _ in range(4):
        context.request_stop.assert_not_called()
        hook.after_run(context, mock.Mock(results=[1.0]))
      context.request_stop.assert_called_once()

    with self._core(kmeans, MODES.TRAIN, build=build):
      pass


class BuiltTest(tf.test.TestCase, parameterized.TestCase):
  """Graphs that only a TPU can run."""

  @parameterized.product(
      rule=RULES, mode=[MODES.TRAIN, MODES.EVAL, MODES.PREDICT]
  )
  def test_every_rewritten_op_can_be_compiled(self, rule, mode):
    _, kwargs, _ = rule
    model_fn = kmeans_estimator.KMeans(K, **kwargs).tpu_model_fn(input_fn)

    def computation(points):
      spec = model_fn(
          features=points,
          labels=None,
          mode=mode,
          config=run_config(),
          params={'use_tpu': True, 'batch_size': N},
      )
      results = spec.predictions or {'loss': spec.loss}
      with tf.control_dependencies([spec.train_op or tf.no_op()]):
        return [tf.identity(result) for result in results.values()]

    with tf.Graph().as_default() as graph:
      tf.compat.v1.train.create_global_step()
      results = tf.compat.v1.tpu.rewrite(
          computation, [tf.compat.v1.placeholder(tf.float32, [N, D])]
      )
    for result in results:
      self.assertTrue(result.shape.is_fully_defined())
    compiled = {
        node.name: node.op
        for node in placement.nodes(graph)
        if '_tpu_replicate' in node.attr
    }
    self.assertContainsSubset(
        {'MatMul', *(['CrossReplicaSum'] if mode != MODES.PREDICT else [])},
        compiled.values(),
    )
    # A check could not fail, and its message would be compiled for nothing.
    self.assertNoCommonElements({'Assert', 'Where'}, compiled.values())
    self.assertContainsSubset(
        {
            node.op
            for node in placement.without_kernel(graph, '/TPU:0')
            if node.name in compiled
        },
        ['TPUReplicateMetadata'],
    )

  @parameterized.product(
      rule=RULES, mode=[MODES.TRAIN, MODES.EVAL, MODES.PREDICT]
  )
  def test_tpu_estimator_builds_graphs_for_8_cores(self, rule, mode):
    _, kwargs, steps_per_iteration = rule
    folder = testing.temporary_folder(self)
    on_tpu = tpu_estimator(
        kmeans_estimator.KMeans(K, relative_tolerance=0.1, **kwargs),
        folder,
        use_tpu=True,
    )
    # pylint: disable=protected-access
    # As if these had been found.
    on_tpu._ctx._lazy_tpu_system_metadata_dict[''] = (
        tf.tpu.experimental.TPUSystemMetadata(8, 1, 8, None, ())
    )
    on_tpu._rendezvous[mode] = mock.Mock()
    with tf.Graph().as_default() as graph:
      on_tpu._create_and_assert_global_step(graph)
      features, labels, _ = on_tpu._get_features_and_labels_from_input_fn(
          once if mode == MODES.PREDICT else input_fn, mode
      )
      spec = on_tpu._call_model_fn(features, labels, mode, on_tpu.config)
      names = [v.op.name for v in tf.compat.v1.global_variables()]
    # pylint: enable=protected-access
    of_training = {
        None: [],
        1: ['Variable'],
        2: ['Variable', 'clusters_updated', 'update_in_steps'],
    }[steps_per_iteration]
    self.assertCountEqual(
        names,
        ['clusters', 'global_step', 'initialized']
        + of_training * (mode == MODES.TRAIN),
    )
    num_cores = [
        node.attr['num_replicas'].i
        for node in placement.nodes(graph)
        if node.op == 'TPUReplicateMetadata'
    ]
    self.assertEqual(num_cores, [8])
    exchanges = [
        node.attr['split_count'].i
        for node in placement.nodes(graph)
        if node.op == 'AllToAll'
    ]
    is_full_batch = steps_per_iteration is None and mode == MODES.TRAIN
    # Distances of points, and numbers of cores.
    self.assertEqual(exchanges, [8, 8] * is_full_batch)
    if mode == MODES.TRAIN:
      self.assertIsNotNone(spec.train_op)
      self.assertIn(
          '_RelativeToleranceHook',
          [type(hook).__name__ for hook in spec.training_hooks],
      )
    elif mode == MODES.EVAL:
      self.assertEqual(list(spec.eval_metric_ops), ['score'])
    else:
      self.assertCountEqual(
          spec.predictions, ['all_distances', 'cluster_index']
      )


if __name__ == '__main__':
  tf.test.main()
