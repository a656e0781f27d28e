# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""All code that depends on a version or a private module of TensorFlow.

TensorFlow 2.16 removed Estimator. The package tensorflow-estimator 2.15 still
installs beside later releases, but imports private names that these releases
no longer have. Importing this package supplies those names, so that its modules
and the rest of kmeans_estimator can import `tensorflow_estimator` like any
other package.
"""

import tensorflow as tf

from kmeans_estimator._compat import gaps
from kmeans_estimator._compat import log_filter
from kmeans_estimator._compat import versions


def install() -> None:
  """Makes `tensorflow_estimator` importable beside the installed TensorFlow.

  Also makes TensorFlow's logger drop deprecation warnings that the user of an
  Estimator cannot act on. Calling it again changes nothing.

  Raises:
    ImportError: this package does not support the installed TensorFlow, or
      tensorflow-estimator is not installed.
  """
  versions.check_tensorflow(tf.__version__)
  versions.check_tensorflow_estimator(tf.__version__)
  log_filter.install()
  gaps.fill()


install()
