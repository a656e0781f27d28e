# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""WeightedKMeans: KMeans with weighted points and with several starts."""

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

  A point of weight 2 counts as two points, a point of weight 0 as no point.
  Weights must be finite and not negative, and every batch must have a weight
  above 0. Otherwise the step fails with an error that names the rows, and
  changes nothing.

  `train`, `evaluate` and `score` need the weights: the loss is the sum of
  weight times distance. Predictions ignore weights, so the features may lack
  them. A model exported for serving takes points without weights.

  With `use_mini_batch=True`, the counts in a checkpoint are sums of weights, in
  float64. Multiplying all weights by a factor changes no center. To ensure
  this with `mini_batch_steps_per_iteration=1`, an initial center counts as a
  point of the lightest weight above 0 in the first batch. In
  `KMeansClustering`, an initial center counts as one point.
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
      model_dir: as in `KMeansClustering`.
      initial_clusters: as in `KMeansClustering`. Random points are drawn in
        proportion to weight, the points of k-means++ and k-MC2 in proportion to
        weight times squared distance. Points of weight 0 are never drawn.
      distance_metric: as in `KMeansClustering`.
      seed: as in `KMeansClustering`; it determines the draws of every start.
      use_mini_batch: as in `KMeansClustering`.
      mini_batch_steps_per_iteration: as in `KMeansClustering`.
      kmeans_plus_plus_num_retries: as in `KMeansClustering`.
      relative_tolerance: as in `KMeansClustering`.
      config: as in `KMeansClustering`.
      feature_columns: as in `KMeansClustering`. Weights are not coordinates, so
        no feature column may use them.
      weight_column: the key of the feature that holds the weights, or a
        `tf.feature_column.numeric_column`. The feature has shape `[n]` or
        `[n, 1]`. None: every point has weight 1, and checkpoints have the
        format of `KMeansClustering`.
      num_starts: the number of times to draw the initial centers from the first
        batch. Each start makes a few Lloyd iterations on that batch, and the
        start with the lowest loss on the batch is kept. The batch must give all
        centers: it must hold at least k points of weight above 0, for k-MC2 at
        least 200 of them per center. If the batch is smaller, centers are drawn
        once, as with `num_starts=1`; this is the usual case for k-MC2. Numbers
        above 1 are allowed only if `initial_clusters` is the name of a method.

    Raises:
      TypeError: an argument has the wrong type; the message names the argument.
      ValueError: an argument has a value that is not allowed; the message names
        the argument.
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
