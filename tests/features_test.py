# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.features."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator import features as features_lib
from kmeans_estimator.ops import clustering_ops


def _evaluate(features, columns=None):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    points = features_lib.parse_features(features(), columns)
    session.run(tf.compat.v1.global_variables_initializer())
    session.run(tf.compat.v1.tables_initializer())
    return points, session.run(points)


class ParseFeaturesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      tf.float32, tf.float16, tf.bfloat16, tf.bool, tf.uint8, tf.int8,
      tf.int16, tf.int32, tf.int64, tf.uint16, tf.uint32, tf.uint64,
  )  # pyformat: disable
  def test_casts_to_single_precision(self, dtype):
    points, value = _evaluate(lambda: tf.cast([[0, 1], [1, 1]], dtype))
    self.assertEqual(points.dtype, tf.float32)
    self.assertAllEqual(value, [[0, 1], [1, 1]])

  def test_keeps_double_precision(self):
    points, value = _evaluate(lambda: tf.constant([[0.1, 1]], tf.float64))
    self.assertEqual(points.dtype, tf.float64)
    self.assertAllEqual(value, np.array([[0.1, 1]]))

  def test_a_matrix_stays_the_tensor_it_is(self):
    with tf.Graph().as_default():
      points = tf.zeros([3, 2])
      self.assertIs(features_lib.parse_features(points), points)

  def test_joins_a_dict_in_the_order_of_its_keys(self):
    points, value = _evaluate(
        lambda: {
            'b': tf.constant([1.0, 2.0]),
            'c': tf.constant([[3], [4]]),
            'a': tf.constant([[5.0, 6.0], [7.0, 8.0]]),
        }
    )
    self.assertEqual(points.shape, [2, 4])
    self.assertAllEqual(value, [[5, 6, 1, 3], [7, 8, 2, 4]])

  def test_one_double_in_a_dict_makes_all_double(self):
    points, _ = _evaluate(
        lambda: {
            'a': tf.constant([1.0]),
            'b': tf.constant([1.0], tf.float64),
            'c': tf.constant([1]),
        }
    )
    self.assertEqual(points.dtype, tf.float64)

  def test_sparse_matrix_becomes_dense(self):
    points, value = _evaluate(
        lambda: tf.SparseTensor([[1, 0], [0, 2]], [5, 6], [2, 3])
    )
    self.assertEqual(points.shape, [2, 3])
    self.assertEqual(points.dtype, tf.float32)
    self.assertAllEqual(value, [[0, 0, 6], [5, 0, 0]])

  def test_sparse_matrix_in_a_dict_becomes_dense(self):
    _, value = _evaluate(
        lambda: {
            'a': tf.SparseTensor([[0, 1]], [5.0], [2, 2]),
            'b': tf.constant([1.0, 2.0]),
        }
    )
    self.assertAllEqual(value, [[0, 5, 1], [0, 0, 2]])

  def test_keys_may_be_numbers(self):
    _, value = _evaluate(
        lambda: {10: tf.constant([2.0]), 9: tf.constant([1.0])}
    )
    self.assertAllEqual(value, [[1, 2]])

  @parameterized.parameters([(3,)], [(3, 1)], [(3, 2)])
  def test_feature_of_unknown_rank_may_be_a_vector_or_a_matrix(self, shape):
    numbers = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    _, value = _evaluate(
        lambda: {'a': tf.compat.v1.placeholder_with_default(numbers, None)}
    )
    self.assertAllEqual(value, numbers.reshape([3, -1]))

  @parameterized.parameters([()], [(3, 2, 1)])
  def test_feature_of_unknown_rank_must_not_be_a_scalar_or_cube(self, shape):
    with self.assertRaises(tf.errors.InvalidArgumentError):
      _evaluate(
          lambda: {
              'a': tf.compat.v1.placeholder_with_default(
                  np.zeros(shape, np.float32), None
              )
          }
      )

  def test_feature_columns_make_the_matrix(self):
    columns = [
        tf.feature_column.numeric_column('x', shape=[2]),
        tf.feature_column.indicator_column(
            tf.feature_column.categorical_column_with_vocabulary_list(
                'name', ['red', 'green']
            )
        ),
    ]
    _, value = _evaluate(
        lambda: {
            'x': tf.constant([[1.0, 2.0], [3.0, 4.0]]),
            'name': tf.constant(['green', 'red']),
            'unused': tf.constant(['x', 'y']),
        },
        columns,
    )
    self.assertAllEqual(value, [[0, 1, 1, 2], [1, 0, 3, 4]])

  @parameterized.named_parameters(
      ('vector', lambda: tf.zeros([3]), ValueError, 'features .*rank 1'),
      ('cube', lambda: tf.zeros([3, 2, 1]), ValueError, 'features .*rank 3'),
      ('no_columns', lambda: tf.zeros([3, 0]), ValueError, 'column'),
      ('strings', lambda: tf.constant([['a']]), TypeError, 'features .*string'),
      ('complex', lambda: tf.constant([[1j]]), TypeError, 'complex128'),
      ('empty_dict', lambda: {}, ValueError, 'got an empty dict'),
      (
          'string_in_dict',
          lambda: {'a': tf.zeros([1]), 'name': tf.constant(['x'])},
          TypeError,
          "feature 'name' .*string",
      ),
      (
          'cube_in_dict',
          lambda: {'a': tf.zeros([1, 1, 1])},
          ValueError,
          "feature 'a' .*rank 3",
      ),
      (
          'dict_in_dict',
          lambda: {'a': {'b': tf.zeros([1])}},
          TypeError,
          "feature 'a' is a dict",
      ),
      (
          'keys_without_an_order',
          lambda: {1: tf.zeros([1]), 'a': tf.zeros([1])},
          TypeError,
          r"keys .* \[1, 'a'\], cannot be sorted. Use strings",
      ),
      (
          'different_numbers_of_rows',
          lambda: {'a': tf.zeros([5]), 'b': tf.zeros([7])},
          ValueError,
          "same number of rows, got {'a': 5, 'b': 7}",
      ),
      (
          'sparse_strings',
          lambda: tf.SparseTensor([[0, 0]], ['x'], [1, 1]),
          TypeError,
          'string',
      ),
      (
          'ragged',
          lambda: tf.ragged.constant([[1.0], [1.0, 2.0]]),
          TypeError,
          'RaggedTensor',
      ),
  )
  def test_features_that_are_no_matrix_of_numbers_are_refused(
      self, features, error, message
  ):
    with self.assertRaisesRegex(error, message):
      _evaluate(features)

  def test_unknown_rank_is_checked_when_it_is_known(self):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      anything = tf.compat.v1.placeholder(tf.float32)
      points = features_lib.parse_features(anything)
      self.assertEqual(points.shape.rank, 2)
      self.assertAllEqual(session.run(points, {anything: [[1.0]]}), [[1]])
      with self.assertRaises(tf.errors.InvalidArgumentError):
        session.run(points, {anything: [1.0]})


def _generator():
  yield [1.0]


class CheckResultTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters(
      ('nothing', lambda: None, 'Got None'),
      ('list', lambda: [[1.0, 2.0], [3.0, 4.0]], 'Got list of list, list'),
      ('long_list', lambda: [[1.0]] * 3, 'Got list'),
      ('generator', _generator, 'Got generator'),
      ('function', lambda: _generator, 'Got function'),
      ('number', lambda: 5.0, 'Got float'),
      (
          'three_values',
          lambda: (tf.zeros([2, 1]), None, {}),
          r'Got 3 values: \w*Tensor, None, dict',
      ),
      ('no_value', lambda: (), 'Got 0 values'),
      ('no_features', lambda: (None, tf.zeros([2])), 'Got tuple of None,'),
      (
          'dataset',
          lambda: tf.data.Dataset.from_tensors(([[1.0]], [1], [2])),
          'Got a Dataset of 3 values',
      ),
  )
  def test_error_names_input_fn_and_what_it_may_return(self, input_fn, got):
    with self.assertRaisesRegex(
        TypeError,
        r'^input_fn must return a tf.data.Dataset, features, or \(features, '
        rf'labels\); features are .* by name\. {got}',
    ):
      features_lib.check_result(input_fn())

  @parameterized.named_parameters(
      ('tensor', lambda: tf.zeros([2, 1])),
      ('graph_tensor', lambda: tf.compat.v1.placeholder(tf.float32)),
      ('variable', lambda: tf.Variable([[1.0]])),
      ('sparse', lambda: tf.sparse.from_dense([[1.0]])),
      ('array', lambda: np.zeros([2, 1])),
      ('dict', lambda: {'a': tf.zeros([2, 1])}),
      ('labels', lambda: (tf.zeros([2, 1]), tf.zeros([2]))),
      ('no_labels', lambda: ({'a': tf.zeros([2])}, None)),
      ('pair_in_a_list', lambda: [tf.zeros([2, 1]), tf.zeros([2])]),
      ('dataset', lambda: tf.data.Dataset.from_tensors([[1.0]])),
      ('dataset_of_dicts', lambda: tf.data.Dataset.from_tensors({'a': [1.0]})),
      (
          'dataset_with_labels',
          lambda: tf.data.Dataset.from_tensors(({'a': [1.0]}, {'b': [1]})),
      ),
      (
          'sparse_dataset',
          lambda: tf.data.Dataset.from_tensors(tf.sparse.from_dense([[1.0]])),
      ),
  )
  def test_allowed_results_are_passed_on(self, input_fn):
    with tf.Graph().as_default():
      result = input_fn()
      self.assertIs(features_lib.check_result(result), result)


class ExplainedColumnsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters('squared_euclidean', 'cosine')
  def test_prediction_error_names_both_numbers_of_columns(self, metric):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      points = tf.compat.v1.placeholder(tf.float32, [None, None])
      state, *predictions = clustering_ops.KMeans(
          points, 3, distance_metric=metric
      ).prediction()
      session.run(tf.compat.v1.global_variables_initializer())
      session.run(state.clusters.assign(np.eye(3)[:, :2]))
      for fetch in predictions:
        for rows in (0, 1, 5):
          with self.assertRaisesRegex(
              tf.errors.InvalidArgumentError,
              '^The features have 4 columns, but the model was trained on 2. '
              'Give features with 2 columns.$',
          ), features_lib.explained_columns():
            session.run(fetch, {points: np.zeros([rows, 4])})

  def test_other_errors_stay_unchanged(self):
    for error in (
        ValueError('as many biases'),
        tf.errors.InvalidArgumentError(None, None, 'other'),
    ):
      with self.assertRaises(type(error)) as raised:
        with features_lib.explained_columns():
          raise error
      self.assertIs(raised.exception, error)


class NamesTest(tf.test.TestCase):

  def test_names_follow_the_columns_and_a_matrix_has_none(self):
    features = {'b': tf.zeros([1]), 'a': tf.zeros([1])}
    self.assertEqual(features_lib.names(features), ['a', 'b'])
    column = tf.feature_column.numeric_column('b')
    self.assertEqual(features_lib.names(features, [column]), ['b'])
    self.assertIsNone(features_lib.names(tf.zeros([1, 1])))
    self.assertIsNone(features_lib.names(tf.zeros([1, 1]), [column]))


if __name__ == '__main__':
  tf.test.main()
