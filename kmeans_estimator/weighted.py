# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""WeightedKMeans: points that count for more or less, and several starts."""

from typing import Any, Iterable, Optional, Union

from kmeans_estimator import kmeans
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import parameters as parameters_lib


class WeightedKMeans(kmeans.KMeansClustering):
  """`KMeansClustering` for points with weights.

  Example:

  ```python
  import numpy as np
  import kmeans_estimator

  features = {
      'x': np.random.uniform(0, 1000, [100, 2]).astype(np.float32),
      'times_seen': np.random.randint(1, 9, [100]),
  }
  kmeans = kmeans_estimator.WeightedKMeans(
      num_clusters=5, weight_column='times_seen', num_starts=3
  )
  every_point = kmeans_estimator.inputs.array_input_fn(features)
  kmeans.train(every_point, steps=10)
  print('score:', kmeans.score(every_point))
  ```

  A point of weight 2 counts as two points, a point of weight 0 as none. Weights
  are finite and not negative, and some weight of a batch is above 0; a step on
  other weights fails, names the rows, and changes nothing. `train`, `evaluate`
  and `score` need the weights: the loss is the sum of weight times distance.
  Predictions ignore them, features may hold them or not, and an export for
  serving takes points alone.

  With `use_mini_batch=True` the checkpoint's counts are sums of weights, in
  float64. Multiplying all weights by a factor changes no center. Therefore,
  with `mini_batch_steps_per_iteration=1`, an initial center counts as a point
  of the lightest weight above 0 in the first batch. `KMeansClustering` counts
  it as one point.
  """

  def __init__(
      self,
      num_clusters: int,
      model_dir: Optional[str] = None,
      initial_clusters: clustering_ops.InitialClusters = (
          kmeans.KMeansClustering.RANDOM_INIT
      ),
      distance_metric: str = kmeans.KMeansClustering.SQUARED_EUCLIDEAN_DISTANCE,
      seed: Optional[int] = None,
      use_mini_batch: bool = True,
      mini_batch_steps_per_iteration: int = 1,
      kmeans_plus_plus_num_retries: int = 2,
      relative_tolerance: Optional[float] = None,
      config: Optional[Any] = None,
      feature_columns: Optional[Union[Any, Iterable[Any]]] = None,
      *,
      weight_column: Any = None,
      num_starts: int = 1,
  ):
    """Validates the arguments and creates the Estimator.

    Args:
      num_clusters: as in `KMeansClustering`.
      model_dir: likewise.
      initial_clusters: likewise. Random points are drawn in proportion to their
        weights, those of k-means++ and k-MC2 in proportion to weight times
        squared distance, and points of weight 0 never.
      distance_metric: likewise.
      seed: likewise; it fixes the draws of every start.
      use_mini_batch: likewise.
      mini_batch_steps_per_iteration: likewise.
      kmeans_plus_plus_num_retries: likewise.
      relative_tolerance: likewise.
      config: likewise.
      feature_columns: likewise. The weights are no coordinate, so none of the
        columns may use them.
      weight_column: the key of the feature that holds the weights, or a
        `tf.feature_column.numeric_column`; its shape is `[n]` or `[n, 1]`.
        None: all points count alike, and checkpoints are those of
        `KMeansClustering`.
      num_starts: how many times to draw the initial centers from the first
        batch. Each start makes a few of Lloyd's steps on that batch, and the
        start with the least loss on it is kept. The batch must give all the
        centers: it must hold at least k points of weight above 0, or for k-MC2
        200 for each center. A smaller batch is drawn from once, as with
        `num_starts=1`; k-MC2 is mostly used so. More than 1 only where
        `initial_clusters` is the name of a method.

    Raises:
      TypeError: an argument has a wrong type; the message names it.
      ValueError: an argument has a value that is not allowed; likewise.
    """
    self._set_up(
        parameters_lib.Parameters(
            num_clusters=num_clusters,
            initial_clusters=initial_clusters,
            distance_metric=distance_metric,
            seed=seed,
            use_mini_batch=use_mini_batch,
            mini_batch_steps_per_iteration=mini_batch_steps_per_iteration,
            kmeans_plus_plus_num_retries=kmeans_plus_plus_num_retries,
            relative_tolerance=relative_tolerance,
            num_starts=num_starts,
        ),
        model_dir,
        config,
        feature_columns,
        weight_column,
    )
