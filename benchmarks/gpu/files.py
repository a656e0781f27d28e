# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""The files that `export` writes and `run` reads."""

import os
from typing import NamedTuple

# The precision in which XLA multiplies float32 matrices: the default of the
# device (TF32 on Ampere and later, which rounds factors to 11 bits), or
# float32.
DEFAULT = 'default'
HIGHEST = 'float32'
PRECISIONS = (DEFAULT, HIGHEST)
# Results are compared after this number of steps.
STEPS = 3


class Size(NamedTuple):
  """The size of a problem: rows, columns, centers."""

  n: int
  d: int
  k: int

  @classmethod
  def parse(cls, text: str) -> 'Size':
    """Reads `NxDxK`."""
    return cls(*map(int, text.split('x')))

  def __str__(self):
    return 'x'.join(map(str, self))


def hlo_path(folder: str, size: Size, precision: str) -> str:
  """Returns the path of the program, a serialized HloModuleProto."""
  return os.path.join(folder, f'lloyd_{size}_{precision}.hlo')


def expected_path(folder: str, size: Size) -> str:
  """Returns the path of an NPZ file with the expected results.

  It holds the `losses` of `STEPS` steps, the `clusters` after these steps, and
  one `point`.
  """
  return os.path.join(folder, f'lloyd_{size}.npz')
