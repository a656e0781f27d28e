# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that tests with a shared graph do not affect each other."""

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import native
from tests.helpers import sessions
from tests.helpers import testing


class _Borrower:

  def __init__(self, key):
    self.session, self.variable = sessions.borrow(self, key, self._build)

  def _build(self):
    return tf.compat.v1.Variable(1.0)

  def add(self):
    with self.session.graph.as_default():
      self.variable.load(self.value() + 1, self.session)

  def value(self):
    return self.session.run(self.variable)


class BorrowTest(absltest.TestCase):

  def test_borrowers_at_the_same_time_have_variables_of_their_own(self):
    one, other = _Borrower('at once'), _Borrower('at once')
    self.assertIs(one.session.graph, other.session.graph)
    one.add()
    self.assertEqual((one.value(), other.value()), (2, 1))

  def test_later_borrower_gets_the_session_with_initial_values(self):
    borrower = _Borrower('later')
    session = borrower.session
    borrower.add()
    del borrower
    later = _Borrower('later')
    self.assertIs(later.session, session)
    self.assertEqual(later.value(), 1)

  def test_different_keys_have_different_graphs(self):
    graphs = {_Borrower(key).session.graph for key in ('a', 'b', None, None)}
    self.assertLen(graphs, 4)

  def test_portable_ops_have_a_graph_of_their_own(self):
    if not native.is_available():
      # There is one implementation.
      return
    graph = _Borrower('native').session.graph
    with placement.portable_ops():
      self.assertIsNot(_Borrower('native').session.graph, graph)


class FunctionTest(absltest.TestCase):

  def _function(self, key, shape):
    return sessions.Function(
        key,
        lambda x, y: (x + y, x - y),
        (np.float32, shape),
        (np.float32, None),
    )

  def test_results_are_computed_from_the_given_arrays(self):
    function = self._function(None, [2])
    for x in [1, 2], [3, 4]:
      total, difference = function(x, 5)
      np.testing.assert_array_equal(total, np.add(x, 5))
      np.testing.assert_array_equal(difference, np.subtract(x, 5))

  def test_functions_of_equal_key_and_inputs_share_a_graph(self):
    graphs = [
        self._function(key, shape).outputs[0].graph
        for key, shape in (
            ('sum', [2]), ('sum', (2,)), ('sum', [None]), ('other', [2]),
            (None, [2]), (None, [2]),
        )
    ]  # pyformat: disable
    self.assertIs(graphs[0], graphs[1])
    self.assertLen(set(graphs), 5)


class TrainingGraphTest(absltest.TestCase):

  def _graph(self, centers, **kwargs):
    return testing.TrainingGraph(
        clustering_ops.KMeans, centers, 2, initial_clusters=centers, **kwargs
    )

  def test_initial_centers_are_those_of_the_test(self):
    points = np.float32([[1, 2], [3, 4]])
    for centers in points, 10 * points:
      graph = self._graph(centers)
      graph.initialize(points)
      np.testing.assert_array_equal(graph.values()['clusters'], centers)

  def test_each_copy_has_one_graph(self):
    points = np.float32([[1, 2], [3, 4]])
    graphs = [
        self._graph(points, **kwargs).session.graph
        for kwargs in ({}, dict(copy=0), dict(copy=1), dict(copy=1))
    ]
    self.assertIs(graphs[0], graphs[1])
    self.assertIs(graphs[2], graphs[3])
    self.assertIsNot(graphs[0], graphs[2])

  def test_explicit_default_arguments_need_no_further_graph(self):
    points = np.float32([[1, 2], [3, 4]])
    graphs = [
        self._graph(points, **kwargs).session.graph
        for kwargs in ({}, dict(use_mini_batch=False), dict(random_seed=0))
    ]
    self.assertLen(set(graphs), 1)
    self.assertIsNot(
        self._graph(points, use_mini_batch=True).session.graph, graphs[0]
    )


if __name__ == '__main__':
  absltest.main()
