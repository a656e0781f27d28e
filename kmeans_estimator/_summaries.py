# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes summaries of the clusters for TensorBoard."""

import os
import re
from typing import Any, List, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from kmeans_estimator.ops import distances

# The name is a tuple because TensorFlow would store a collection named by a
# string in checkpoints and exports.
_COLLECTION = ('kmeans_estimator/training',)
_NUM_BUCKETS = 30
_PROJECTOR_CONFIG = 'projector_config.pbtxt'
_PROJECTOR_FOLDER = 'projector'
# Matches the lines that the hook writes to the configuration of the projector.
# All other lines belong to the user.
_OWN_LINE = re.compile(r'.*# ClusterSummaryHook, step (\d+)$')
# The largest number of embeddings on disk and in the list of the projector. The
# hook deletes older embeddings.
_MAX_EMBEDDINGS = 5


class Training(NamedTuple):
  """The parts of a training graph that hooks use.

  Attributes:
    clusters: variable `[k, d]`, the centers.
    totals: `[k]`, for each center the number of points of the batch allocated
      to it, or the sum of their weights, over all replicas.
    distance_metric: the distance metric of the Estimator.
    model_dir: the folder of the event files.
    is_chief: whether this task writes the event files.
  """

  clusters: tf.Variable
  totals: tf.Tensor
  distance_metric: str
  model_dir: str
  is_chief: bool


def offer(training: Training) -> None:
  """Adds a `Training` to a collection, where hooks find it; adds no op.

  Args:
    training: the parts of the default graph.
  """
  tf.compat.v1.add_to_collection(_COLLECTION, training)


class ClusterSummaryHook(tf.compat.v1.train.SessionRunHook):
  """Shows in TensorBoard how the clusters develop.

  ```python
  import numpy as np
  import kmeans_estimator
  from kmeans_estimator import hooks

  points = np.random.uniform(0, 1000, [10_000, 2]).astype(np.float32)
  batches = kmeans_estimator.inputs.array_input_fn(points, batch_size=256)
  kmeans = kmeans_estimator.KMeans(num_clusters=5)
  kmeans.train(
      batches, steps=500, hooks=[hooks.ClusterSummaryHook(save_steps=20)]
  )
  print('tensorboard --logdir', kmeans.model_dir)
  ```

  Every `save_steps` steps, and when training ends, the hook writes these
  summaries to the event files that also hold the losses:

  * `clusters/share_of_points`, a histogram over the clusters: each cluster's
    share of the points since the previous summary. The shares add up to 1; `k`
    clusters of equal size have the share `1 / k` each.
  * `clusters/empty`, a scalar: the number of clusters that got no point since
    the previous summary.
  * `clusters/moved`, a histogram over the clusters: the distance that each
    center has moved since the previous summary. It is a Euclidean distance; for
    the cosine metric, a cosine distance.
  * `clusters/moved_mean` and `clusters/moved_max`, scalars: the mean and the
    largest of these distances. They are 0 once full-batch training has
    converged, and fall towards 0 with mini-batches.

  In full-batch training, each step is one Lloyd iteration over all points, so
  `save_steps=1` shows every iteration.

  With `save_embedding_steps`, the hook also writes the centers for
  TensorBoard's projector, to `projector/` in the folder of the model. The
  projector can label and colour the centers by number, by share of the points,
  and by distance moved since the previous summary. It lists the centers of the
  latest five steps that the hook wrote. The hook does not change a user's lines
  in `projector_config.pbtxt`.

  The hook works on one device and under every supported strategy. Under
  `MirroredStrategy` and `MultiWorkerMirroredStrategy` it counts the points of
  all replicas; with parameter servers it counts the points of the chief. Only
  the chief writes. The hook adds no op to the graph. Each step fetches `k`
  numbers more than without the hook.
  """

  def __init__(
      self, save_steps: int = 100, save_embedding_steps: Optional[int] = None
  ):
    """Creates the hook; several successive calls of `train` may use it.

    Args:
      save_steps: the number of steps between two summaries.
      save_embedding_steps: the number of steps between two embeddings for the
        projector. The hook writes embeddings only together with summaries.
        None: no embeddings.

    Raises:
      ValueError: an argument is not positive.
    """
    for name, steps in (
        ('save_steps', save_steps),
        ('save_embedding_steps', save_embedding_steps),
    ):
      if steps is not None and steps < 1:
        raise ValueError(f'{name} must be positive, got {steps}.')
    self._save_steps = save_steps
    self._save_embedding_steps = save_embedding_steps
    self._training: Any = None

  def begin(self):
    """Finds the clusters in the graph.

    Raises:
      ValueError: the graph does not train KMeans.
    """
    offered = tf.compat.v1.get_collection(_COLLECTION)
    if not offered:
      raise ValueError(
          'ClusterSummaryHook found no training of KMeans in this graph. Pass '
          'the hook to KMeans.train or to TrainSpec; evaluate, predict and '
          'training on a TPU cannot use it.'
      )
    # The totals of all replicas are equal, so use those of the first replica.
    self._training = offered[0]
    self._global_step = tf.compat.v1.train.get_global_step()
    self._centers = None

  def before_run(self, run_context):
    if not self._training.is_chief:
      return None
    if self._centers is None:
      # Read the centers only now: other hooks choose the initial centers before
      # the first step.
      self._centers, self._saved_step = self._read(run_context.session)
      self._step = self._saved_step
      self._totals = np.zeros(len(self._centers))
    return tf.compat.v1.train.SessionRunArgs(self._training.totals)

  def after_run(self, run_context, run_values):
    if not self._training.is_chief:
      return
    self._totals += run_values.results
    # Count the steps of this task. With parameter servers, other workers make
    # steps too; `_save` reads `global_step`, which counts all steps.
    self._step += 1
    if self._step % self._save_steps == 0:
      self._save(run_context.session)

  def end(self, session):
    if self._centers is not None and self._step > self._saved_step:
      self._save(session, is_last=True)
    if self._training.is_chief:
      self._writer().flush()

  def _writer(self):
    # Estimator writes the losses with the same cached writer.
    return tf.compat.v1.summary.FileWriterCache.get(self._training.model_dir)

  def _read(self, session):
    return session.run([self._training.clusters, self._global_step])

  def _save(self, session, is_last=False):
    centers, self._step = self._read(session)
    shares = self._totals / (self._totals.sum() or 1)
    moved = _distances_moved(
        self._centers, centers, self._training.distance_metric
    )
    self._writer().add_summary(
        tf.compat.v1.Summary(
            value=[
                _histogram('clusters/share_of_points', shares),
                _scalar('clusters/empty', np.sum(self._totals == 0)),
                _histogram('clusters/moved', moved),
                _scalar('clusters/moved_mean', moved.mean()),
                _scalar('clusters/moved_max', moved.max()),
            ]
        ),
        self._step,
    )
    every = self._save_embedding_steps
    if every and (is_last or self._step // every > self._saved_step // every):
      _write_embedding(
          self._training.model_dir, self._step, centers, shares, moved
      )
    self._centers, self._saved_step = centers, self._step
    self._totals[:] = 0


def _distances_moved(before, after, metric):
  before, after = before.astype(np.float64), after.astype(np.float64)
  if metric == distances.SQUARED_EUCLIDEAN_DISTANCE:
    return np.linalg.norm(after - before, axis=1)
  # Half the squared distance of unit vectors is 1 - cos, without cancellation.
  change = _unit_vectors(after) - _unit_vectors(before)
  return np.square(change).sum(axis=1) / 2


def _unit_vectors(rows):
  norms = np.linalg.norm(rows, axis=1, keepdims=True)
  return rows / np.where(norms > 0, norms, 1)


def _scalar(tag, value):
  return tf.compat.v1.Summary.Value(tag=tag, simple_value=float(value))


def _histogram(tag, values):
  """Makes a histogram of values in memory; TensorFlow's needs an op."""
  low, high = values.min(), values.max()
  edges = np.linspace(low, high, _NUM_BUCKETS + 1, dtype=np.float64)
  if not np.all(np.diff(edges) > 0):
    # The values are equal, or differ by rounding errors only.
    edges = edges[[0, -1]]
  counts, _ = np.histogram(values, edges)
  return tf.compat.v1.Summary.Value(
      tag=tag,
      histo=tf.compat.v1.HistogramProto(
          min=low,
          max=high,
          num=values.size,
          sum=values.sum(),
          sum_squares=np.square(values).sum(),
          bucket_limit=edges[1:],
          bucket=counts,
      ),
  )


def _write_embedding(
    model_dir: str,
    step: int,
    centers: np.ndarray,
    shares: np.ndarray,
    moved: np.ndarray,
) -> None:
  """Writes the centers to files that TensorBoard's projector reads.

  Args:
    model_dir: the folder of the model.
    step: the `global_step`.
    centers: `[k, d]`.
    shares: `[k]`, each cluster's share of the points.
    moved: `[k]`, the distance that each center has moved.
  """
  tf.io.gfile.makedirs(os.path.join(model_dir, _PROJECTOR_FOLDER))
  tensor, metadata = _projector_files(step)
  _write_lines(
      os.path.join(model_dir, tensor),
      ['\t'.join(f'{x:.9g}' for x in center) for center in centers],
  )
  _write_lines(
      os.path.join(model_dir, metadata),
      [
          'cluster\tshare_of_points\tmoved',
          *(
              f'{i}\t{share:.6g}\t{distance:.6g}'
              for i, (share, distance) in enumerate(zip(shares, moved))
          ),
      ],
  )
  _list_embedding(model_dir, step)


def _list_embedding(model_dir, step):
  """Adds an embedding to the projector's list and removes old embeddings."""
  path = os.path.join(model_dir, _PROJECTOR_CONFIG)
  others, steps = [], {step}
  for line in _read_lines(path):
    own = _OWN_LINE.match(line)
    if own:
      steps.add(int(own[1]))
    else:
      others.append(line)
  # Training may have gone back to an earlier checkpoint. Embeddings of later
  # steps are then of a model that is gone.
  latest = sorted(s for s in steps if s <= step)[-_MAX_EMBEDDINGS:]
  own_lines = []
  for listed in latest:
    tensor, metadata = _projector_files(listed)
    own_lines.append(
        f'embeddings {{ tensor_name: "centers at step {listed}" tensor_path: '
        f'"{tensor}" metadata_path: "{metadata}" }}  '
        f'# ClusterSummaryHook, step {listed}'
    )
  _write_lines(path, [*others, *own_lines])
  for dropped in steps.difference(latest):
    for file in _projector_files(dropped):
      path = os.path.join(model_dir, file)
      if tf.io.gfile.exists(path):  # Users may have removed it.
        tf.io.gfile.remove(path)


def _projector_files(step):
  return [
      f'{_PROJECTOR_FOLDER}/{kind}-{step}.tsv' for kind in ('centers', 'about')
  ]


def _read_lines(path: str) -> List[str]:
  if not tf.io.gfile.exists(path):
    return []
  with tf.io.gfile.GFile(path) as file:
    return file.read().splitlines()


def _write_lines(path: str, lines: List[str]) -> None:
  # Write to a new file and rename it, so that TensorBoard never reads a file
  # that is half written.
  with tf.io.gfile.GFile(path + '.new', 'w') as file:
    file.write('\n'.join(lines) + '\n')
  tf.io.gfile.rename(path + '.new', path, overwrite=True)
