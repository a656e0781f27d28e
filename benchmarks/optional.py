# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Libraries to compare with; a library that is not installed is None."""

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
