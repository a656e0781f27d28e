# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Refuses a release whose tag, version and changelog do not agree.

    python .ci/check_release.py v0.1.0
"""

import pathlib
import re
import sys
from typing import Callable, Iterator

_ROOT = pathlib.Path(__file__).parent.parent


def problems(tag: str, read: Callable[[str], str]) -> Iterator[str]:
  """Yields what is wrong with a release.

  Args:
    tag: the name of its tag.
    read: returns the text of a file, given its path from the root.
  """

  def find(pattern, path):
    found = re.search(pattern, read(path), re.MULTILINE)
    return found and found[1]

  version = find(r"^__version__ = '(.*)'$", 'kmeans_estimator/__init__.py')
  if tag != f'v{version}':
    yield (
        f'The tag is {tag}, but __version__ in kmeans_estimator/__init__.py is '
        f'{version}. The tag must be v{version}, or set __version__.'
    )
  cited = find(r'^version: (.*)$', 'CITATION.cff')
  if cited != version:
    yield f'CITATION.cff has version {cited}, but __version__ is {version}.'
  latest = find(r'^## (.*)$', 'CHANGELOG.md') or ''
  if not re.fullmatch(rf'{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)', latest):
    yield (
        f'CHANGELOG.md begins with {latest!r}. It must begin with the version '
        f'and the date of the release: {version} (YYYY-MM-DD).'
    )


def main() -> None:
  if len(sys.argv) != 2:
    sys.exit('usage: python .ci/check_release.py TAG')
  found = list(
      problems(sys.argv[1], lambda path: (_ROOT / path).read_text('utf-8'))
  )
  sys.exit('\n'.join(found) or None)


if __name__ == '__main__':
  main()
