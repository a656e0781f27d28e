# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests prediction, evaluation and export against the reference."""

import functools
import os
import tempfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from tests.helpers import numpy_model
from tests.helpers import sessions
from tests.helpers import testing

# Of the checkpoints that tests share.
_FOLDER = tempfile.TemporaryDirectory()
# This package and the reference.
ESTIMATORS = kmeans_estimator.KMeans, testing.ReferenceKMeans
MODES = {
    'full batch': dict(use_mini_batch=False),
    'mini-batch': dict(use_mini_batch=True),
    'three steps': dict(use_mini_batch=True, mini_batch_steps_per_iteration=3),
}


@functools.lru_cache(maxsize=None)
def train(n, d, k, seed, **kwargs):
  """Trains two steps with the reference, which writes a checkpoint.

  No test changes the checkpoint, so tests share it.

  Returns:
    The folder of the checkpoint, the points, and the centers after training.
  """
  points, centers = testing.blobs(n, d, k, seed)
  if kwargs['distance_metric'] == numpy_model.COSINE:
    # With one column a negative point is equally far from all positive centers,
    # and rounding would break the tie in the reference.
    points, centers = abs(points), abs(centers)
  model_dir = tempfile.mkdtemp(dir=_FOLDER.name)
  graph = testing.TrainingGraph(
      testing.reference_ops.KMeans,
      points,
      len(centers),
      initial_clusters=centers,
      **kwargs,
  )
  with graph.session:
    graph.initialize(points)
    graph.step(points[: len(points) // 2 + 1])
    graph.step(points[len(points) // 2 :])
    graph.save(os.path.join(model_dir, 'model.ckpt'))
    return model_dir, points, graph.values()['clusters']


def answers_of_reference(reference, points):
  """Returns the reference's predictions and score of a batch.

  The reference builds its whole training graph for each call of its methods.
  This function builds it once, with the model function of the reference.

  Args:
    reference: an Estimator of the reference, with a checkpoint.
    points: the batch.
  """
  with tf.Graph().as_default():
    tf.compat.v1.train.create_global_step()
    batch = tf.compat.v1.placeholder(points.dtype, [None, points.shape[1]])
    spec = reference.model_fn(batch, None, 'eval', reference.config)
    _, update_score = spec.eval_metric_ops['score']
    saver = tf.compat.v1.train.Saver()
    with tf.compat.v1.Session(config=sessions.session_config()) as session:
      session.run(tf.compat.v1.local_variables_initializer())
      saver.restore(session, reference.latest_checkpoint())
      return session.run([spec.predictions, update_score], {batch: points})


def stack(rows):
  return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def export(kmeans, d, folder):
  """Exports a model; returns its signatures and its answers."""

  def receive():
    points = tf.compat.v1.placeholder(tf.float32, [None, d])
    return estimator_lib.export.TensorServingInputReceiver(points, points)

  path = kmeans.export_saved_model(folder, receive)
  session = tf.compat.v1.Session(graph=tf.Graph())
  with session.graph.as_default():
    loaded = tf.compat.v1.saved_model.load(session, ['serve'], path)
  return loaded.signature_def, session


def shape_of(signature):
  """Returns the parts of a signature that a client depends on."""
  return (
      signature.method_name,
      {name: info.dtype for name, info in signature.inputs.items()},
      {name: info.dtype for name, info in signature.outputs.items()},
  )


class PredictionTest(parameterized.TestCase):

  @parameterized.product(
      [dict(metric=metric) for metric in numpy_model.METRICS],
      [dict(mode=mode, n=40, d=3, k=5) for mode in MODES] + [
          dict(mode='mini-batch', n=1, d=1, k=1),
          dict(mode='mini-batch', n=200, d=12, k=8),
      ],
  )
  def test_predictions_and_scores_equal_the_reference(
      self, metric, mode, n, d, k
  ):
    kwargs = dict(distance_metric=metric, **MODES[mode])
    model_dir, points, centers = train(n, d, k, n, **kwargs)
    ours, reference = (
        kmeans_class(k, model_dir, config=testing.run_config(), **kwargs)
        for kmeans_class in ESTIMATORS
    )
    np.testing.assert_array_equal(ours.cluster_centers(), centers)

    ask = testing.input_fn(points)
    actual = stack(list(ours.predict(ask)))
    expected, score = answers_of_reference(reference, points)
    self.assertCountEqual(actual, expected)
    for key, value in expected.items():
      self.assertEqual(actual[key].dtype, value.dtype, key)
      np.testing.assert_allclose(actual[key], value, 1e-4, 1e-4, err_msg=key)

    truth = numpy_model.distances(points, centers, metric)
    transformed = np.stack(list(ours.transform(ask)))
    self.assertEqual(transformed.dtype, np.float32)
    if metric == numpy_model.SQUARED_EUCLIDEAN:
      transformed **= 2
    np.testing.assert_allclose(transformed, truth, 1e-4, 1e-4)
    np.testing.assert_array_equal(
        list(ours.predict_cluster_index(ask)), expected['cluster_index']
    )
    np.testing.assert_allclose(ours.score(ask), score, 1e-4, 1e-4)

  @parameterized.product(metric=numpy_model.METRICS, steps=(1, 2, None))
  def test_evaluation_returns_the_mean_loss_of_batches(self, metric, steps):
    kwargs = dict(distance_metric=metric, use_mini_batch=False)
    # The checkpoint of the first test.
    model_dir, points, _ = train(40, 3, 5, 40, **kwargs)
    ask = testing.input_fn(points[:10], points[10:15], points[15:])
    actual, expected = (
        kmeans_class(
            5, model_dir, config=testing.run_config(), **kwargs
        ).evaluate(ask, steps=steps)
        for kmeans_class in ESTIMATORS
    )
    self.assertCountEqual(actual, expected)
    for key, value in expected.items():
      self.assertEqual(type(actual[key]), type(value), key)
      np.testing.assert_allclose(actual[key], value, 1e-4, err_msg=key)

  @parameterized.product(metric=numpy_model.METRICS, mode=tuple(MODES))
  def test_exports_equal_those_of_the_reference(self, metric, mode):
    kwargs = dict(distance_metric=metric, **MODES[mode])
    # The checkpoint of the first test.
    model_dir, *_ = train(40, 3, 5, 40, **kwargs)
    (ours, our_session), (reference, session) = (
        export(
            kmeans_class(5, model_dir, config=testing.run_config(), **kwargs),
            3,
            testing.temporary_folder(self),
        )
        for kmeans_class in ESTIMATORS
    )
    self.assertCountEqual(ours, reference)
    random = np.random.RandomState(3).normal(0, 3, [1000, 3])
    for name in reference:
      self.assertEqual(shape_of(ours[name]), shape_of(reference[name]), name)
      actual, expected = (
          run.run(
              signatures[name].outputs['output'].name,
              {signatures[name].inputs['input'].name: random},
          )
          for signatures, run in ((ours, our_session), (reference, session))
      )
      np.testing.assert_allclose(actual, expected, 1e-4, 1e-4, err_msg=name)


if __name__ == '__main__':
  absltest.main()
