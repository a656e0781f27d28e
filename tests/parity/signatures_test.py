# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests names, signatures and constants against the reference."""

import inspect

from absl.testing import absltest
from absl.testing import parameterized

import kmeans_estimator
from kmeans_estimator.ops import clustering_ops
from tests.helpers import testing

METHODS = (
    '__init__',
    'cluster_centers',
    'eval_dir',
    'evaluate',
    'experimental_export_all_saved_models',
    'export_saved_model',
    'export_savedmodel',
    'get_variable_names',
    'get_variable_value',
    'latest_checkpoint',
    'predict',
    'predict_cluster_index',
    'score',
    'train',
    'transform',
)
FUNCTIONS = (
    'kmc2_chain_initialization',
    'kmeans_plus_plus_initialization',
    'nearest_neighbors',
)


def parameters(function):
  """Returns the names, kinds and defaults of parameters, in order."""
  return [
      (parameter.name, parameter.kind, parameter.default)
      for parameter in inspect.signature(function).parameters.values()
  ]


def public(cls, is_wanted):
  return {
      name: value
      for name, value in inspect.getmembers(cls, is_wanted)
      if not name.startswith('_')
  }


def is_text(value):
  return isinstance(value, str)


class SignaturesTest(parameterized.TestCase):

  def test_list_of_methods_is_complete(self):
    self.assertCountEqual(
        METHODS[1:], public(testing.ReferenceKMeans, inspect.isfunction)
    )

  @parameterized.parameters(*METHODS)
  def test_method_has_the_signature_of_the_reference(self, name):
    self.assertEqual(
        parameters(getattr(kmeans_estimator.KMeans, name)),
        parameters(getattr(testing.ReferenceKMeans, name)),
    )

  def test_class_constants_equal_those_of_the_reference(self):
    ours = public(kmeans_estimator.KMeans, is_text)
    self.assertEqual(ours.pop('KMC2_INIT'), 'kmc2')
    self.assertEqual(ours, public(testing.ReferenceKMeans, is_text))

  def test_both_names_are_one_class(self):
    self.assertIs(
        kmeans_estimator.KMeans, kmeans_estimator.KMeansClustering
    )

  @parameterized.parameters('__init__', 'training_graph')
  def test_graph_level_method_has_the_signature_of_the_reference(self, name):
    self.assertEqual(
        parameters(getattr(clustering_ops.KMeans, name)),
        parameters(getattr(testing.reference_ops.KMeans, name)),
    )

  @parameterized.parameters(*FUNCTIONS)
  def test_graph_level_function_takes_the_arguments_of_the_kernel(self, name):
    kernel = getattr(testing.reference_ops.gen_clustering_ops, name)
    # The kernels also have an argument `name`, which is only a label.
    expected = [item[:2] for item in parameters(kernel) if item[0] != 'name']
    ours = parameters(getattr(clustering_ops, name))
    self.assertEqual([item[:2] for item in ours][: len(expected)], expected)

  def test_graph_level_constants_equal_those_of_the_reference(self):
    for name, value in public(testing.reference_ops, is_text).items():
      self.assertEqual(getattr(clustering_ops, name), value, name)


if __name__ == '__main__':
  absltest.main()
