# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of kmeans_estimator.inputs."""

import collections
import itertools
import os
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pandas as pd
import tensorflow as tf

from kmeans_estimator import estimator as estimator_lib
from kmeans_estimator import inputs
from kmeans_estimator import kmeans
from tests.helpers import testing

TRAIN = estimator_lib.ModeKeys.TRAIN
EVAL = estimator_lib.ModeKeys.EVAL
PREDICT = estimator_lib.ModeKeys.PREDICT


def matrix(n: int, d: int = 2, dtype=np.float32) -> np.ndarray:
  return np.arange(n * d).reshape(n, d).astype(dtype)


def first_column(batches) -> list:
  """Returns the first column of batches: row numbers, for `matrix(n, 1)`."""
  return [batch[:, 0].astype(int).tolist() for batch in batches]


def take(dataset, count=None):
  return list(itertools.islice(dataset.as_numpy_iterator(), count))


def context(pipeline: int, pipelines: int, replicas: int):
  return tf.distribute.InputContext(pipelines, pipeline, replicas)


class Frame:
  """The part of a pandas DataFrame or Series that the product uses."""

  def __init__(self, values):
    self._values = values

  def to_numpy(self):
    return self._values


class BatchesTest(parameterized.TestCase):

  @parameterized.parameters(EVAL, PREDICT, None)
  def test_evaluation_and_prediction_read_rows_once_in_order(self, mode):
    for batch_size, expected in (
        (None, [[0, 1, 2, 3, 4]]),
        (2, [[0, 1], [2, 3], [4]]),
        (9, [[0, 1, 2, 3, 4]]),
    ):
      input_fn = inputs.array_input_fn(matrix(5, 1), batch_size)
      self.assertEqual(first_column(take(input_fn(mode))), expected)

  def test_training_without_batch_size_repeats_full_batches(self):
    dataset = inputs.array_input_fn(matrix(5, 1))(TRAIN)
    self.assertEqual(first_column(take(dataset, 3)), [[0, 1, 2, 3, 4]] * 3)

  def test_training_with_batch_size_repeats_shuffled_mini_batches(self):
    batches = take(inputs.array_input_fn(matrix(5, 1), 2)(TRAIN), 50)
    self.assertEqual({len(batch) for batch in batches}, {2})
    rows = np.concatenate(first_column(batches)).reshape(20, 5)
    for epoch in rows:
      self.assertCountEqual(epoch, range(5))
    self.assertGreater(len(np.unique(rows, axis=0)), 1)

  def test_epochs_are_joined_before_they_are_cut_into_batches(self):
    input_fn = inputs.array_input_fn(
        matrix(5, 1), 4, shuffle=False, num_epochs=2
    )
    self.assertEqual(
        first_column(take(input_fn(TRAIN))),
        [[0, 1, 2, 3], [4, 0, 1, 2], [3, 4]],
    )

  @parameterized.parameters(TRAIN, PREDICT)
  def test_num_epochs_counts_in_every_mode(self, mode):
    input_fn = inputs.array_input_fn(matrix(3, 1), num_epochs=2)
    self.assertEqual(first_column(take(input_fn(mode))), [[0, 1, 2]] * 2)

  def test_shuffle_can_be_chosen_in_every_mode(self):
    shuffled = inputs.array_input_fn(matrix(50, 1), 50, shuffle=True, seed=1)
    rows = first_column(take(shuffled(PREDICT)))[0]
    self.assertCountEqual(rows, range(50))
    self.assertNotEqual(rows, list(range(50)))

  @parameterized.parameters(
      (None, TRAIN, None, [5, 2]),
      (None, PREDICT, None, [5, 2]),
      (2, TRAIN, None, [2, 2]),
      (2, PREDICT, None, [None, 2]),
      (2, TRAIN, 2, [2, 2]),
      (5, PREDICT, None, [5, 2]),
  )
  def test_static_shape_is_known_if_all_batches_are_equal(
      self, batch_size, mode, num_epochs, shape
  ):
    dataset = inputs.array_input_fn(
        matrix(5), batch_size, num_epochs=num_epochs
    )(mode)
    self.assertEqual(dataset.element_spec.shape.as_list(), shape)


class OrderTest(parameterized.TestCase):

  def _rows(self, seed, graph_seed=None, config=None):
    with tf.Graph().as_default():
      if graph_seed is not None:
        tf.compat.v1.random.set_random_seed(graph_seed)
      dataset = inputs.array_input_fn(matrix(60, 1), 60, seed=seed)(
          TRAIN, config
      )
      batch = tf.compat.v1.data.make_one_shot_iterator(dataset).get_next()
      with tf.compat.v1.Session() as session:
        return first_column([session.run(batch) for _ in range(2)])

  @parameterized.parameters((3, None), (None, 4), (3, 4), (-1, None))
  def test_either_seed_repeats_the_order(self, seed, graph_seed):
    self.assertEqual(
        self._rows(seed, graph_seed), self._rows(seed, graph_seed)
    )

  def test_different_seeds_give_different_orders(self):
    orders = [
        self._rows(seed, graph_seed)
        for seed, graph_seed in (
            (1, None), (2, None), (None, 1), (None, 2), (1, 1), (None, None),
            (None, None),
        )
    ]  # pyformat: disable
    self.assertLen(set(map(str, orders)), len(orders))

  def test_parameter_server_workers_have_different_orders(self):
    config = collections.namedtuple('Config', ['global_id_in_cluster'])
    self.assertNotEqual(
        self._rows(1, config=config(1)), self._rows(1, config=config(2))
    )
    # The ID of an evaluator is None.
    self.assertEqual(
        self._rows(1, config=config(None)), self._rows(1, config=config(0))
    )


class ReplicasTest(parameterized.TestCase):

  @parameterized.product(
      pipelines=[1, 2], batch_size=[None, 4, 5], shuffle=[None, False]
  )
  def test_replicas_share_the_batch_of_a_step(
      self, pipelines, batch_size, shuffle
  ):
    input_fn = inputs.array_input_fn(
        matrix(11, 1), batch_size, shuffle, num_epochs=2, seed=1
    )
    alone = first_column(take(input_fn(TRAIN)))
    here = 4 // pipelines
    fed = [
        first_column(
            take(input_fn(TRAIN, None, context(pipeline, pipelines, 4)))
        )
        for pipeline in range(pipelines)
    ]
    for step, rows in enumerate(alone):
      parts = [
          part
          for batches in fed
          for part in batches[step * here : (step + 1) * here]
      ]
      self.assertLen(parts, 4)
      self.assertEqual(list(itertools.chain(*parts)), rows)
      sizes = [len(part) for part in parts]
      self.assertLessEqual(max(sizes) - min(sizes), 1)

  @parameterized.parameters(None, 3)
  def test_workers_agree_on_the_order_without_a_seed(self, global_seed):
    tf.random.set_seed(global_seed)
    self.addCleanup(tf.random.set_seed, None)
    input_fn = inputs.array_input_fn(matrix(20, 1), 10)
    fed = [
        first_column(take(input_fn(TRAIN, None, context(i, 2, 2)), 4))
        for i in range(2)
    ]
    for epoch in range(2):
      parts = [b for batches in fed for b in batches[2 * epoch : 2 * epoch + 2]]
      self.assertCountEqual(itertools.chain(*parts), range(20))

  def test_static_shape_is_known_if_replicas_get_equal_parts(self):
    input_fn = inputs.array_input_fn(matrix(8))
    for replicas, rows in ((4, 2), (3, None)):
      dataset = input_fn(TRAIN, None, context(0, 1, replicas))
      self.assertEqual(dataset.element_spec.shape.as_list(), [rows, 2])

  def test_fewer_rows_than_replicas_are_refused(self):
    with self.assertRaisesRegex(ValueError, '2 rows per batch for 4 replicas'):
      inputs.array_input_fn(matrix(8), 2)(TRAIN, None, context(0, 1, 4))


class FormatsTest(parameterized.TestCase):

  @parameterized.parameters(
      np.float32, np.float64, np.float16, np.int32, np.uint8, np.bool_,
      tf.bfloat16.as_numpy_dtype,
  )  # pyformat: disable
  def test_dtypes_are_kept(self, dtype):
    x = matrix(6, dtype=dtype)
    for batch_size in (None, 4):
      batches = take(inputs.array_input_fn(x, batch_size)())
      self.assertEqual(batches[0].dtype, x.dtype)
      np.testing.assert_array_equal(np.concatenate(batches), x)

  @parameterized.named_parameters(
      ('list', matrix(6).tolist()),
      ('frame', Frame(matrix(6))),
      ('big_endian', matrix(6).astype('>f4')),
      ('fortran_order', np.asfortranarray(matrix(6))),
      ('every_other_column', matrix(6, 4)[:, ::2] / 2 + [[0], [-0.0]] * 3),
      ('tensor', tf.constant(matrix(6))),
  )
  def test_accepts_what_asarray_accepts(self, x):
    expected = x.to_numpy() if isinstance(x, Frame) else np.asarray(x)
    for batch_size in (None, 3):
      batches = take(inputs.array_input_fn(x, batch_size, shuffle=False)())
      np.testing.assert_array_equal(np.concatenate(batches), expected)

  def test_dict_of_arrays_gives_batches_of_dicts(self):
    x = {
        'vector': np.arange(5.0),
        'matrix': matrix(5, 3, np.int64),
        'column': Frame(np.arange(5, dtype=np.float32)),
        'strings': np.array(['a', 'ü', 'c', 'd', 'e'], object),
    }
    for batch_size in (None, 2):
      dataset = inputs.array_input_fn(x, batch_size)()
      rows = 5 if batch_size is None else None
      self.assertEqual(
          dataset.element_spec,
          {
              'vector': tf.TensorSpec([rows], tf.float64),
              'matrix': tf.TensorSpec([rows, 3], tf.int64),
              'column': tf.TensorSpec([rows], tf.float32),
              'strings': tf.TensorSpec([rows], tf.string),
          },
      )
      batches = take(dataset)
      for name, expected in (
          ('vector', x['vector']),
          ('matrix', x['matrix']),
          ('column', x['vector']),
          ('strings', [s.encode() for s in x['strings']]),
      ):
        np.testing.assert_array_equal(
            np.concatenate([batch[name] for batch in batches]), expected
        )

  @parameterized.named_parameters(
      ('bool_and_float', dict(a=[True, False], b=[0.5, 2]), None),
      ('bool_and_float32', dict(a=[True, False], b=np.float32([0.5, 2])), None),
      ('int64', dict(a=[1, 2], b=[3, 4]), 'Int64'),
      ('int64_and_float', dict(a=[0.5, 1], b=pd.array([3, 4], 'Int64')), None),
      ('boolean', dict(a=[True, False]), 'boolean'),
      ('float', dict(a=[0.5, 2]), 'Float32'),
      ('objects', dict(a=[1, 2], b=[0.5, True]), object),
  )
  def test_data_frame_gives_a_matrix(self, columns, dtype):
    frame = pd.DataFrame(columns)
    frame = frame if dtype is None else frame.astype(dtype)
    [batch] = take(inputs.array_input_fn(frame)())
    self.assertIn(batch.dtype.kind, 'iufb')
    np.testing.assert_array_equal(batch, frame.astype(np.float64))
    [batch] = take(inputs.array_input_fn({'x': frame})())
    np.testing.assert_array_equal(batch['x'], frame.astype(np.float64))

  def test_missing_numbers_of_a_data_frame_are_nan(self):
    numbers = pd.array([1, None], 'Int64')
    frame = pd.DataFrame({'a': [True, False], 'n': numbers})
    [batch] = take(inputs.array_input_fn(frame)())
    np.testing.assert_array_equal(batch, [[1, 1], [0, np.nan]])

  def test_data_frame_may_have_equal_labels(self):
    frame = pd.DataFrame([[True, 0.5]], columns=['a', 'a'])
    [batch] = take(inputs.array_input_fn(frame)())
    np.testing.assert_array_equal(batch, [[1, 0.5]])

  def test_memmap_is_read_batch_by_batch(self):
    path = os.path.join(testing.temporary_folder(self), 'points.npy')
    np.save(path, matrix(7))
    x = np.load(path, mmap_mode='r')
    for batch_size in (None, 3):
      batches = take(
          inputs.array_input_fn(x, batch_size, shuffle=bool(batch_size))()
      )
      np.testing.assert_array_equal(
          np.sort(np.concatenate(batches), axis=0), matrix(7)
      )


class EstimatorTest(parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self._points, self._centers = testing.blobs(60, 3, 3, seed=1)

  def _kmeans(self, **kwargs):
    return kmeans.KMeansClustering(
        3,
        testing.temporary_folder(self),
        self._centers,
        config=testing.run_config(),
        **kwargs,
    )

  def test_full_batch_works_in_every_mode(self):
    input_fn = inputs.array_input_fn(self._points)
    estimator = self._kmeans(use_mini_batch=False)
    estimator.train(input_fn, steps=2)
    by_hand = self._kmeans(use_mini_batch=False)
    by_hand.train(testing.input_fn(*[self._points] * 3), steps=2)
    np.testing.assert_array_equal(
        estimator.cluster_centers(), by_hand.cluster_centers()
    )
    distances = np.stack(list(estimator.transform(input_fn)))
    self.assertEqual(distances.shape, (60, 3))
    np.testing.assert_allclose(
        estimator.score(input_fn), (distances.min(1) ** 2).sum(), rtol=1e-4
    )
    self.assertLen(list(estimator.predict_cluster_index(input_fn)), 60)

  def test_mini_batches_work_in_every_mode(self):
    input_fn = inputs.array_input_fn(self._points, 8, seed=1)
    estimator = self._kmeans()
    estimator.train(input_fn, steps=9)
    self.assertEqual(
        estimator.get_variable_value('Variable').sum(), 9 * 8 + 3
    )
    indices = list(estimator.predict_cluster_index(input_fn))
    self.assertEqual(
        indices,
        list(
            estimator.predict_cluster_index(
                inputs.array_input_fn(self._points)
            )
        ),
    )
    whole = estimator.score(inputs.array_input_fn(self._points))
    np.testing.assert_allclose(
        estimator.evaluate(input_fn)['score'] * 8, whole, rtol=1e-4
    )

  def test_same_seed_trains_alike(self):
    input_fn = inputs.array_input_fn(self._points, 8, seed=1)
    centers = []
    for _ in range(2):
      estimator = self._kmeans()
      estimator.train(input_fn, steps=9)
      centers.append(estimator.cluster_centers())
    np.testing.assert_array_equal(*centers)

  def test_finite_input_ends_the_training(self):
    estimator = self._kmeans()
    estimator.train(inputs.array_input_fn(self._points, 8, num_epochs=1))
    self.assertEqual(estimator.get_variable_value('global_step'), 8)

  @parameterized.parameters(None, 100)
  def test_array_stays_outside_the_graph_and_is_not_copied(self, batch_size):
    x = np.zeros([10_000, 20], np.float32)
    with tf.Graph().as_default() as graph:
      dataset = inputs.array_input_fn(x, batch_size, shuffle=False)(TRAIN)
      batch = tf.compat.v1.data.make_one_shot_iterator(dataset).get_next()
      doubled = tf.reduce_sum(batch) * 2
      self.assertLess(graph.as_graph_def().ByteSize(), 10_000)
      x[0] = 1
      with tf.compat.v1.Session() as session:
        self.assertEqual(session.run(doubled), 40)
    self.assertEqual(x.sum(), 20)

  @parameterized.parameters((None, 1), (2, 5))
  def test_full_batch_is_read_once(self, batch_size, reads):
    input_fn = inputs.array_input_fn(matrix(10), batch_size, shuffle=False)
    with mock.patch.object(inputs, '_take', wraps=inputs._take) as take_rows:
      take(input_fn(TRAIN), 5)
      # Prefetching may read further batches.
      self.assertBetween(take_rows.call_count, reads, reads + (reads > 1) * 2)


class LargeIntegersTest(parameterized.TestCase):

  def _warnings(self, make):
    with mock.patch.object(tf.compat.v1.logging, 'warning') as warning:
      make()
    return [call.args[0] % call.args[1:] for call in warning.call_args_list]

  @parameterized.product(dtype=[np.int32, np.uint32, np.int64], add=[0, 1])
  def test_warns_of_integers_that_float32_rounds(self, dtype, add):
    x = matrix(3, dtype=dtype)
    x[1, 1] = 2**24 + add
    warnings = self._warnings(lambda: inputs.array_input_fn(x))
    self.assertLen(warnings, add)
    if add:
      self.assertRegex(warnings[0], r'^x holds .*2\*\*24.*Cast x to float64\.')

  def test_warning_names_the_feature_with_large_negative_integers(self):
    x = {'a': [1, 2], 'b': [1, -(2**24) - 1]}
    [warning] = self._warnings(lambda: inputs.array_input_fn(x))
    self.assertIn("x['b'] holds", warning)

  @parameterized.parameters(np.float32, np.float64)
  def test_large_floats_give_no_warning(self, dtype):
    x = np.full([3, 2], 2**25, dtype)
    self.assertEmpty(self._warnings(lambda: inputs.array_input_fn(x)))

  def test_memmap_is_checked_when_it_is_read(self):
    path = os.path.join(testing.temporary_folder(self), 'points.npy')
    np.save(path, matrix(6, dtype=np.int64) + 2**24)
    x = np.load(path, mmap_mode='r')
    made = []
    self.assertEmpty(
        self._warnings(lambda: made.append(inputs.array_input_fn(x, 2)))
    )
    self.assertLen(self._warnings(lambda: take(made[0]())), 1)

  def test_share_of_a_memmap_without_rows_is_no_error(self):
    path = os.path.join(testing.temporary_folder(self), 'points.npy')
    np.save(path, matrix(5, dtype=np.int64))
    input_fn = inputs.array_input_fn(np.load(path, mmap_mode='r'), 4, False, 1)
    # The last batch has one row for two replicas.
    batches = take(input_fn(TRAIN, None, context(0, 1, 2)))
    self.assertEqual([len(batch) for batch in batches], [2, 2, 0, 1])


class BadInputTest(parameterized.TestCase):

  @parameterized.named_parameters(
      ('vector', np.zeros(3), ValueError, r'x must have.*\[n, d\].*\(3,\)'),
      ('cube', np.zeros([3, 1, 1]), ValueError, r'\[n, d\].*\(3, 1, 1\)'),
      ('scalar', 5, ValueError, r'\[n, d\].*\(\)'),
      ('no_rows', np.zeros([0, 2]), ValueError, r'at least one row.*\(0, 2\)'),
      ('no_columns', np.zeros([2, 0]), ValueError, r'one column.*\(2, 0\)'),
      (
          'no_columns_of_objects',
          np.zeros([2, 0], object),
          ValueError,
          r'one column.*\(2, 0\)',
      ),
      (
          'no_columns_of_a_feature',
          {'b': [1, 2], 'a': np.zeros([2, 0])},
          ValueError,
          r"x\['a'\] must have at least one column.*\(2, 0\)",
      ),
      (
          'no_columns_of_objects_of_a_feature',
          {'a': np.zeros([2, 0], object)},
          ValueError,
          r"x\['a'\] must have at least one column.*\(2, 0\)",
      ),
      ('no_objects', np.zeros([0], object), ValueError, 'at least one row'),
      ('strings', [['a'], ['b']], TypeError, 'x must hold numbers .* strings'),
      ('objects', [[None], [1]], TypeError, 'x must hold numbers.*object'),
      ('complex', [[1j]], TypeError, 'x must hold numbers.*complex128'),
      ('dates', np.zeros([2, 1], 'M8[s]'), TypeError, 'x must hold.*datetime'),
      ('ragged', [[1], [1, 2]], TypeError, 'x must'),
      (
          'frame_of_strings',
          pd.DataFrame({'a': [1.5], 'name': ['b']}),
          TypeError,
          "x must hold numbers or bools, got the column 'name'",
      ),
      (
          'frame_with_missing_values',
          pd.DataFrame({'a': [True, False], 'n': pd.array([1, None], object)}),
          TypeError,
          "column 'n' of dtype object, with missing values",
      ),
      (
          'frame_of_dates',
          pd.DataFrame({'a': [1.5], 'day': pd.to_datetime(['2020-01-01'])}),
          TypeError,
          "column 'day' of dtype datetime64",
      ),
      ('empty_dict', {}, ValueError, 'at least one feature'),
      ('key', {1: np.zeros(2)}, TypeError, 'strings as keys, got 1'),
      (
          'lengths',
          {'a': np.zeros(2), 'b': np.zeros(3)},
          ValueError,
          "equal length, got {'a': 2, 'b': 3}",
      ),
      ('cube_feature', {'a': [[[1]]]}, ValueError, r"x\['a'\].*\[n, m\]"),
      ('feature_scalar', {'a': 1.0}, ValueError, r"x\['a'\].*\(\)"),
      (
          'mixed_feature',
          {'a': np.array(['b', 1, None], object)},
          TypeError,
          r"x\['a'\] must hold numbers.*object",
      ),
  )
  def test_refuses_wrong_x(self, x, error, message):
    with self.assertRaisesRegex(error, message):
      inputs.array_input_fn(x)

  def test_refuses_sparse_and_graph_tensors(self):
    with tf.Graph().as_default():
      for x in (
          tf.sparse.from_dense(matrix(3)),
          tf.compat.v1.placeholder(tf.float32, [3, 2]),
      ):
        with self.assertRaisesRegex(TypeError, 'x must'):
          inputs.array_input_fn(x)

  @parameterized.parameters(
      ('batch_size', 0, ValueError),
      ('batch_size', -2, ValueError),
      ('batch_size', 2.5, TypeError),
      ('batch_size', '2', TypeError),
      ('num_epochs', 0, ValueError),
      ('num_epochs', 1.0, TypeError),
      ('seed', 'a', TypeError),
      ('shuffle', 'yes', TypeError),
  )
  def test_refuses_wrong_argument(self, name, value, error):
    with self.assertRaisesRegex(error, f'{name} must be .*{value}'):
      inputs.array_input_fn(matrix(4), **{name: value})

  def test_shuffle_needs_a_batch_size(self):
    with self.assertRaisesRegex(ValueError, 'needs a batch_size'):
      inputs.array_input_fn(matrix(4), shuffle=True)


if __name__ == '__main__':
  absltest.main()
