# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.ops.parameters."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import parameters as parameters_lib

_VALID = dict(
    num_clusters=3,
    initial_clusters='random',
    distance_metric='squared_euclidean',
    seed=None,
    use_mini_batch=True,
    mini_batch_steps_per_iteration=1,
    kmeans_plus_plus_num_retries=2,
)


def _parameters(**kwargs):
  return parameters_lib.Parameters(**{**_VALID, **kwargs})


class ParametersTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ('num_clusters', 0, ValueError, '>= 1, got 0'),
      ('num_clusters', -3, ValueError, '>= 1, got -3'),
      ('num_clusters', 2.5, TypeError, '2.5 of type float'),
      ('num_clusters', '5', TypeError, "'5' of type str"),
      ('num_clusters', None, TypeError, 'None of type NoneType'),
      ('num_clusters', True, TypeError, 'True of type bool'),
      ('initial_clusters', 'kmeans++', ValueError, "'kmeans_plus_plus'"),
      ('initial_clusters', [], ValueError, r'shape \[0\]'),
      ('initial_clusters', np.zeros([0, 2]), ValueError, r'shape \[0, 2\]'),
      ('initial_clusters', [1.0, 2.0], ValueError, r'shape \[2\]'),
      ('initial_clusters', [[1.0], [1.0, 2.0]], ValueError, 'initial_clusters'),
      ('initial_clusters', [['a', 'b']], TypeError, 'a matrix of numbers'),
      ('initial_clusters', None, TypeError, 'a matrix of numbers'),
      ('initial_clusters', 7, ValueError, r'shape \[\]'),
      (
          'initial_clusters',
          [[0.0, 1.0], [2.0, np.nan]],
          ValueError,
          'nan at row 1, column 1',
      ),
      ('initial_clusters', [[np.inf]], ValueError, 'inf at row 0, column 0'),
      ('distance_metric', 'manhattan', ValueError, "'cosine'"),
      ('distance_metric', None, ValueError, 'got None'),
      ('seed', 'x', TypeError, 'an integer'),
      ('seed', 1.5, TypeError, 'an integer'),
      ('mini_batch_steps_per_iteration', 0, ValueError, '>= 1, got 0'),
      ('mini_batch_steps_per_iteration', 1.5, TypeError, '>= 1'),
      ('use_mini_batch', 'no', TypeError, "got 'no' of type str"),
      ('use_mini_batch', None, TypeError, 'True or False, got None'),
      ('use_mini_batch', 2, TypeError, 'True or False, got 2'),
      ('kmeans_plus_plus_num_retries', 2.5, TypeError, 'an integer'),
      ('kmeans_plus_plus_num_retries', None, TypeError, 'an integer'),
      ('kmeans_plus_plus_num_retries', 2**31 - 1, ValueError, 'at most 2147'),
      ('kmc2_chain_length', 0, ValueError, '>= 1, got 0'),
      ('kmc2_chain_length', 2**63, ValueError, 'at most 9223'),
      ('relative_tolerance', -0.1, ValueError, 'got -0.1'),
      ('relative_tolerance', float('nan'), ValueError, 'got nan'),
      ('relative_tolerance', float('inf'), ValueError, 'got inf'),
      ('relative_tolerance', '1', TypeError, "'1' of type str"),
  )
  def test_wrong_argument_is_refused_by_name(self, name, value, error, message):
    with self.assertRaisesRegex(error, f'{name} must .*{message}|{message}'):
      _parameters(**{name: value})
    with self.assertRaisesRegex(error, name):
      _parameters(**{name: value})

  @parameterized.parameters(
      (3,), (np.int64(3),), (np.array(3),), (np.uint8(3),)
  )
  def test_integers_of_any_type_are_accepted(self, value):
    self.assertEqual(_parameters(num_clusters=value).num_clusters, 3)

  @parameterized.parameters((True,), (np.bool_(True),), (1,), (np.int8(1),))
  def test_bools_of_any_type_are_accepted(self, value):
    self.assertIs(_parameters(use_mini_batch=value).use_mini_batch, True)

  def test_eager_integers_are_accepted(self):
    self.assertEqual(
        _parameters(num_clusters=tf.constant(3)).num_clusters, 3
    )

  @parameterized.parameters(
      ([[1, 2], [3, 4]],),
      (((1.0, 2.0), (3.0, 4.0)),),
      (np.array([[1, 2], [3, 4]], np.uint8),),
      (np.array([[1, 2], [3, 4]], np.float16),),
      (np.array([[1, 0], [1, 1]], bool),),
  )
  def test_given_centers_replace_the_number_of_clusters(self, centers):
    parameters = _parameters(initial_clusters=centers, num_clusters='ignored')
    self.assertEqual(parameters.num_clusters, 2)
    self.assertAllClose(parameters.initial_clusters, np.asarray(centers))

  def test_eager_tensors_and_variables_give_numpy_centers(self):
    for dtype in (tf.float32, tf.float64, tf.bfloat16, tf.int32):
      for make in (tf.constant, tf.Variable):
        value = make(tf.cast([[1, 2], [3, 4]], dtype))
        parameters = _parameters(initial_clusters=value, num_clusters=0)
        self.assertIsInstance(parameters.initial_clusters, np.ndarray)
        self.assertEqual(parameters.num_clusters, 2)

  def test_graph_tensors_are_checked_as_far_as_they_are_known(self):
    with tf.Graph().as_default():
      constant = _parameters(initial_clusters=tf.constant([[1.0, 2.0]]))
      self.assertIsInstance(constant.initial_clusters, np.ndarray)
      unknown = tf.compat.v1.placeholder(tf.float32, [None, 2])
      self.assertIs(
          _parameters(initial_clusters=unknown).initial_clusters, unknown
      )
      with self.assertRaisesRegex(ValueError, 'initial_clusters.*shape'):
        _parameters(initial_clusters=tf.compat.v1.placeholder(tf.float32, [2]))
      number = tf.compat.v1.placeholder(tf.int32, [])
      symbolic = _parameters(num_clusters=number).num_clusters
      self.assertEqual(symbolic.dtype, tf.int32)
      with self.assertRaisesRegex(TypeError, 'num_clusters.*float32'):
        _parameters(num_clusters=tf.compat.v1.placeholder(tf.float32, []))

  @parameterized.parameters(
      ('squared_euclidean', True, 1, 1, False),
      ('squared_euclidean', False, 4, None, False),
      ('cosine', True, 1, 1, False),
      ('cosine', True, 4, 4, True),
      ('cosine', False, 1, None, True),
  )
  def test_properties_follow_from_the_parameters(
      self, metric, mini, steps, m, normalized
  ):
    parameters = _parameters(
        distance_metric=metric,
        use_mini_batch=mini,
        mini_batch_steps_per_iteration=steps,
    )
    self.assertEqual(parameters.steps_per_iteration, m)
    self.assertEqual(parameters.centers_are_normalized, normalized)


if __name__ == '__main__':
  tf.test.main()
