# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""KMeansClustering, an Estimator."""

from typing import Any, Callable, Iterable, Iterator, List, Optional, Union

import numpy as np
import tensorflow as tf

from kmeans_estimator import _model_description
from kmeans_estimator import _session
from kmeans_estimator import features as features_lib
from kmeans_estimator import model_fn as model_fn_lib
from kmeans_estimator import strategies
from kmeans_estimator import tpu
from kmeans_estimator.ops import clustering_ops
from kmeans_estimator.ops import parameters as parameters_lib


class KMeansClustering(_session.Estimator):
  """An Estimator that clusters points around k centers.

  Example:

  ```python
  import numpy as np
  import kmeans_estimator

  points = np.random.uniform(0, 1000, [100, 2]).astype(np.float32)
  every_point = kmeans_estimator.inputs.array_input_fn(points)

  kmeans = kmeans_estimator.KMeans(num_clusters=5, use_mini_batch=False)
  for _ in range(10):
    kmeans.train(every_point, steps=1)
    print('score:', kmeans.score(every_point))
  print('centers:', kmeans.cluster_centers())
  for point, index in zip(points, kmeans.predict_cluster_index(every_point)):
    print(point, 'is in cluster', index)
  ```

  The features that an `input_fn` returns may be a matrix `[n, d]`, a
  SparseTensor, or a dict of these and of vectors `[n]`, of any float, integer
  or bool dtype. Labels are ignored. float64 is clustered in float64 and
  everything else in float32.
  """

  SQUARED_EUCLIDEAN_DISTANCE = clustering_ops.SQUARED_EUCLIDEAN_DISTANCE
  COSINE_DISTANCE = clustering_ops.COSINE_DISTANCE
  RANDOM_INIT = clustering_ops.RANDOM_INIT
  KMEANS_PLUS_PLUS_INIT = clustering_ops.KMEANS_PLUS_PLUS_INIT
  KMC2_INIT = clustering_ops.KMC2_INIT
  SCORE = model_fn_lib.SCORE
  CLUSTER_INDEX = model_fn_lib.CLUSTER_INDEX
  ALL_DISTANCES = model_fn_lib.ALL_DISTANCES
  CLUSTER_CENTERS_VAR_NAME = clustering_ops.CLUSTERS_VAR_NAME

  def __init__(
      self,
      num_clusters: int,
      model_dir: Optional[str] = None,
      initial_clusters: clustering_ops.InitialClusters = RANDOM_INIT,
      distance_metric: str = SQUARED_EUCLIDEAN_DISTANCE,
      seed: Optional[int] = None,
      use_mini_batch: bool = True,
      mini_batch_steps_per_iteration: int = 1,
      kmeans_plus_plus_num_retries: int = 2,
      relative_tolerance: Optional[float] = None,
      config: Optional[Any] = None,
      feature_columns: Optional[Union[Any, Iterable[Any]]] = None,
  ):
    """Validates the arguments and creates the Estimator.

    With `use_mini_batch=False` every training step is one of Lloyd's iterations
    and takes its batch for the whole of the data, so `input_fn` has to return
    all of it each time. With `use_mini_batch=True` batches may be small. Each
    step then moves a copy of the centers towards the points of its batch, and
    after every `mini_batch_steps_per_iteration` steps the model's centers
    become what the copy is. With 1 (the default) that is the usual mini-batch
    algorithm; with the number of batches of an epoch it comes close to full
    batch, one pass over the data for each iteration. For the sources see
    `clustering_ops.KMeans`.

    Args:
      num_clusters: k, a positive integer. Ignored if `initial_clusters` is an
        array or tensor.
      model_dir: where checkpoints, summaries and exports of the model go.
      initial_clusters: where the centers start. One of
        * `RANDOM_INIT`: distinct points of the first batch, uniformly drawn. A
          batch of no more points than are missing is taken whole, and the rest
          comes from the next ones.
        * `KMEANS_PLUS_PLUS_INIT`: k-means++ on the first batch, which must hold
          at least k points.
        * `KMC2_INIT`: k-MC2, one center from every 200 points of a batch.
        * an array, tensor or list `[k, d]` of numbers.
        * a function `f(inputs, k)` of a list with one matrix `[n, d]`, the
          batch, and the number of centers that are missing. It returns any
          number of rows from 0 to k and is called on further batches while
          centers are missing.
      distance_metric: `SQUARED_EUCLIDEAN_DISTANCE`, or `COSINE_DISTANCE`: one
        minus the cosine of the angle between point and center.
      seed: integer that fixes the draws of the initialisation. None: they
        depend on `config.tf_random_seed`, or if that is None too, on chance.
      use_mini_batch: whether batches are a part of the data or all of it.
      mini_batch_steps_per_iteration: see above.
      kmeans_plus_plus_num_retries: for each center of k-means++, how many
        points are drawn in addition to the first before the best one is taken.
        Negative: `2 + floor(ln k)`.
      relative_tolerance: training stops when the loss of a step differs by
        less than this, relatively, from that of the step before; with 0, when
        the loss does not change at all. Meant for full-batch training; the
        losses of mini-batches differ by chance.
      config: an `estimator.RunConfig`.
      feature_columns: `tf.feature_column` columns, or a single one, by which a
        dict of features becomes a matrix. None: every feature as it is, in the
        order of the keys.

    Raises:
      TypeError: an argument has a wrong type; the message names it.
      ValueError: an argument has a value that is not allowed; likewise.
    """
    parameters = parameters_lib.Parameters(
        num_clusters=num_clusters,
        initial_clusters=initial_clusters,
        distance_metric=distance_metric,
        seed=seed,
        use_mini_batch=use_mini_batch,
        mini_batch_steps_per_iteration=mini_batch_steps_per_iteration,
        kmeans_plus_plus_num_retries=kmeans_plus_plus_num_retries,
        relative_tolerance=relative_tolerance,
    )
    self._set_up(parameters, model_dir, config, feature_columns)

  def _set_up(
      self,
      parameters: parameters_lib.Parameters,
      model_dir: Optional[str],
      config: Optional[Any],
      feature_columns: Optional[Union[Any, Iterable[Any]]],
      weight_column: Any = None,
  ) -> None:
    """Creates the Estimator, for this constructor and those of subclasses.

    Args:
      parameters: how to cluster.
      model_dir: as for the constructor.
      config: likewise.
      feature_columns: likewise.
      weight_column: see `features.split_weights`.

    Raises:
      TypeError: an argument has a wrong type; the message names it.
      ValueError: an argument has a value that is not allowed; likewise.
    """
    for name in ('num_clusters', 'initial_clusters'):
      if tf.is_tensor(getattr(parameters, name)):
        raise ValueError(
            f'{name} must be known when the Estimator is made, which builds '
            'graphs of its own; got a tensor of another graph, without a value.'
        )
    strategies.check_supported(config)
    features_lib.check_weight_column(weight_column)
    self._model = model_fn_lib.Model(
        parameters, _list_of_columns(feature_columns), weight_column
    )
    super().__init__(
        model_fn=model_fn_lib.make_model_fn(self._model),
        model_dir=model_dir,
        config=config,
    )
    _model_description.check_folder(self.model_dir)

  def predict_cluster_index(
      self, input_fn: Callable[..., Any]
  ) -> Iterator[np.int64]:
    """Says for each point which center is the nearest.

    Args:
      input_fn: gives the points, as for `predict`.

    Yields:
      The index of the nearest center, from 0 to k - 1, point by point.

    Raises:
      ValueError: the model has not been trained, or on points with another
        number of columns.
    """
    for batch in self._predicted_batches(input_fn, self.CLUSTER_INDEX):
      yield from batch

  def score(self, input_fn: Callable[..., Any]) -> np.floating:
    """Sums up the distances of points to their nearest centers.

    The sum is of squared Euclidean, or of cosine distances, and positive, where
    scikit-learn's `score` is its negative.

    Args:
      input_fn: gives the points, as for `evaluate`. Only its first batch is
        read.

    Returns:
      The sum over the first batch.

    Raises:
      ValueError: the model has not been trained, or on points with another
        number of columns.
      tf.errors.InvalidArgumentError: the batch holds NaN or Inf.
    """
    return self.evaluate(input_fn=input_fn, steps=1)[self.SCORE]

  def transform(self, input_fn: Callable[..., Any]) -> Iterator[np.ndarray]:
    """Gives the distances of each point to all centers.

    These are Euclidean distances (as in scikit-learn, not squared), or cosine
    distances.

    Args:
      input_fn: gives the points, as for `predict`.

    Yields:
      A vector `[k]` of distances, point by point.

    Raises:
      ValueError: the model has not been trained, or on points with another
        number of columns.
    """
    for batch in self._predicted_batches(input_fn, self.ALL_DISTANCES):
      metric = self._model.parameters.distance_metric
      if metric == self.SQUARED_EUCLIDEAN_DISTANCE:
        batch = np.sqrt(batch)
      yield from batch

  def cluster_centers(self) -> np.ndarray:
    """Returns the centers of the latest checkpoint, `[k, d]`.

    Raises:
      ValueError: the model has not been trained.
    """
    return self.get_variable_value(self.CLUSTER_CENTERS_VAR_NAME)

  def tpu_model_fn(self, input_fn: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the same model to a `TPUEstimator`.

    ```python
    def input_fn(params):
      points = tf.data.Dataset.from_tensor_slices(array).repeat()
      return points.batch(params['batch_size'], drop_remainder=True)

    kmeans = kmeans_estimator.KMeans(num_clusters=1024)
    on_tpu = estimator.tpu.TPUEstimator(
        kmeans.tpu_model_fn(input_fn),
        config=estimator.tpu.RunConfig(cluster=..., model_dir=...),
        train_batch_size=2**20,
        eval_batch_size=2**20,
        predict_batch_size=2**20,
    )
    on_tpu.train(input_fn, steps=100)
    ```

    One step is one of the algorithm on the points of all cores. With
    `use_tpu=False` the `TPUEstimator` does what this Estimator does. On a TPU
    a batch with NaN or Inf has a loss of NaN and moves no centers; and
    `relative_tolerance` compares the last steps of successive loops.

    Args:
      input_fn: a function of `params` that gives the points from which the
        initial centers of training on a TPU are chosen, by the host: the one
        that is passed to `train`, or one that gives larger batches.

    Returns:
      A model function with `params`. It shares no variables with this
      Estimator; checkpoints of one can be read by the other.
    """
    return tpu.make_model_fn(self._model, input_fn)

  def _predicted_batches(self, input_fn, key):
    for batch in self.predict(
        input_fn, predict_keys=[key], yield_single_examples=False
    ):
      yield batch[key]


def _list_of_columns(feature_columns) -> Optional[List[Any]]:
  """What each graph can go through anew."""
  if feature_columns is None:
    return None
  # A column is a tuple itself, but one with a name.
  if hasattr(feature_columns, 'name'):
    return [feature_columns]
  return list(feature_columns)
