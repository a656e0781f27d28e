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
  """An Estimator that clusters points by k-means.

  Example:

  ```python
  import numpy as np
  import kmeans_estimator

  points = np.random.uniform(0, 1000, [100, 2]).astype(np.float32)
  every_point = kmeans_estimator.inputs.array_input_fn(points)

  kmeans = kmeans_estimator.KMeans(num_clusters=5, use_mini_batch=False)
  for _ in range(5):
    kmeans.train(every_point, steps=1)
    print('score:', kmeans.score(every_point))
  print('centers:', kmeans.cluster_centers())
  for point, index in zip(points, kmeans.predict_cluster_index(every_point)):
    print(point, 'is in cluster', index)
  ```

  The features that an `input_fn` returns are a tensor or SparseTensor `[n, d]`,
  or a dict of tensors and SparseTensors `[n]` or `[n, m]`, of any float,
  integer or bool dtype. Labels are ignored. float64 features are clustered in
  float64, features of any other dtype in float32. With `feature_columns` all
  features are clustered in float32.
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

    With `use_mini_batch=False`, every training step is one Lloyd iteration over
    its batch. So every batch that `input_fn` returns must hold all points.

    With `use_mini_batch=True`, batches may be small. Each step moves a copy of
    the centers towards the points of its batch. After every
    `mini_batch_steps_per_iteration` steps, the copy replaces the centers of the
    model. With 1 (the default), this is the usual mini-batch algorithm. With
    the number of batches in an epoch, it approximates full-batch training, with
    one pass over the data per iteration. `clustering_ops.KMeans` names the
    papers.

    Args:
      num_clusters: k, a positive integer. Ignored if `initial_clusters` is an
        array or tensor.
      model_dir: the folder for checkpoints, summaries and exports of the model.
      initial_clusters: the initial centers, or the method that chooses them:
        * `RANDOM_INIT`: distinct points of the first batch, drawn uniformly. If
          a batch has fewer points than centers are missing, all its points
          become centers, and the next batches give the missing centers.
        * `KMEANS_PLUS_PLUS_INIT`: k-means++ on the first batch, which must hold
          at least k points.
        * `KMC2_INIT`: k-MC2, one center from every 200 points of a batch.
        * an array, tensor or list `[k, d]` of numbers.
        * a function `f(inputs, k)`. `inputs` is a list with one matrix
          `[n, d]`, the batch; `k` is the number of missing centers. The
          function returns from 0 to `k` centers as a matrix. It is called on
          further batches while centers are missing.
      distance_metric: `SQUARED_EUCLIDEAN_DISTANCE`, or `COSINE_DISTANCE`: one
        minus the cosine of the angle between point and center.
      seed: integer seed of the random draws that choose the initial centers.
        None: the draws depend on `config.tf_random_seed`; if that is None too,
        they differ from run to run.
      use_mini_batch: True if a batch is a sample of the data, False if every
        batch is all of the data.
      mini_batch_steps_per_iteration: see above.
      kmeans_plus_plus_num_retries: the number of extra candidates that
        k-means++ draws for each center; the best candidate becomes the center.
        Negative: `2 + floor(ln k)`.
      relative_tolerance: training stops when the relative change of the loss
        from one iteration to the next is below this number; with 0, when the
        loss does not change at all. Batches without points are not compared.
        Intended for full-batch training: the losses of mini-batches vary at
        random. None: training does not stop early.
      config: an `estimator.RunConfig`.
      feature_columns: one or several `tf.feature_column` columns, which convert
        a dict of features to a matrix. None: the matrix consists of all
        features, in the lexicographic order of their keys.

    Raises:
      TypeError: an argument has the wrong type; the message names the argument.
      ValueError: an argument has a value that is not allowed; the message names
        the argument.
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
    """Creates the Estimator; constructors of this class and subclasses call it.

    Args:
      parameters: the parameters of k-means.
      model_dir: as for the constructor.
      config: as for the constructor.
      feature_columns: as for the constructor.
      weight_column: see `features.split_weights`.

    Raises:
      TypeError: an argument has the wrong type; the message names the argument.
      ValueError: an argument has a value that is not allowed; the message names
        the argument.
    """
    for name in ('num_clusters', 'initial_clusters'):
      if tf.is_tensor(getattr(parameters, name)):
        raise ValueError(
            f'{name} must have a value now: the Estimator builds new graphs, '
            'which cannot use a tensor of the current graph. Give a number, a '
            f'NumPy array or a constant, got {getattr(parameters, name)!r}.'
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
    """Predicts the index of the nearest center of each point.

    Args:
      input_fn: returns the points, as for `predict`.

    Yields:
      For each point the index of its nearest center, from 0 to k - 1.

    Raises:
      ValueError: the model has not been trained, or was trained on points with
        a different number of columns.
    """
    for batch in self._predicted_batches(input_fn, self.CLUSTER_INDEX):
      yield from batch

  def score(self, input_fn: Callable[..., Any]) -> np.floating:
    """Sums the distances of the points to their nearest centers.

    The distances are squared Euclidean distances or cosine distances. The sum
    is not negative; scikit-learn's `score` is the negative of such a sum.

    Args:
      input_fn: returns the points, as for `evaluate`. Only its first batch is
        read.

    Returns:
      The sum over the points of the first batch.

    Raises:
      ValueError: the model has not been trained, or was trained on points with
        a different number of columns.
      tf.errors.InvalidArgumentError: the batch holds NaN or Inf.
    """
    return self.evaluate(input_fn=input_fn, steps=1)[self.SCORE]

  def transform(self, input_fn: Callable[..., Any]) -> Iterator[np.ndarray]:
    """Computes the distances of each point to all centers.

    The distances are Euclidean distances (not squared, as in scikit-learn), or
    cosine distances.

    Args:
      input_fn: returns the points, as for `predict`.

    Yields:
      For each point a vector `[k]` of its distances to the centers.

    Raises:
      ValueError: the model has not been trained, or was trained on points with
        a different number of columns.
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
    """Makes a model function that runs this model in a `TPUEstimator`.

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

    Each training step is one k-means step over the points of all cores. With
    `use_tpu=False`, the `TPUEstimator` computes what this Estimator computes.
    On a TPU, a batch with NaN or Inf has the loss NaN and moves no centers. A
    TPU trains in loops of `iterations_per_loop` steps; `relative_tolerance`
    compares the losses of the last steps of two successive loops.

    Args:
      input_fn: a function of `params` that returns points. Before training on a
        TPU, the host chooses the initial centers from these points. Pass the
        `input_fn` of `train`, or an `input_fn` that returns larger batches.

    Returns:
      A model function with the argument `params`. The `TPUEstimator` and this
      Estimator share no variables, but each can read the other's checkpoints.
    """
    return tpu.make_model_fn(self._model, input_fn)

  def _predicted_batches(self, input_fn, key):
    for batch in self.predict(
        input_fn, predict_keys=[key], yield_single_examples=False
    ):
      yield batch[key]


def _list_of_columns(feature_columns) -> Optional[List[Any]]:
  """Returns a list, because each graph iterates over the columns again."""
  if feature_columns is None:
    return None
  # A single column is a tuple too. Unlike a tuple of columns, it has a name.
  if hasattr(feature_columns, 'name'):
    return [feature_columns]
  return list(feature_columns)
