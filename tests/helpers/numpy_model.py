# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The algorithm in float64 NumPy, which tests compare with.

S. Lloyd, "Least squares quantization in PCM", 1982, and D. Sculley, "Web-scale
k-means clustering", 2010. Functions take a state and return the next state.
They share no code with the product.
"""

import dataclasses
from typing import Optional, Tuple

import numpy as np

SQUARED_EUCLIDEAN = 'squared_euclidean'
COSINE = 'cosine'
METRICS = (SQUARED_EUCLIDEAN, COSINE)


def normalize(x: np.ndarray) -> np.ndarray:
  """Scales rows to unit length; zero rows stay zero."""
  norm = np.linalg.norm(x, axis=1, keepdims=True)
  return np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)


def distances(
    points: np.ndarray, centers: np.ndarray, metric: str
) -> np.ndarray:
  """Returns the distances `[n, k]`; Euclidean distances are squared."""
  points = np.asarray(points, np.float64)
  centers = np.asarray(centers, np.float64)
  if metric == COSINE:
    return 1 - normalize(points) @ normalize(centers).T
  return ((points[:, np.newaxis] - centers) ** 2).sum(axis=2)


@dataclasses.dataclass(frozen=True)
class State:
  """A model between two steps.

  Attributes:
    metric: one of METRICS.
    steps_per_iteration: M of the mini-batch rule; None: full batch.
    clusters: `[k, d]`, the centers that points are allocated to.
    counts: `[k]`, the number of points averaged in each center (mini-batch).
    clusters_updated: `[k, d]`, the copy that steps update (M > 1).
    update_in_steps: steps left in this iteration (M > 1).
  """

  metric: str
  steps_per_iteration: Optional[int]
  clusters: np.ndarray
  counts: Optional[np.ndarray] = None
  clusters_updated: Optional[np.ndarray] = None
  update_in_steps: Optional[int] = None

  @property
  def normalized(self) -> bool:
    """Whether the rows of `clusters` have unit length."""
    return self.metric == COSINE and self.steps_per_iteration != 1


def initial_state(
    centers: np.ndarray, metric: str, steps_per_iteration: Optional[int]
) -> State:
  """Returns the model right after its initial centers were chosen."""
  centers = np.asarray(centers, np.float64)
  if metric == COSINE:
    centers = normalize(centers)
  state = State(metric, steps_per_iteration, centers)
  if steps_per_iteration is None:
    return state
  if steps_per_iteration == 1:
    return dataclasses.replace(state, counts=np.ones(len(centers), np.int64))
  return dataclasses.replace(
      state,
      counts=np.zeros(len(centers), np.int64),
      clusters_updated=centers,
      update_in_steps=steps_per_iteration,
  )


def finish_iteration_if_due(state: State) -> State:
  """Copies `clusters_updated` to `clusters` if the iteration has ended."""
  if state.update_in_steps is None or state.update_in_steps > 0:
    return state
  updated = state.clusters_updated
  return dataclasses.replace(
      state,
      clusters=normalize(updated) if state.normalized else updated,
      counts=np.zeros_like(state.counts),
      update_in_steps=state.steps_per_iteration,
  )


def relocated(
    index: np.ndarray, distance: np.ndarray, num_clusters: int
) -> np.ndarray:
  """Moves the farthest points to the empty clusters.

  Args:
    index: `[n]`, the cluster of each point.
    distance: `[n]`, the point's distance to its center.
    num_clusters: k.

  Returns:
    `[n]`, the new clusters: the first empty cluster has the farthest point, the
    second empty cluster the second farthest point. Points at distance 0 stay.
  """
  index = index.copy()
  empty = np.setdiff1d(np.arange(num_clusters), index)
  farthest = np.argsort(-distance, kind='stable')
  for cluster, row in zip(empty, farthest[distance[farthest] > 0]):
    index[row] = cluster
  return index


def step(
    state: State, points: np.ndarray, index: Optional[np.ndarray] = None
) -> Tuple[State, float]:
  """Runs one training step.

  Args:
    state: the model before the step. `update_in_steps` may be 0, as in a
      checkpoint of the reference.
    points: `[n, d]`, the batch.
    index: `[n]`, an allocation to use instead of the one this function
      computes. If two centers are almost equally near, rounding decides, and
      either is correct.

  Returns:
    The model after the step, and the loss: the sum of the distances of the
    points to the centers before the step. A batch without rows changes nothing.
  """
  if not len(points):
    return state, 0.0
  state = finish_iteration_if_due(state)
  points = np.asarray(points, np.float64)
  if state.metric == COSINE:
    points = normalize(points)
  to_all = distances(points, state.clusters, state.metric)
  if index is None:
    index = to_all.argmin(axis=1)
  distance = to_all[np.arange(len(points)), index]
  loss = distance.sum()

  if state.steps_per_iteration is None:
    index = relocated(index, distance, len(state.clusters))
  member = np.arange(len(state.clusters))[:, np.newaxis] == index
  sums, hits = member @ points, member.sum(axis=1)
  if state.steps_per_iteration is None:
    clusters = np.where(
        hits[:, np.newaxis] > 0,
        sums / np.maximum(hits, 1)[:, np.newaxis],
        state.clusters,
    )
    if state.normalized:
      clusters = normalize(clusters)
    return dataclasses.replace(state, clusters=clusters), loss

  several = state.steps_per_iteration > 1
  centers = (state.clusters_updated if several else state.clusters).copy()
  hit = hits > 0
  counts = state.counts + hits
  change = (sums - hits[:, np.newaxis] * centers)[hit]
  centers[hit] += change / counts[hit, np.newaxis]
  if not several:
    return dataclasses.replace(state, clusters=centers, counts=counts), loss
  state = dataclasses.replace(
      state,
      clusters_updated=centers,
      counts=counts,
      update_in_steps=state.update_in_steps - 1,
  )
  return finish_iteration_if_due(state), loss
