# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cases that train until the loss converges."""

from typing import Dict

import numpy as np

from benchmarks import data
from benchmarks import optional
from benchmarks import reference
from benchmarks import scratch
from benchmarks import timing
from kmeans_estimator import inputs
from kmeans_estimator import kmeans as kmeans_lib

# Training stops when the relative change of the loss is below this.
_TOLERANCE = 1e-4


def to_tolerance(
    n: int, d: int, k: int, separated: bool = False
) -> Dict[str, timing.Contender]:
  """Measures training from the same initial centers.

  Estimators stop by the relative change of the loss. The other libraries have
  no such criterion, so they run as many steps as our Estimator ran.
  """
  points, centers = data.clusters(n, d, k, separated)
  input_fn = inputs.array_input_fn(points)
  trained = {}

  def train(name, make):
    estimator = make(
        k,
        scratch.folder(),
        centers,
        use_mini_batch=False,
        relative_tolerance=_TOLERANCE,
    )
    estimator.train(input_fn)
    trained[name] = (
        estimator.cluster_centers(),
        int(estimator.get_variable_value('global_step')),
    )

  def sklearn():
    steps = trained[timing.OURS][1]
    kmeans = optional.sklearn.cluster.KMeans(
        k, init=centers, n_init=1, max_iter=steps, tol=0
    ).fit(points)
    trained['scikit-learn'] = kmeans.cluster_centers_, kmeans.n_iter_

  def faiss():
    steps = trained[timing.OURS][1]
    kmeans = optional.faiss.Kmeans(
        d,
        k,
        niter=steps,
        min_points_per_centroid=1,
        max_points_per_centroid=n,
    )
    kmeans.train(points, init_centroids=centers)
    trained['faiss'] = np.array(kmeans.centroids), steps

  runs = {
      timing.OURS: lambda: train(timing.OURS, kmeans_lib.KMeansClustering),
      'reference': lambda: train('reference', reference.KMeansClustering),
  }
  if optional.sklearn:
    runs['scikit-learn'] = sklearn
  if optional.faiss:
    runs['faiss'] = faiss
  return {
      name: timing.Contender(
          run,
          lambda name=name: {
              'inertia': data.inertia(points, trained[name][0]),
              'steps': trained[name][1],
          },
      )
      for name, run in runs.items()
  }
