# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""A program for mypy, which reports an error if a public name has no type.

No test runs it. `assert_type` fails if a name does not resolve. The calls with
`type: ignore` are wrong on purpose: a name of type Any would accept them, and
then mypy reports that the `ignore` is unused.
"""

from typing import Any, Callable, Iterator

import numpy as np
from typing_extensions import assert_type

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import factorization
from kmeans_estimator.estimator.export import ServingInputReceiver
from kmeans_estimator.estimator.tpu import experimental as tpu_experimental


def kmeans_has_its_own_methods_and_those_of_estimator(
    input_fn: Callable[..., Any],
) -> None:
  kmeans = kmeans_estimator.KMeans(num_clusters=2)
  assert_type(kmeans, kmeans_estimator.KMeansClustering)
  assert_type(kmeans.predict_cluster_index(input_fn), Iterator[np.int64])
  assert_type(kmeans.score(input_fn), 'np.floating[Any]')
  kmeans.train(input_fn, steps=1)
  kmeans.train()  # type: ignore[call-arg]
  kmeans.evaluate(input_fn, rounds=1)  # type: ignore[call-arg]
  kmeans.trian(input_fn)  # type: ignore[attr-defined]
  kmeans_estimator.KMeans()  # type: ignore[call-arg]
  print(kmeans_estimator.GMM)  # type: ignore[attr-defined]


def weighted_kmeans_is_a_kmeans(input_fn: Callable[..., Any]) -> None:
  kmeans = kmeans_estimator.WeightedKMeans(2, weight_column='w', num_starts=3)
  assert_type(kmeans.score(input_fn), 'np.floating[Any]')
  kmeans_estimator.KMeans(2, num_starts=3)  # type: ignore[call-arg]
  kmeans_estimator.WeightedKMeans(2, weights='w')  # type: ignore[call-arg]


def modules_resolve_from_the_package() -> None:
  kmeans_estimator.inputs.array_input_fn()  # type: ignore[call-arg]
  kmeans_estimator.features.parse_features()  # type: ignore[call-arg]
  kmeans_estimator.hooks.ProgressHook('bar')  # type: ignore[arg-type]
  kmeans_estimator.ops.clustering_ops.KMeans()  # type: ignore[call-arg]
  kmeans_estimator.restore_tf_estimator(1)  # type: ignore[call-arg]
  factorization.KMeansClustering(2, seed=1)  # type: ignore[call-arg]


def estimator_namespace_resolves() -> None:
  assert_type(
      estimator.experimental.KMeans(2), kmeans_estimator.KMeansClustering
  )
  assert_type(
      estimator.RunConfig(tf_random_seed=1).replace(model_dir=''), Any
  )
  estimator.RunConfig(seed=1)  # type: ignore[call-arg]
  estimator.TrainSpec()  # type: ignore[call-arg]
  estimator.train_and_evaluate()  # type: ignore[call-arg]
  estimator.inputs.numpy_input_fn()  # type: ignore[call-arg]
  estimator.tpu.TPUEstimator(steps=1)  # type: ignore[call-arg]
  print(estimator.GMM)  # type: ignore[attr-defined]
  ServingInputReceiver()  # type: ignore[call-arg]
  tpu_experimental.EmbeddingConfigSpec(a=1)  # type: ignore[call-arg]
