# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Libraries to compare with; each is None if it is not installed."""

try:
  import faiss
except ImportError:
  faiss = None

try:
  import sklearn
  import sklearn.cluster
except ImportError:
  sklearn = None

__all__ = ['faiss', 'sklearn']
