# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The k-means names of TensorFlow 1's `tf.contrib.factorization`."""

from typing import Any, Callable, Iterable, Iterator, Optional, Union

import numpy as np

from kmeans_estimator import kmeans
from kmeans_estimator.ops import clustering_ops

COSINE_DISTANCE = clustering_ops.COSINE_DISTANCE
KMEANS_PLUS_PLUS_INIT = clustering_ops.KMEANS_PLUS_PLUS_INIT
RANDOM_INIT = clustering_ops.RANDOM_INIT
SQUARED_EUCLIDEAN_DISTANCE = clustering_ops.SQUARED_EUCLIDEAN_DISTANCE

KMeans = clustering_ops.KMeans


class KMeansClustering(kmeans.KMeansClustering):
  """`kmeans_estimator.KMeansClustering` with the interface of `tf.contrib`.

  Two things differ. The argument `seed` is called `random_seed`, and its
  default is 0, so that every run makes the same draws. And `transform` returns
  squared Euclidean distances. `feature_columns` was added after TensorFlow 1.4,
  as the last argument.
  """

  CLUSTERS = kmeans.KMeansClustering.CLUSTER_CENTERS_VAR_NAME

  def __init__(
      self,
      num_clusters: int,
      model_dir: Optional[str] = None,
      initial_clusters: clustering_ops.InitialClusters = RANDOM_INIT,
      distance_metric: str = SQUARED_EUCLIDEAN_DISTANCE,
      random_seed: Optional[int] = 0,
      use_mini_batch: bool = True,
      mini_batch_steps_per_iteration: int = 1,
      kmeans_plus_plus_num_retries: int = 2,
      relative_tolerance: Optional[float] = None,
      config: Optional[Any] = None,
      feature_columns: Optional[Union[Any, Iterable[Any]]] = None,
  ):
    """Creates the Estimator.

    The arguments are those of `kmeans_estimator.KMeansClustering`, but `seed`
    is called `random_seed`.

    Raises:
      TypeError: an argument has the wrong type; the message names the argument.
      ValueError: an argument has a value that is not allowed; the message names
        the argument.
    """
    super().__init__(
        num_clusters=num_clusters,
        model_dir=model_dir,
        initial_clusters=initial_clusters,
        distance_metric=distance_metric,
        seed=random_seed,
        use_mini_batch=use_mini_batch,
        mini_batch_steps_per_iteration=mini_batch_steps_per_iteration,
        kmeans_plus_plus_num_retries=kmeans_plus_plus_num_retries,
        relative_tolerance=relative_tolerance,
        config=config,
        feature_columns=feature_columns,
    )

  def transform(self, input_fn: Callable[..., Any]) -> Iterator[np.ndarray]:
    """Yields the distances of each point to all centers.

    Args:
      input_fn: returns the points, as for `predict`.

    Yields:
      For each point a vector `[k]` of squared Euclidean or cosine distances.

    Raises:
      ValueError: the model has not been trained, or was trained on points with
        a different number of columns.
    """
    for batch in self._predicted_batches(input_fn, self.ALL_DISTANCES):
      yield from batch
