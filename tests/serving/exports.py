# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trained models and their SavedModels, for tests that load SavedModels.

Each process trains and exports each model once.
"""

import functools
import itertools
import os
import tempfile
from typing import Any, Callable, Dict, FrozenSet, List, Tuple

import numpy as np
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator as estimator_lib
from tests.helpers import numpy_model
from tests.helpers import testing

K, D = 5, 4
SIGNATURES = ('all_distances', 'cluster_index')
# The models that every loader is tested with.
METRICS = numpy_model.METRICS
DTYPES = (np.float32, np.float64)
BATCHES = (0, 1, 10_000)


def receiver(
    dtype: Any = np.float32, columns: Any = D
) -> Callable[[], estimator_lib.export.ServingInputReceiver]:
  """Returns a serving input receiver of a matrix named `points`."""

  def serving_input_receiver_fn():
    points = tf.compat.v1.placeholder(dtype, [None, columns], 'points')
    return estimator_lib.export.ServingInputReceiver(points, {'points': points})

  return serving_input_receiver_fn


@functools.lru_cache(maxsize=None)
def _model_dir(metric, dtype, k, d):
  points, centers = testing.blobs(max(200, 2 * k), d, k, seed=0, dtype=dtype)
  kmeans = kmeans_estimator.KMeans(
      k,
      tempfile.mkdtemp(),
      initial_clusters=centers,
      distance_metric=metric,
      config=testing.run_config(),
  )
  batches = testing.input_fn(points[: len(points) // 2], points)
  return kmeans.train(batches).model_dir


def model(
    metric: str = METRICS[0],
    dtype: Any = np.float32,
    kmeans_class: Callable[..., Any] = kmeans_estimator.KMeans,
    k: int = K,
    d: int = D,
    **kwargs: Any,
) -> Any:
  """Returns an Estimator, of either class, with a checkpoint of two steps."""
  return kmeans_class(
      k,
      _model_dir(metric, dtype, k, d),
      distance_metric=metric,
      config=testing.run_config(),
      **kwargs,
  )


@functools.lru_cache(maxsize=None)
def saved_model(
    metric: str = METRICS[0],
    dtype: Any = np.float32,
    kmeans_class: Callable[..., Any] = kmeans_estimator.KMeans,
    k: int = K,
    d: int = D,
) -> str:
  """Exports `model` with `receiver`; returns the folder of the SavedModel."""
  path = model(metric, dtype, kmeans_class, k, d).export_saved_model(
      tempfile.mkdtemp(), receiver(dtype, d)
  )
  return os.fsdecode(path)


def meta_graphs(path: Any) -> Dict[FrozenSet[str], Any]:
  """Returns the graphs of a SavedModel by their tags."""
  file = os.path.join(os.fsdecode(path), 'saved_model.pb')
  # The parser that tf.saved_model.load uses; there is no public parser.
  from tensorflow.core.protobuf import saved_model_pb2  # pylint: disable=g-import-not-at-top

  proto = saved_model_pb2.SavedModel()
  with open(file, 'rb') as f:
    proto.ParseFromString(f.read())
  return {frozenset(g.meta_info_def.tags): g for g in proto.meta_graphs}


def points(n: int, dtype: Any = np.float32, seed: int = 1) -> np.ndarray:
  """Returns points `[n, D]` in a region larger than that of the clusters."""
  return np.random.RandomState(seed).normal(0, 4, [n, D]).astype(dtype)


def expected(metric: str, dtype: Any, batch: np.ndarray) -> np.ndarray:
  """Returns float64 distances to the model's centers; NaN in rows with NaN."""
  centers = model(metric, dtype).cluster_centers()
  distances = numpy_model.distances(batch, centers, metric)
  distances[np.isnan(batch).any(axis=1)] = np.nan
  return distances


def questions(dtype: Any) -> List[Tuple[str, np.ndarray]]:
  """Returns signatures and batches for a loaded model: several sizes, NaN."""
  batches = [points(n, dtype) for n in BATCHES]
  batches.append(points(7, dtype))
  batches[-1][3, 2] = np.nan
  return list(itertools.product(SIGNATURES, batches))


def assert_answers(
    answer: Callable[[str, np.ndarray], np.ndarray], metric: str, dtype: Any
) -> None:
  """Runs a loaded model and checks values, dtypes and shapes.

  Args:
    answer: function that returns the output of a signature for a batch.
    metric: the distance metric of the model.
    dtype: the dtype of the model and of the batches.
  """
  check([answer(*question) for question in questions(dtype)], metric, dtype)


def check(answers: List[np.ndarray], metric: str, dtype: Any) -> None:
  """Checks the answers to all `questions`; see `assert_answers`."""
  tolerance = 2e-5 if dtype == np.float32 else 1e-12
  asked = questions(dtype)
  assert len(asked) == len(answers), len(answers)
  for (signature, batch), answer in zip(asked, answers):
    truth = expected(metric, dtype, batch)
    good = ~np.isnan(truth).any(axis=1)
    if signature == 'all_distances':
      np.testing.assert_equal(
          (answer.dtype, answer.shape), (dtype, truth.shape)
      )
      # assert_allclose treats NaN as equal to NaN only.
      np.testing.assert_allclose(answer, truth, tolerance, tolerance)
    else:
      np.testing.assert_equal(
          (answer.dtype, answer.shape), (np.int64, (len(batch),))
      )
      np.testing.assert_array_equal(answer[good], truth[good].argmin(axis=1))
