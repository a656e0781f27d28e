# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""What `export` leaves for `run`."""

import os
from typing import NamedTuple

# How XLA takes the products of float32 matrices: as the device likes best
# (TF32 on Ampere and later, which rounds factors to 11 bits), or in float32.
DEFAULT = 'default'
HIGHEST = 'float32'
PRECISIONS = (DEFAULT, HIGHEST)
# Steps after which results are compared.
STEPS = 3


class Size(NamedTuple):
  """Of a problem: rows, columns, centers."""

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
  """The program: a serialized HloModuleProto."""
  return os.path.join(folder, f'lloyd_{size}_{precision}.hlo')


def expected_path(folder: str, size: Size) -> str:
  """`losses` of `STEPS` steps, `clusters` after them, and one `point`."""
  return os.path.join(folder, f'lloyd_{size}.npz')
